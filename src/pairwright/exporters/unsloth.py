"""Unsloth: TRL's layout, loaded beside unsloth's own model class."""

from collections.abc import Sequence

from pairwright.exporters import Exporter, Page, Written
from pairwright.exporters._layouts import data_files
from pairwright.exporters._trl_layout import REFUSALS, TrlSettings, layout, refuse


def loading(settings: TrlSettings, written: Written) -> Sequence[Page]:
    """A script that loads the pairs and trains on them."""
    kind = "FastVisionModel" if written.extent.images else "FastLanguageModel"
    return (Page("load.py", _SCRIPT.format(files=data_files(written.splits), kind=kind)),)


_SCRIPT = '''"""Loads the pairs beside this file, and trains on them with unsloth where a model is named:  python load.py MODEL

Unsloth 2026.10 wants a release of datasets below 5.
"""

import sys
from pathlib import Path

if len(sys.argv) > 1:
    from unsloth import {kind}  # before trl, which it patches

from datasets import load_dataset

pairs = load_dataset("parquet", data_dir=str(Path(__file__).parent), data_files={files})
print(pairs)

if len(sys.argv) > 1:
    from trl import DPOConfig, DPOTrainer

    model, processor = {kind}.from_pretrained(sys.argv[1])
    trainer = DPOTrainer(
        model={kind}.get_peft_model(model),
        args=DPOConfig(output_dir="out", max_length=None),
        train_dataset=pairs["train"],
        processing_class=processor,
    )
    trainer.train()
'''

PART = Exporter(
    settings=TrlSettings,
    refuse=refuse,
    refusals=REFUSALS,
    layout=layout,
    loading=loading,
    summary="unsloth, which patches TRL: the same files as for trl",
    source="unsloth 2026.10.9 over trl 1.15 and below",
)

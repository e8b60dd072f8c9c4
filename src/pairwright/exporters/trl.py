"""TRL: pairs for ``DPOTrainer``."""

from collections.abc import Sequence

from pairwright.exporters import Exporter, Page, Written
from pairwright.exporters._layouts import data_files
from pairwright.exporters._trl_layout import REFUSALS, TrlSettings, layout, refuse


def loading(settings: TrlSettings, written: Written) -> Sequence[Page]:
    """A script that loads the pairs and trains on them."""
    held = '\n    eval_dataset=pairs["test"],' if written.split("test") else ""
    return (Page("load.py", _SCRIPT.format(files=data_files(written.splits), held=held)),)


_SCRIPT = '''"""Loads the pairs beside this file, and trains on them with TRL 1.16 where a model is named:  python load.py MODEL"""

import sys
from pathlib import Path

from datasets import load_dataset

pairs = load_dataset("parquet", data_dir=str(Path(__file__).parent), data_files={files})
print(pairs)

if len(sys.argv) > 1:
    from trl import DPOConfig, DPOTrainer

    # max_length=None: cutting a prompt would cut the places of its pictures, which is an error.
    trainer = DPOTrainer(
        model=sys.argv[1],
        args=DPOConfig(output_dir="out", max_length=None),
        train_dataset=pairs["train"],{held}
    )
    trainer.train()
'''

PART = Exporter(
    settings=TrlSettings,
    refuse=refuse,
    refusals=REFUSALS,
    layout=layout,
    loading=loading,
    summary="TRL's DPOTrainer: Parquet with images and messages, one image, several or none",
    source="trl 1.16.0, dpo_trainer.py and data_utils.py",
)

"""Have LLaMA-Factory train two steps on an export, with its own loader and a tiny model on the CPU.

Usage: llamafactory_steps.py EXPORT MODEL WORK. Imports nothing of pairwright.
"""

import importlib
import math
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import yaml

LOSSES = []


def stand_in(name: str) -> None:
    """Put an empty module where a package is imported that no picture needs, and whose builds want a GPU."""
    module = types.ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    sys.modules[name] = module


def main(export: Path, model: str, work: Path) -> None:
    """Train, and check that the losses are numbers."""
    stand_in("torchaudio")
    utils = importlib.import_module("trl.import_utils")
    # trl 0.24 asks transformers 5 for packages in a way that says yes to all of them.
    for name in [name for name in vars(utils) if name.endswith("_available") and name.startswith("_")]:
        setattr(utils, name, False)

    from llamafactory.train.tuner import run_exp
    from transformers import TrainerCallback

    class Losses(TrainerCallback):
        def on_log(self, args: object, state: object, control: object, logs: dict, **kwargs: object) -> None:
            LOSSES.extend([logs["loss"]] if "loss" in logs else [])

    config = yaml.safe_load((export / "train.yaml").read_text())
    config.pop("eval_dataset", None)
    config |= {
        "model_name_or_path": model,
        "template": "llava",
        "finetuning_type": "full",
        "output_dir": str(work / "out"),
        "max_steps": 2,
        "per_device_train_batch_size": 2,
        "learning_rate": 0.1,
        "logging_steps": 1,
        "use_cpu": True,
        "report_to": "none",
        "save_strategy": "no",
        "freeze_vision_tower": False,
        "cutoff_len": 4096,
    }
    run_exp(config, callbacks=[Losses()])
    losses = [float(loss) for loss in LOSSES]
    assert len(losses) == 2, losses
    assert all(math.isfinite(loss) for loss in losses), losses
    print(f"OK llamafactory {config['stage']}: losses {losses}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))

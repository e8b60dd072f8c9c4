"""Have TRL train two steps on an export, loaded by the script beside it, with a tiny model on the CPU.

Usage: trl_steps.py EXPORT MODEL WORK. MODEL is a folder that the check for TRL has written. Imports nothing of pairwright.
"""

import math
import os
import runpy
import sys
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "TRL_DISABLE_TELEMETRY": "1"}


def main(export: Path, model: str, work: Path) -> None:
    """Train, and check that the losses are numbers and that the pictures reached the model."""
    os.environ["HF_HOME"] = str(work / "home")
    import torch

    torch.manual_seed(0)
    sys.argv = [str(export / "load.py")]
    loaded = runpy.run_path(sys.argv[0])
    single = "answers" in loaded
    rows = loaded["answers" if single else "pairs"]["train"]
    from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

    chosen = {
        "output_dir": str(work / "out"),
        "max_length": None,
        "max_steps": 2,
        "per_device_train_batch_size": 2,
        "learning_rate": 0.1,
        "logging_steps": 1,
        "report_to": [],
        "save_strategy": "no",
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "disable_tqdm": True,
    }
    trainer = (
        KTOTrainer(model=model, args=KTOConfig(**chosen), train_dataset=rows)
        if single
        else DPOTrainer(model=model, args=DPOConfig(**chosen), train_dataset=rows)
    )
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    trainer.train()
    losses = [told["loss"] for told in trainer.state.log_history if "loss" in told]
    assert len(losses) == 2, losses
    assert all(math.isfinite(float(loss)) for loss in losses), losses
    moved = [name for name, value in trainer.model.named_parameters() if not torch.equal(before[name], value)]
    assert any("vision" in name for name in moved), "no picture reached the model"
    print(f"OK trl {'kto' if single else 'dpo'}: {len(rows)} rows, losses {losses}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))

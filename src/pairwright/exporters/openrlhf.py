"""OpenRLHF: text pairs for DPO and reward models, prompts with pictures for reinforcement learning."""

import shlex
from collections.abc import Sequence
from typing import Any, Literal

import pyarrow as pa

from pairwright.exporters import Exporter, Extent, Lines, Page, PairRow, Place, Row, Table, Written
from pairwright.exporters._layouts import answer, like_prompt, margin_of, messages, refused
from pairwright.schemas.settings import Settings


class OpenRlhf(Settings):
    """Settings of the exporter."""

    stage: Literal["dpo", "rm", "rl"] = "dpo"
    """``dpo`` or ``rm`` for text pairs, ``rl`` for prompts with their right answers."""
    margin: bool = False
    """Write ``margin``, chosen score minus rejected score, for ``rm``."""


def refuse(row: PairRow, settings: OpenRlhf) -> Sequence[str]:
    """Refuse pictures in pairs; in prompts what one string and its right answer cannot hold."""
    if settings.stage == "rl":
        return refused(
            ("system", row.system is not None),
            ("history", bool(row.history)),
            ("no_ground_truth", row.ground_truth is None),
        )
    return refused(("images", bool(row.images)), ("no_scores", settings.margin and margin_of(row) is None))


def layout(settings: OpenRlhf, extent: Extent) -> Lines | Table:
    """Messages for pairs; for prompts a string, and pictures as bare bytes, because mappings are not understood."""
    if settings.stage == "rl":
        images = [("images", pa.list_(pa.binary()))] if extent.images else []
        texts = [(name, pa.string()) for name in ("input", "label", "datasource", "id")]
        return Table(pa.schema([*texts, *images]), _prompts, like_prompt)

    def rows(pair: PairRow, place: Place) -> Sequence[Row]:
        row: Row = {
            "prompt": messages(pair),
            "chosen": [answer(pair.chosen)],
            "rejected": [answer(pair.rejected)],
        }
        return [row | {"margin": margin_of(pair)} if settings.margin else row]

    return Lines(rows)


def _prompts(pair: PairRow, split: str, number: int) -> Sequence[Row]:
    row: dict[str, Any] = {
        "input": pair.question,
        "label": pair.ground_truth,
        "datasource": pair.source,
        "id": pair.id,
        "images": [picture.data for picture in pair.images],
    }
    return [row]


def loading(settings: OpenRlhf, written: Written) -> Sequence[Page]:
    """Options of the command line that name the columns."""
    if settings.stage == "rl":
        told = f"# Options for OpenRLHF 0.11, for prompts in {written.folder}/train:\n"
        keys = "--data.input_key input --data.label_key label"
        keys += " --data.image_key images" if written.extent.images else ""
    else:
        told = f"# Options for OpenRLHF 0.11 (openrlhf.cli.train_{settings.stage}):\n"
        keys = f"--data.dataset {shlex.quote(f'{written.folder}/train.jsonl')}"
        keys += " --data.prompt_key prompt --data.chosen_key chosen --data.rejected_key rejected"
    return (Page("options.txt", f"{told}{keys} --data.apply_chat_template\n"),)


PART = Exporter(
    settings=OpenRlhf,
    refuse=refuse,
    refusals={
        "images": "its preference training is for texts only (OpenRLHF#503)",
        "no_scores": "a margin needs a score on both sides",
        "system": "a prompt is one string",
        "history": "a prompt is one string",
        "no_ground_truth": "without a right answer there is no reward",
    },
    layout=layout,
    loading=loading,
    summary="OpenRLHF: JSON Lines of text pairs (dpo, rm), or Parquet of prompts with pictures and right answers (rl)",
    source="openrlhf 0.11.2, datasets/reward_dataset.py",
)

"""verl: prompts with right answers for reinforcement learning."""

from collections.abc import Sequence

import pyarrow as pa

from pairwright.exporters import Exporter, Extent, Page, PairRow, Row, Table, Written
from pairwright.exporters._layouts import features, like_prompt, messages, refused, stored
from pairwright.schemas.arrow import IMAGES
from pairwright.schemas.settings import Settings


class Verl(Settings):
    """Settings of the exporter."""

    pictures: bool = True
    """Prompts have pictures; ``false`` for a set of prompts without, as verl reads no set of both."""
    ability: str = "vqa"
    """What stands in the column ``ability``."""
    reward: str = "rule"
    """What stands in ``reward_model.style``."""


def refuse(row: PairRow, settings: Verl) -> Sequence[str]:
    """Refuse prompts without a right answer, and those of the other kind."""
    return refused(
        ("no_ground_truth", row.ground_truth is None),
        ("no_image", settings.pictures and not row.images),
        ("images", not settings.pictures and bool(row.images)),
    )


def layout(settings: Verl, extent: Extent) -> Table:
    """Messages whose contents are strings with markers; no column of images where there are none."""
    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    schema = pa.schema(
        [
            ("data_source", pa.string()),
            ("prompt", pa.list_(message)),
            *([("images", IMAGES)] if settings.pictures else []),
            ("ability", pa.string()),
            ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
            ("extra_info", pa.struct([("split", pa.string()), ("index", pa.int64()), ("id", pa.string())])),
        ],
        metadata=features((), ["images"]) if settings.pictures else None,
    )

    def rows(pair: PairRow, split: str, number: int) -> Sequence[Row]:
        return [
            {
                "data_source": pair.source,
                "prompt": messages(pair),
                "images": [stored(picture) for picture in pair.images],
                "ability": settings.ability,
                "reward_model": {"style": settings.reward, "ground_truth": pair.ground_truth},
                "extra_info": {"split": split, "index": number, "id": pair.id},
            }
        ]

    return Table(schema, rows, like_prompt)


def loading(settings: Verl, written: Written) -> Sequence[Page]:
    """The options that name files and columns."""
    options = [
        f'"data.{key}=[{",".join(f"{written.folder}/{name}" for name in split.files)}]"'
        for key, name in (("train_files", "train"), ("val_files", "test"))
        if (split := written.split(name))
    ]
    options += ["data.prompt_key=prompt", *(["data.image_key=images"] if settings.pictures else [])]
    return (
        Page(
            "options.txt",
            "# Options for verl 0.9 (python -m verl.trainer.main_ppo):\n" + "\n".join(options) + "\n",
        ),
    )


PART = Exporter(
    settings=Verl,
    refuse=refuse,
    refusals={
        "no_ground_truth": "without a right answer there is no reward",
        "no_image": "in a set with a column of images each prompt needs some; --set pictures=false makes a set without",
        "images": "pictures=false makes a set of prompts without pictures",
    },
    layout=layout,
    loading=loading,
    summary="verl: Parquet of prompts with pictures and right answers, one row for each prompt",
    source="verl 0.9.1, utils/dataset/rl_dataset.py",
)

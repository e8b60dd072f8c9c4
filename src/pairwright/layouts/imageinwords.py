"""ImageInWords: two descriptions of a picture, and which one people find better on five criteria, in five steps."""

from collections.abc import Iterator, Mapping
from typing import Any

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import present
from pairwright.layouts._said import PERSON
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.schemas.judgement import Judgement
from pairwright.sources.cells import text

_METRIC = "metrics/"
_TEXTS = ("IIW", "DOCCI", "DCI", "IIW-P5B")
_SIDE_BY_SIDE = "iiw-human-sxs-iiw-p5b"
_STEPS = {"marginally": 1.0, "substantially": 2.0}
_PEOPLE = "IIW-Human"
"""What the labels call the texts of the column ``IIW``."""


def recognise(row: Row) -> int:
    """Tell by a text of the set and the names of its criteria."""
    metrics = _metrics(row)
    return 2 + len(metrics) if "IIW" in row and metrics else 0


def read(row: Row) -> Read:
    """Return the descriptions that the row has, each criterion as a judgement: 2 for substantially better, -2 for worse, 0 for neutral."""
    names = [name for name in _TEXTS if row.get(name)]
    metrics = _metrics(row) if len(names) > 1 else {}
    candidates = tuple(
        Candidate(text(row[name], name), name, judgements=tuple(_judged(metrics, name, names)))
        for name in names
    )
    fields: dict[str, Any] = dict(row)
    taken = present(row, {"id": "ex_id", "images": "image"})
    if row.get("image/key"):
        fields["image/key"] = f"{row['image/key']}.jpg"
        taken |= {"images": "image/key"}
    elif isinstance(row.get("image"), str) and "." not in row["image"]:
        fields["image"] = f"{row['image']}.jpg"
    return Read(fields, taken, candidates)


def _metrics(row: Row) -> Mapping[str, Any]:
    """Return the labels of people on the two texts that the row can have."""
    told = row.get(_SIDE_BY_SIDE)
    labels = told if isinstance(told, Mapping) else row
    return {name: value for name, value in labels.items() if name.startswith(_METRIC) and value}


def _judged(metrics: Mapping[str, Any], name: str, names: list[str]) -> Iterator[Judgement]:
    for column, label in metrics.items():
        value = _value(str(label), column, names)
        signed = value if name == names[0] else -value
        yield Judgement("candidate", PERSON, column.removeprefix(_METRIC), signed + 0.0, -2.0, 2.0)


def _value(label: str, column: str, names: list[str]) -> float:
    """Return by how much the first text is better: below 0 where the second one is."""
    if label == "Neutral":
        return 0.0
    who, _, rest = label.partition(" is ")
    step = _STEPS.get(rest.removesuffix(" better"))
    name = "IIW" if who == _PEOPLE else who
    if step is None or name not in names:
        told = f"expected '… is marginally|substantially better' of {' or '.join(names)}, or Neutral; got {label!r}"
        raise RowError("bad_value", column, told)
    return step if name == names[0] else -step


PART = Layout(
    recognise=recognise,
    read=read,
    summary="two of IIW, DOCCI, DCI, IIW-P5B with metrics/…: who is marginally or substantially better, or Neutral",
    source="google/imageinwords (cc-by-4.0; arXiv 2405.02793)",
    parameters={"pairing": {"rule": "all_unequal"}},
    question="Describe this picture in detail.",
)

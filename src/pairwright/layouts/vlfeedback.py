"""VLFeedback: four answers, each rated by GPT-4V on three aspects, with reasons."""

from collections.abc import Iterator, Mapping
from typing import Any

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import present
from pairwright.layouts._said import as_text, items, mapping, rating
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.judgement import Judgement
from pairwright.sources.cells import bad_value, text

SCORER = "gpt-4v"


def recognise(row: Row) -> int:
    """Tell by completions that have annotations."""
    told = row.get("completions")
    first = told[0] if isinstance(told, list) and told else told
    known = isinstance(first, Mapping) and {"annotations", "response"} <= first.keys()
    return 4 if known and "prompt" in row else 0


def read(row: Row) -> Read:
    """Return the answers with their ratings. A rating that is no number (``N/A``) is a judgement without a value."""
    column = "completions"
    candidates = tuple(
        _candidate(one, f"{column}[{number}]") for number, one in enumerate(items(row[column], column))
    )
    images = next((name for name in ("img_path", "image", "images") if row.get(name) is not None), "img_path")
    taken = present(row, {"id": "id", "question": "prompt", "images": images})
    return Read(row, taken, candidates)


def _candidate(told: object, column: str) -> Candidate:
    if not isinstance(told, Mapping):
        raise bad_value(column, "response, model and annotations", told)
    return Candidate(
        text(told.get("response"), f"{column}.response"),
        told.get("model") if isinstance(told.get("model"), str) else None,
        judgements=tuple(_ratings(told.get("annotations"), f"{column}.annotations")),
    )


def _ratings(told: Any, column: str) -> Iterator[Judgement]:
    for aspect, said in mapping(told, column).items() if told is not None else ():
        if said is None:
            continue
        one = mapping(said, f"{column}.{aspect}")
        value = rating(one.get("Rating"), f"{column}.{aspect}.Rating", 1.0, 5.0)
        yield Judgement("candidate", SCORER, aspect, value, 1.0, 5.0, as_text(one.get("Rationale")))


PART = Layout(
    recognise=recognise,
    read=read,
    summary="prompt and img_path, completions with model, response and annotations: Rating and Rationale for each aspect",
    source="MMInstruction/VLFeedback (arXiv 2312.10665)",
    parameters={"pairing": {"rule": "all_unequal"}},
)

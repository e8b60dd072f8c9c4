"""LLaVA-RLHF: a dialogue, two answers to its last turn, and which of them a person prefers."""

from collections.abc import Mapping

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import known_by, present
from pairwright.layouts._said import PERSON, items, of_these, verdict
from pairwright.schemas.annotation import Annotation
from pairwright.schemas.candidate import Candidate, Outcome
from pairwright.sources.cells import text
from pairwright.sources.turns import read_turns

_WORDS: dict[str, Outcome] = {"1": "first", "2": "second", "0": "tie", "tie": "tie"}


def read(row: Row) -> Read:
    """Return the two answers with the person's verdict; an answer at the end of the dialogue itself is left out of it."""
    turns = items(row["conversations"], "conversations")
    if turns and read_turns(turns[-1:], "conversations")[0].role == "assistant":
        turns.pop()
    outcome = of_these(row["preference"], "preference", _WORDS)
    seen = row.get("hallucination")
    note = None if seen is None else f"hallucination: {seen}"
    return Read(
        {**row, "conversations": turns},
        present(row, {"id": "id", "images": "image", "conversations": "conversations"}),
        candidates=tuple(_output(row[name], name) for name in ("output_1", "output_2")),
        comparisons=(verdict(outcome, PERSON),),
        annotations=(Annotation(PERSON, note=note),),
    )


def _output(told: object, column: str) -> Candidate:
    value = told.get("value") if isinstance(told, Mapping) else told
    return Candidate(text(value, f"{column}.value"))


PART = Layout(
    recognise=known_by("conversations", "output_1", "output_2", "preference"),
    read=read,
    summary="conversations, output_1, output_2 and preference (1 or 2); pictures by COCO file name",
    source="zhiqings/LLaVA-Human-Preference-10K (arXiv 2309.14525)",
)

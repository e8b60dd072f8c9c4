"""WildVision-Bench: what a judge says of a model's answer beside a reference model's, in five steps."""

import re
from collections.abc import Mapping
from typing import Any

from pairwright.layouts import Columns, Layout, Read, Row
from pairwright.layouts._columns import present
from pairwright.layouts._said import as_text, mappings
from pairwright.schemas.candidate import Candidate, Comparison, Outcome
from pairwright.schemas.errors import RowError
from pairwright.sources.cells import text

_PROMPT = re.compile(
    r"<\|User Prompt\|>\n(?P<question>.*?)\n*<\|The Start of Assistant A's Answer\|>\n(?P<a>.*?)\n?"
    r"<\|The End of Assistant A's Answer\|>\n*<\|The Start of Assistant B's Answer\|>\n(?P<b>.*?)\n?"
    r"<\|The End of Assistant B's Answer\|>\s*",
    re.DOTALL,
)
_VERDICTS: dict[str, tuple[Outcome, float]] = {
    "A>>B": ("first", 2.0),
    "A>B": ("first", 1.0),
    "A=B": ("tie", 0.0),
    "B>A": ("second", 1.0),
    "B>>A": ("second", 2.0),
}
REFERENCE = "reference"
"""Who wrote the first answer: the judgements' files name the reference model in their folder only."""


def recognise(row: Row) -> int:
    """Tell by games with a user prompt and a score."""
    games = row.get("games")
    first = games[0] if isinstance(games, list) and games else None
    return 4 if isinstance(first, Mapping) and {"user_prompt", "judgment", "score"} <= first.keys() else 0


def read(row: Row) -> Read:
    """Return both answers out of the judge's prompt, with the judge's verdict and its whole text as the reason.

    Raises:
        RowError: the prompt has another form, or the score is no verdict.
    """
    games = mappings(row["games"], "games")
    first = Columns(games[0] if games else {})
    parts = mappings(first["user_prompt"], "games[0].user_prompt")
    shown = next((part.get("text") for part in parts if part.get("type") == "text"), None)
    found = _PROMPT.fullmatch(text(shown, "games[0].user_prompt"))
    if found is None:
        raise RowError(
            "bad_value", "games[0].user_prompt", "the question and both answers are not where they should be"
        )
    verdict = _VERDICTS.get(str(first["score"]))
    if verdict is None:
        known = ", ".join(_VERDICTS)
        raise RowError("cannot_judge", "games[0].score", f"expected one of {known}; got {first['score']!r}")
    pictures = [part["image"] for part in parts if part.get("type") == "image" and part.get("image")]
    fields: dict[str, Any] = {**row, "games[0].question": found["question"], "games[0].image": pictures}
    outcome, strength = verdict
    scorer = as_text(row.get("judge")) or "judge"
    return Read(
        fields,
        present(row, {"id": "question_id"}) | {"question": "games[0].question", "images": "games[0].image"},
        candidates=(Candidate(found["a"], REFERENCE), Candidate(found["b"], as_text(row.get("model")))),
        comparisons=(Comparison(0, 1, outcome, scorer, strength, as_text(first["judgment"])),),
    )


PART = Layout(
    recognise=recognise,
    read=read,
    summary="question_id, model, judge and games: the judge's prompt with both answers, its text, and a score from A>>B to B>>A",
    source="WildVision-AI/WildVision-Bench (mit; arXiv 2406.11069)",
)

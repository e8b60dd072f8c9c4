"""Battles of an arena: two models answer a person, who says which is better. VisionArena, WildVision, Arena 140k."""

from collections.abc import Mapping
from typing import Any

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import known_by, present
from pairwright.layouts._said import PERSON, as_text, of_these
from pairwright.schemas.annotation import Annotation
from pairwright.schemas.candidate import Candidate, Comparison, Outcome
from pairwright.schemas.errors import RowError
from pairwright.sources.cells import from_json
from pairwright.sources.turns import Turn, read_turns

_WORDS: dict[str, Outcome] = {
    "model_a": "first",
    "model_b": "second",
    "tie": "tie",
    "tie (bothbad)": "tie",
    "bothbad": "tie",
    "both_bad": "tie",
}
_PEOPLE = ("judge", "evaluation_session_id", "user_id")


def read(row: Row) -> Read:
    """Return the last answers of both models with the person's verdict.

    Raises:
        RowError: the dialogues went different ways before the last answer, so that there is no prompt that both answered.
    """
    sides = [read_turns(_plain(row[name]), name) for name in ("conversation_a", "conversation_b")]
    for name, turns in zip(("conversation_a", "conversation_b"), sides, strict=True):
        if len(turns) < 2 or turns[-1].role != "assistant":
            raise RowError("bad_value", name, "expected a dialogue that ends with the model's answer")
    if [_same(turn) for turn in sides[0][:-1]] != [_same(turn) for turn in sides[1][:-1]]:
        apart = "the two dialogues go different ways before the last answer: there is no prompt that both answered"
        raise RowError("bad_value", "conversation_b", apart)
    person = next((said for name in _PEOPLE if (said := as_text(row.get(name)))), PERSON)
    outcome = of_these(row["winner"], "winner", _WORDS)
    why = as_text(row["winner"]) if outcome == "tie" else None
    fields: dict[str, Any] = {**row, "conversation_a": list(_plain(row["conversation_a"]))[:-1]}
    taken = present(row, {"images": "images", "language": "language"})
    if "images" not in row and "image" in row:
        taken["images"] = "image"
    identity = "question_id" if "question_id" in row else "id"
    return Read(
        fields,
        taken | present(row, {"id": identity}) | {"conversations": "conversation_a"},
        candidates=tuple(
            Candidate(turns[-1].text, as_text(row.get(f"model_{side}")))
            for side, turns in zip("ab", sides, strict=True)
        ),
        comparisons=(Comparison(0, 1, outcome, person, 0.0 if outcome == "tie" else 1.0, why),),
        annotations=(Annotation(person, (0, 1), at=as_text(row.get("tstamp") or row.get("timestamp"))),),
    )


def _plain(value: Any) -> Any:
    """Return messages without what parts have beside type, text and picture."""
    turns = from_json(value)
    if not isinstance(turns, list):
        return turns
    return [
        {**turn, "content": _parts(turn.get("content"))} if isinstance(turn, Mapping) else turn
        for turn in turns
    ]


def _parts(content: Any) -> Any:
    """Return the parts of a message; WildVision writes ``[text, [pictures]]``, Arena 140k has a null for what is not there."""
    if not isinstance(content, list):
        return content
    return [
        {name: value for name, value in part.items() if value is not None}
        if isinstance(part, Mapping)
        else part
        for part in content
        if not isinstance(part, list)
    ]


def _same(turn: Turn) -> tuple[str, str]:
    return turn.role, " ".join(turn.text.split())


PART = Layout(
    recognise=known_by("model_a", "model_b", "winner", "conversation_a", "conversation_b"),
    read=read,
    summary="conversation_a and conversation_b of model_a and model_b, winner (model_a, model_b, tie, tie (bothbad)), judge",
    source="lmarena-ai/VisionArena-Battle, WildVision/wildvision-battle (arXiv 2406.11069), lmarena-ai/arena-human-preference-140k",
)

"""Two answers side by side: the forms of a verdict, and what two orders say together."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pairwright.annotators._judging import closed_object, reason_schema
from pairwright.annotators._reading import exact_keys, json_object, quoted, text_of, unusable
from pairwright.schemas.candidate import Outcome

Output = Literal["schema", "text", "bracket", "number"]

_MUTE = "cannot judge"

_PLAIN: dict[str, tuple[Outcome, float]] = {
    "A": ("first", 1.0),
    "B": ("second", 1.0),
    "tie": ("tie", 0.0),
    _MUTE: ("cannot_judge", 0.0),
}
_STRONG: dict[str, tuple[Outcome, float]] = {
    "A>>B": ("first", 2.0),
    "A>B": ("first", 1.0),
    "A=B": ("tie", 0.0),
    "B>A": ("second", 1.0),
    "B>>A": ("second", 2.0),
    _MUTE: ("cannot_judge", 0.0),
}
_OTHER: dict[Outcome, Outcome] = {
    "first": "second",
    "second": "first",
    "tie": "tie",
    "cannot_judge": "cannot_judge",
}

_BRACKET = re.compile(r"\[\[([^\[\]]*)\]\]")
_NUMBER = re.compile(r"(?:Output )?\(([12])\)\.?\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Said:
    """What a judge said of two answers, the first and the second of those that are meant."""

    outcome: Outcome
    strength: float
    rationale: str | None = None


def side_labels(output: Output) -> tuple[str, str]:
    """Return the names of the two answers, in the order shown."""
    return ("1", "2") if output == "number" else ("A", "B")


def side_schema(*, strength: bool, rationale: int) -> dict[str, object]:
    """Return the JSON schema of a verdict: a reason of at most ``rationale`` characters, and one of the levels."""
    verdict: dict[str, object] = {"type": "string", "enum": list(_STRONG if strength else _PLAIN)}
    reason = {"rationale": reason_schema(rationale)} if rationale else {}
    return closed_object({**reason, "verdict": verdict})


def form_of(output: Output, strength: bool, rationale: int) -> dict[str, object]:
    """Return what the prompt may say of the form: its name, the verdicts as they are to be written, and the levels."""
    first, second, tie, mute = _spelled(output, strength)
    return {
        "output": output,
        "strength": strength or output == "bracket",
        "rationale": rationale,
        "verdicts": {"first": first, "second": second, "tie": tie, "cannot_judge": mute},
    }


def read_side(text: str, output: Output, *, strength: bool, rationale: int, answers: Sequence[str]) -> Said:
    """Return what a judge wrote of two answers in the order shown.

    Raises:
        RowError: ``cannot_judge`` where the form was not kept.
    """
    if output == "bracket":
        return read_bracket(text)
    if output == "number":
        return read_number(text, answers)
    found = json_object(text, output)
    exact_keys(found, ["rationale", "verdict"] if rationale else ["verdict"], "the judge's object")
    levels = _STRONG if strength else _PLAIN
    verdict = found["verdict"]
    if not isinstance(verdict, str) or verdict not in levels:
        raise unusable(f"the verdict {quoted(json.dumps(verdict))} is none of {', '.join(levels)}")
    return Said(*levels[verdict], text_of(found, "rationale", "the judge's object"))


def read_bracket(text: str) -> Said:
    """Return the verdict of a text that ends in one of five brackets: the last pair of brackets counts.

    >>> read_bracket("A names the dog, B does not. My final verdict is: [[A>>B]]").outcome
    'first'
    >>> read_bracket("I would say [[A]]")
    Traceback (most recent call last):
        ...
    pairwright.schemas.errors.RowError: the last bracket 'A' is none of A>>B, A>B, A=B, B>A, B>>A, cannot judge
    """
    brackets = list(_BRACKET.finditer(text))
    if not brackets:
        raise unusable(f"no verdict in double brackets: {quoted(text)}")
    last = brackets[-1]
    if last[1] not in _STRONG:
        raise unusable(f"the last bracket {quoted(last[1])} is none of {', '.join(_STRONG)}")
    return Said(*_STRONG[last[1]], text[: last.start()].strip() or None)


def read_number(text: str, answers: Sequence[str]) -> Said:
    """Return the verdict of a text that is ``(1)`` or ``(2)``, or that with the answer it names written out again.

    >>> read_number("Output (2).", ["A cat.", "A dog."]).outcome
    'second'
    >>> read_number("Neither (1) nor (2)", ["A cat.", "A dog."])
    Traceback (most recent call last):
        ...
    pairwright.schemas.errors.RowError: neither (1) nor (2) alone: 'Neither (1) nor (2)'
    """
    found = _NUMBER.fullmatch(text.strip())
    if not found or found[2] not in ("", answers[int(found[1]) - 1].strip()):
        raise unusable(f"neither (1) nor (2) alone: {quoted(text)}")
    return Said("first" if found[1] == "1" else "second", 1.0)


def mirrored(said: Said) -> Said:
    """Return the same verdict with the two answers in the other order."""
    return replace(said, outcome=_OTHER[said.outcome])


def agreed(straight: Said, swapped: Said, tie_and_verdict: Literal["cannot_judge", "tie", "verdict"]) -> Said:
    """Return what two orders say together, both told of the answers in the same order.

    The weaker strength holds: only it was said twice.

    >>> agreed(Said("first", 2.0), Said("first", 1.0), "cannot_judge")
    Said(outcome='first', strength=1.0, rationale=None)
    >>> agreed(Said("first", 1.0), Said("second", 1.0), "cannot_judge").outcome
    'cannot_judge'
    """
    outcome, strength = straight.outcome, min(straight.strength, swapped.strength)
    note = None
    if straight.outcome != swapped.outcome:
        outcome, strength = _reconciled(straight, swapped, tie_and_verdict)
        note = f"the two orders disagree: {straight.outcome}, {swapped.outcome}"
    reasons = [
        f"first shown as {place}: {said.rationale}"
        for place, said in (("A", straight), ("B", swapped))
        if said.rationale
    ]
    return Said(outcome, strength, "\n".join([note, *reasons] if note else reasons) or None)


def _reconciled(
    straight: Said, swapped: Said, tie_and_verdict: Literal["cannot_judge", "tie", "verdict"]
) -> tuple[Outcome, float]:
    outcomes = {straight.outcome, swapped.outcome}
    if "tie" in outcomes and "cannot_judge" not in outcomes and tie_and_verdict != "cannot_judge":
        verdict = straight if swapped.outcome == "tie" else swapped
        return (verdict.outcome, verdict.strength) if tie_and_verdict == "verdict" else ("tie", 0.0)
    return "cannot_judge", 0.0


def _spelled(output: Output, strength: bool) -> tuple[str, str, str | None, str | None]:
    if output == "number":
        return "(1)", "(2)", None, None
    if output == "bracket":
        return "[[A>B]]", "[[B>A]]", "[[A=B]]", f"[[{_MUTE}]]"
    return ("A>B", "B>A", "A=B", _MUTE) if strength else ("A", "B", "tie", _MUTE)

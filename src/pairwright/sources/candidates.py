"""Candidates in a row: those that pairwright wrote, and lists of answers as others keep them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import pairwise
from typing import Any, TypeGuard, get_args

from pairwright.schemas.annotation import Annotation
from pairwright.schemas.candidate import Candidate, Comparison, Outcome, Side
from pairwright.schemas.claim import Claim, Finding
from pairwright.schemas.errors import RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.span import Span
from pairwright.sources import cells

_TEXT = ("text", "response", "answer", "output", "content", "value")
_MODEL = ("model", "model_id", "name")
_SCORE = ("score", "reward", "rating")
_MOST = 2**31 - 1
SCORER = "source"
"""Who judged, in judgements made of numbers that a source has beside its candidates."""


def listed_candidates(value: object, column: str) -> tuple[Candidate, ...]:
    """Return the answers of a list: texts, or mappings with a text and perhaps a model and numbers.

    Every number beside an answer becomes a judgement on it under its own name; ``score``, ``reward`` or ``rating`` is
    also its score.

    >>> listed_candidates(["A cat.", {"response": "A dog.", "model": "m", "reward": 0.25}], "candidates")[1].score
    0.25

    Raises:
        RowError: ``bad_value`` naming the entry.
    """
    value = cells.from_json(value)
    if value is None or value == "":
        return ()
    if not isinstance(value, (list, tuple)):
        raise cells.bad_value(column, "a list of answers", value)
    return tuple(_listed(one, f"{column}[{number}]") for number, one in enumerate(value))


def _listed(value: object, column: str) -> Candidate:
    if isinstance(value, str):
        return Candidate(cells.text(value, column))
    if not isinstance(value, Mapping):
        raise cells.bad_value(column, "a text, or a mapping with text", value)
    name = next((name for name in _TEXT if isinstance(value.get(name), str)), None)
    if name is None:
        raise cells.bad_value(column, f"a text under one of {', '.join(_TEXT)}", value)
    numbers = {
        key: number
        for key, number in value.items()
        if isinstance(number, (int, float)) and not isinstance(number, bool)
    }
    score = next((key for key in _SCORE if key in numbers), None)
    model = next((value[key] for key in _MODEL if isinstance(value.get(key), str)), None)
    return Candidate(
        text=cells.text(value[name], f"{column}.{name}"),
        model=None if model is None else cells.text(model, f"{column}.model"),
        score=None if score is None else cells.number(numbers[score], f"{column}.{score}"),
        judgements=tuple(
            Judgement(
                "candidate", SCORER, cells.text(str(key), column), cells.number(number, f"{column}.{key}")
            )
            for key, number in numbers.items()
        ),
    )


def own_candidates(value: object) -> tuple[Candidate, ...]:
    """Return the candidates that pairwright wrote to its config ``candidates``."""
    return tuple(
        _own(one, f"candidates[{number}]") for number, one in enumerate(_mappings(value, "candidates"))
    )


def own_comparisons(value: object, candidates: int) -> tuple[Comparison, ...]:
    """Return the comparisons that pairwright wrote, each between two of so many candidates."""
    return tuple(
        _comparison(one, f"comparisons[{number}]", candidates)
        for number, one in enumerate(_mappings(value, "comparisons"))
    )


def own_annotations(value: object, candidates: int) -> tuple[Annotation, ...]:
    """Return the annotations that pairwright wrote beside so many candidates."""
    return tuple(
        _annotation(one, f"annotations[{number}]", candidates)
        for number, one in enumerate(_mappings(value, "annotations"))
    )


def judgements(value: object, column: str) -> tuple[Judgement, ...]:
    """Return the judgements that pairwright wrote to a column of scores."""
    return tuple(_judgement(one, column) for one in _mappings(value, column))


def own_spans(value: object, column: str, text: str) -> tuple[Span, ...]:
    """Return the spans that pairwright wrote beside a text."""
    spans = tuple(_span(one, f"{column}[{n}]") for n, one in enumerate(_mappings(value, column)))
    if any(span.start < before.end for before, span in pairwise(spans)) or (
        spans and spans[-1].end > len(text)
    ):
        raise RowError(
            "bad_value", column, f"expected spans in order, none over another, within {len(text)} characters"
        )
    return spans


def _mappings(value: object, column: str) -> Sequence[Mapping[str, Any]]:
    value = cells.from_json(value)
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, Mapping) for one in value):
        raise cells.bad_value(column, "a list of mappings", value)
    return value


def _own(one: Mapping[str, Any], column: str) -> Candidate:
    text = cells.text(one.get("text"), f"{column}.text")
    return Candidate(
        text=text,
        side=_one_of(one.get("side"), get_args(Side), f"{column}.side"),
        sample=_whole(one.get("sample"), f"{column}.sample"),
        score=cells.number(one.get("score"), f"{column}.score"),
        judgements=judgements(one.get("judgements"), f"{column}.judgements"),
        round=_whole(one.get("round"), f"{column}.round"),
        claims=tuple(
            _claim(each, f"{column}.claims") for each in _mappings(one.get("claims"), f"{column}.claims")
        ),
        spans=own_spans(one.get("spans"), f"{column}.spans", text),
        **{
            name: cells.optional_text(one.get(name), f"{column}.{name}")
            for name in ("model", "finish", "request", "params", "answer")
        },
    )


def _claim(one: Mapping[str, Any], column: str) -> Claim:
    return Claim(
        text=cells.text(one.get("text"), f"{column}.text"),
        finding=_one_of(one.get("finding"), get_args(Finding), f"{column}.finding"),
        question=cells.optional_text(one.get("question"), f"{column}.question"),
        probability=cells.number(one.get("probability"), f"{column}.probability"),
        topic=_whole(one.get("topic"), f"{column}.topic"),
    )


def _span(one: Mapping[str, Any], column: str) -> Span:
    start, end = (_whole(one.get(name), f"{column}.{name}") for name in ("start", "end"))
    weight = cells.number(one.get("weight"), f"{column}.weight")
    if start is None or end is None or weight is None or not (0 <= start < end and weight > 0):
        raise cells.bad_value(column, "start before end, and a weight above 0", dict(one))
    return Span(start, end, weight, cells.optional_text(one.get("label"), f"{column}.label"))


def _whole(value: object, column: str) -> int | None:
    number = cells.number(value, column)
    if number is not None and not -_MOST - 1 <= number <= _MOST:
        raise cells.bad_value(column, "a number of 32 bits", value)
    return None if number is None else int(number)


def _comparison(one: Mapping[str, Any], column: str, candidates: int) -> Comparison:
    numbers = []
    for name in ("first", "second"):
        number = one.get(name)
        if not _is_place(number, candidates):
            raise cells.bad_value(f"{column}.{name}", f"a number from 0 to {candidates - 1}", number)
        numbers.append(number)
    return Comparison(
        first=numbers[0],
        second=numbers[1],
        outcome=_one_of(one.get("outcome"), get_args(Outcome), f"{column}.outcome"),
        scorer=cells.text(one.get("scorer"), f"{column}.scorer"),
        strength=cells.number(one.get("strength"), f"{column}.strength") or 0.0,
        rationale=cells.optional_text(one.get("rationale"), f"{column}.rationale"),
    )


def _annotation(one: Mapping[str, Any], column: str, candidates: int) -> Annotation:
    shown = one.get("shown") or ()
    if not isinstance(shown, (list, tuple)) or not all(_is_place(number, candidates) for number in shown):
        raise cells.bad_value(f"{column}.shown", f"numbers from 0 to {candidates - 1}", shown)
    return Annotation(
        annotator=cells.text(one.get("annotator"), f"{column}.annotator"),
        shown=tuple(shown),
        seconds=cells.number(one.get("seconds"), f"{column}.seconds"),
        at=cells.optional_text(one.get("at"), f"{column}.at"),
        note=cells.optional_text(one.get("note"), f"{column}.note"),
    )


def _is_place(value: object, candidates: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < candidates


def _one_of(value: object, known: Sequence[str], column: str) -> Any:
    if value not in known:
        raise RowError("bad_value", column, f"expected one of {', '.join(known)}, got {value!r}")
    return value


def _judgement(score: Mapping[str, Any], column: str) -> Judgement:
    value, low, high = (cells.number(score.get(name), f"{column}.{name}") for name in ("value", "min", "max"))
    if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
        raise cells.bad_value(f"{column}.value", f"a number from {low} to {high}", value)
    return Judgement(
        target=cells.text(score.get("target"), f"{column}.target"),
        scorer=cells.text(score.get("scorer"), f"{column}.scorer"),
        aspect=cells.text(score.get("aspect"), f"{column}.aspect"),
        value=value,
        low=low,
        high=high,
        rationale=cells.optional_text(score.get("rationale"), f"{column}.rationale"),
    )


def check_texts(*records: object) -> None:
    """Raise RowError where a text in records, however deep, cannot be written as UTF-8."""
    for record in records:
        match record:
            case str():
                cells.text(record, "candidates")
            case tuple():
                check_texts(*record)
            case _ if is_dataclass(record):
                check_texts(*(getattr(record, one.name) for one in fields(record)))

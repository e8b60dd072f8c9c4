"""Goes through an answer sentence by sentence: rates each, names what kind of error it holds, and mends it.

OPA-DPO's corrector: the model sees picture, question, answer and a right answer, and reports on every sentence. The
sentences are those of the answer, numbered here and not copied by the model, and each gets exactly one entry; a sentence
that is called correct stays as it is, whatever the model writes for it. A sentence may be left out (an empty text), and
one may be added at the end for what is missing.

In OPA-DPO's own training the weights by score are those of the pair (mended answer, own answer), and the weight of image
errors is that of the pair whose rejected side is another picture. A span has one weight and one label: here image errors
have theirs, ``image_error_weight: null`` gives them that of their score.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal, get_args

from pydantic import Field

from pairwright.annotators._judging import closed_object
from pairwright.annotators._reading import Json, exact_keys, text_of
from pairwright.correctors import Correct, Corrector, Rewritten, Task
from pairwright.correctors._asking import (
    Look,
    Pen,
    Rewriting,
    Shown,
    Weight,
    bad,
    marks_of,
    pen_of,
    same_words,
    usable,
)
from pairwright.correctors._sentences import sentences
from pairwright.correctors._spans import words
from pairwright.schemas.errors import RowError
from pairwright.schemas.request import Ask
from pairwright.schemas.span import Span

Error = Literal["image_recognition", "language_comprehension", "correct"]

ADDED = "added"
"""Label of a sentence that the answer did not have."""

_SCORES = (1, 2, 3, 4)
_KEYS = ("reason", "error", "score", "text")


class Sentences(Rewriting):
    """Settings of the corrector."""

    look: Look = "pictures"
    """What it goes by: the pictures; the row's evidence (annotations, a caption, a report) in their place; or both."""
    reference: Literal["none", "use", "require"] = "require"
    """Whether it sees a right answer: never, where the row has one, or always (a row without is a reject)."""
    weights: tuple[Weight, Weight, Weight, Weight] = (2.5, 2.0, 1.5, 1.0)
    """Of sentences with an error, by their score: 1 (all wrong), 2, 3 and 4 (as good as right)."""
    image_error_weight: Weight | None = 3.0
    """Of sentences that tell what is not in the picture; null: that of their score."""
    may_add: bool = True
    """Whether a sentence may be added for what is missing; it has the weight of score 4."""
    most_repeats: Annotated[int, Field(ge=1)] = 30
    """A text with one word more often than this cannot be used."""
    max_tokens: Annotated[int, Field(ge=1)] = 3000
    """Tokens the model may write; an answer that is cut there is not used."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the model says of one sentence."""

    reason: str
    error: Error
    score: int
    text: str
    """The sentence as it should be; empty where it should not be there."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The mended answer."""

    text: str
    places: tuple[tuple[int, int] | None, ...]
    """Where each sentence stands in it; None for one that was left out."""
    added: tuple[int, int] | None
    """Where the added sentence stands."""


def prepare(settings: Sentences) -> Correct:
    """Return the corrector.

    Raises:
        ParameterError: the prompt cannot be used.
    """
    cell = '{"reason": "…", "error": "…", "score": 1, "text": "…"}'
    added = ', "added": "…"' if settings.may_add else ""
    rules = {"form": f'{{"sentences": {{"1": {cell}, …}}{added}}}', "may_add": settings.may_add}
    return partial(_correct, settings, pen_of(settings, "sentences", _shown(settings), rules))


async def _correct(settings: Sentences, pen: Pen, task: Task, ask: Ask) -> Rewritten:
    places = sentences(task.text)
    own = [task.text[start:end] for start, end in places]

    def read(found: Json) -> tuple[list[Report], Joined, str]:
        reports, added = _read(settings, found, own)
        if not added and all(one.error == "correct" for one in reports):
            raise RowError("no_correction", None, "the corrector finds every sentence correct")
        _check_mended(task.text, places, reports)
        joined = _joined(task.text, places, reports, added)
        _check_text(settings, joined.text, task.text)
        return reports, joined, json.dumps(found, ensure_ascii=False)

    numbered = "\n".join(f"{_numbered(n)} {sentence}" for n, sentence in enumerate(own, 1))
    request = pen.request(task, _schema(settings, len(places)), answer=numbered)
    reports, joined, notes = await pen.read(ask, request, read)
    return Rewritten(
        joined.text,
        _spans(settings, reports, joined.places, joined.added),
        _spans(settings, reports, places, None),
        notes,
        pen.prompt.mark,
    )


def _schema(settings: Sentences, count: int) -> dict[str, object]:
    text: dict[str, object] = {"type": "string"}
    cell = closed_object(
        {
            "reason": text,
            "error": {"type": "string", "enum": list(get_args(Error))},
            "score": {"type": "integer", "enum": list(_SCORES)},
            "text": text,
        }
    )
    added = {"added": text} if settings.may_add else {}
    return closed_object({"sentences": closed_object(dict.fromkeys(_numbers(count), cell)), **added})


def _numbers(count: int) -> list[str]:
    return [str(number) for number in range(1, count + 1)]


def _numbered(number: int) -> str:
    """Return how the number of a sentence is shown."""
    return f"[{number}]"


def _read(settings: Sentences, found: Json, own: Sequence[str]) -> tuple[list[Report], str]:
    """Return the report on each of the answer's sentences, and the sentence that is to be added, which may be empty."""
    exact_keys(found, ["sentences", "added"] if settings.may_add else ["sentences"], "the model's object")
    told = found["sentences"]
    if not isinstance(told, dict):
        raise bad("sentences is no object")
    exact_keys(told, _numbers(len(own)), "sentences")
    added = text_of(found, "added", "the model's object") or ""
    return [_report(told[str(number)], number, sentence) for number, sentence in enumerate(own, 1)], added


def _report(one: object, number: int, sentence: str) -> Report:
    place = f"sentence {number}"
    if not isinstance(one, dict):
        raise bad(f"{place} is no object")
    exact_keys(one, _KEYS, place)
    reason, text = (text_of(one, key, place) or "" for key in ("reason", "text"))
    if one["error"] not in get_args(Error):
        raise bad(f"{place} has the error {one['error']!r}; expected one of {', '.join(get_args(Error))}")
    if one["score"] not in _SCORES or isinstance(one["score"], bool | float):
        raise bad(f"{place} has the score {one['score']!r}; expected 1 to 4")
    if not sentence.startswith(_numbered(number)):  # some models copy it
        text = text.removeprefix(_numbered(number)).lstrip()
    return Report(reason, one["error"], one["score"], text)


def _check_mended(text: str, places: Sequence[tuple[int, int]], reports: Sequence[Report]) -> None:
    for number, ((start, end), one) in enumerate(zip(places, reports, strict=True), 1):
        if one.error != "correct" and same_words(text[start:end], one.text):
            raise bad(f"sentence {number} is called wrong and left as it is")


def _joined(text: str, places: Sequence[tuple[int, int]], reports: Sequence[Report], added: str) -> Joined:
    """Put the mended sentences together, with the blanks that stood between the old ones."""
    made, ends = "", 0
    now: list[tuple[int, int] | None] = []
    for (start, end), one in zip(places, reports, strict=True):
        sentence = text[start:end] if one.error == "correct" else one.text
        gap, ends = text[ends:start], end
        if not sentence:
            now.append(None)
            continue
        made += gap if made else ""
        now.append((len(made), len(made) + len(sentence)))
        made += sentence
    if not added:
        return Joined(made, tuple(now), None)
    made += " " if made else ""
    return Joined(made + added, tuple(now), (len(made), len(made) + len(added)))


def _check_text(settings: Sentences, text: str, original: str) -> None:
    """Refuse what OPA-DPO's filters refuse: texts that go round in circles, and empty ones; and the answer as it was."""
    usable(text, original)
    if same_words(text, original):
        raise bad("sentences are called wrong, and all of them together say the same")
    last = [text[start:end] for start, end in sentences(text)][-2:]
    if len(last) == 2 and same_words(*last):
        raise bad("the last sentence stands there twice")
    counted = Counter(word for start, end in words(text) if (word := text[start:end].casefold()).isalnum())
    word, count = counted.most_common(1)[0] if counted else ("", 0)
    if count > settings.most_repeats:
        raise bad(f"the word {word!r} stands there {count} times")


def _spans(
    settings: Sentences,
    reports: Sequence[Report],
    places: Sequence[tuple[int, int] | None],
    added: tuple[int, int] | None,
) -> tuple[Span, ...]:
    def weight(one: Report) -> float:
        own = settings.image_error_weight if one.error == "image_recognition" else None
        return settings.weights[one.score - 1] if own is None else own

    spans = [
        Span(*place, weight(one), one.error)
        for one, place in zip(reports, places, strict=True)
        if place is not None and one.error != "correct"
    ]
    return (*spans, Span(*added, settings.weights[-1], ADDED)) if added else tuple(spans)


def _shown(settings: Sentences) -> Shown:
    return Shown(settings.look, settings.reference)


PART = Corrector(
    settings=Sentences,
    prepare=prepare,
    makes="better",
    summary="rates every sentence of an answer, names its kind of error and mends it, by the pictures and a right answer",
    source="OPA-DPO (arXiv 2501.09695): scores 1 to 4, two kinds of errors, weights 2.5, 2.0, 1.5, 1.0 and 3.0, its filters",
    check=lambda settings, task: _shown(settings).check(task),
    marks=partial(marks_of, "sentences"),
)

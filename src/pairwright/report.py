"""The report of a run: one HTML page that stands alone, to look at pairs and numbers before training on them.

The page asks nothing of the network and runs no script. Whatever came from a source or a model is escaped.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pairwright.annotators.pixels import MeasureName
from pairwright.charts import charts
from pairwright.pages import environment
from pairwright.runs.contents import MEASURES
from pairwright.runs.disk import replace_whole
from pairwright.runs.samples import TEXT, Sample, Side, choose
from pairwright.runs.summary import Summary, summarize
from pairwright.runs.wording import (
    KINDS,
    counted,
    drawn_texts,
    measure_text,
    outcome,
    when_text,
)
from pairwright.schemas.errors import ParameterError
from pairwright.thumbnails import Thumbnail, thumbnail

NAME = "report.html"

_PAIR_BUDGET = 72 * 1024
"""Bytes of all thumbnails of a pair: 40 pairs stay below 4 MB of page."""
_MOST_PICTURES = 4
"""Pictures shown of one side."""
_LONGEST = 1600
"""Characters shown of a text."""
_ALIKE = 0.3
"""Share of equal words above which two answers are shown with their difference marked."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text."""

    text: str
    marked: bool = False
    """Whether the other side does not have it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with what is said below it."""

    thumbnail: Thumbnail
    edit: str | None
    measures: tuple[tuple[str, str], ...] = ()
    """(label, value with unit)."""


@dataclass(frozen=True, slots=True)
class Card:
    """One pair as the page shows it."""

    sample: Sample
    figures: tuple[Figure, ...]
    more_figures: int
    """Pictures of the prompt that are left out."""
    negatives: tuple[Figure, ...]
    more_negatives: int
    question: str
    chosen: tuple[Segment, ...]
    rejected: tuple[Segment, ...]
    """Empty where it is the same as ``chosen``."""


@dataclass(frozen=True, slots=True)
class Group:
    """Pairs of one perturbation, or the text pairs."""

    name: str
    about: str
    cards: tuple[Card, ...]


def write_report(folder: str | Path, samples: int = 40, *, out: str | Path | None = None) -> Path:
    """Write the report of a run, finished or not, and return where.

    Args:
        folder: the run folder.
        samples: pairs shown at most.
        out: file to write; ``report.html`` in the run folder if not given.

    Raises:
        RunError: the folder holds no run, or the file cannot be written.
        ParameterError: ``samples`` is negative.
    """
    if samples < 0:
        raise ParameterError(f"samples: expected 0 or more, got {samples}")
    folder = Path(folder)
    summary = summarize(folder)
    page = render(summary, choose(folder, samples))
    path = folder / NAME if out is None else Path(out)
    replace_whole(path, page.encode())
    return path


def render(summary: Summary, samples: Sequence[Sample]) -> str:
    """Return the page."""
    templates = environment()
    page = templates.get_template("report.html").render(
        summary=summary,
        run=summary.run,
        outcome=outcome(summary),
        when=when_text(summary.run),
        refused=sum(reject.count for reject in summary.rejects if reject.scope == "negative"),
        kinds=[(kind, count, KINDS.get(kind, "")) for kind, count in summary.kinds],
        groups=_groups(summary, samples),
        shown=len(samples),
        charts=charts(summary.perturbations),
    )
    return page.encode("utf-8", "replace").decode()  # lone surrogates of a source cannot be written


def _groups(summary: Summary, samples: Sequence[Sample]) -> tuple[Group, ...]:
    about = {
        one.name: ", ".join(filter(None, (counted(one.negatives, "negative"), drawn_texts(one))))
        for one in summary.perturbations
    }
    about[TEXT] = counted(dict(summary.kinds).get("text", 0), "pair")
    return tuple(
        Group(name, about.get(name, ""), tuple(_card(sample) for sample in members))
        for name, members in groupby(samples, key=lambda sample: sample.group)
    )


def _card(sample: Sample) -> Card:
    negatives = sample.rejected_images or Side((), ())
    shown = min(len(sample.images.pictures), _MOST_PICTURES) + min(len(negatives.pictures), _MOST_PICTURES)
    budget = _PAIR_BUDGET // max(shown, 2)
    chosen, rejected = _answers(sample.chosen, sample.rejected)
    return Card(
        sample=sample,
        figures=_figures(sample.images, (), budget),
        more_figures=max(0, len(sample.images.pictures) - _MOST_PICTURES),
        negatives=_figures(negatives, [_measures(x) for x in sample.measures], budget),
        more_negatives=max(0, len(negatives.pictures) - _MOST_PICTURES),
        question=clipped(sample.question.replace("<image>", "").strip() or sample.question),
        chosen=chosen,
        rejected=rejected,
    )


def _figures(side: Side, measures: Sequence[tuple[tuple[str, str], ...]], budget: int) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            thumbnail(data, budget),
            side.edits[number] if number < len(side.edits) else None,
            measures[number] if number < len(measures) else (),
        )
        for number, data in enumerate(side.pictures[:_MOST_PICTURES])
    )


def _measures(values: Mapping[MeasureName, float]) -> tuple[tuple[str, str], ...]:
    return tuple((info.label, measure_text(x, values[x])) for x, info in MEASURES.items() if x in values)


def _answers(chosen: str, rejected: str) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    if chosen == rejected:
        return (Segment(clipped(chosen)),), ()
    return differences(clipped(chosen), clipped(rejected))


def differences(chosen: str, rejected: str) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """Return both texts in segments, those words marked that the other side does not have.

    Texts with little in common come back unmarked: a page of marks shows nothing.

    >>> differences("Two red cups.", "Three red cups.")[1]
    (Segment(text='Three', marked=True), Segment(text=' red cups.', marked=False))
    """
    before, after = (re.findall(r"\s+|\w+|[^\w\s]", text) for text in (chosen, rejected))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    words = [word for word in (*before, *after) if not word.isspace()]
    blocks = matcher.get_matching_blocks()
    equal = [word for start, _, size in blocks for word in before[start : start + size] if not word.isspace()]
    if 2 * len(equal) < _ALIKE * len(words):
        return (Segment(chosen),), (Segment(rejected),)
    sides: tuple[list[Segment], list[Segment]] = ([], [])
    for kind, a, b, c, d in matcher.get_opcodes():
        for side, text in zip(sides, ("".join(before[a:b]), "".join(after[c:d])), strict=True):
            if text:
                side.append(Segment(text, kind != "equal" and not text.isspace()))
    return tuple(sides[0]), tuple(sides[1])


def clipped(text: str) -> str:
    """Return a text cut to what is shown of it."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} … ({len(text) - _LONGEST:,} more characters)"

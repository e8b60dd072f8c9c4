"""The report of a run: one HTML page that stands alone, to look at pairs and numbers before training on them.

The page asks nothing of the network and runs no script. Whatever came from a source or a model is escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pairwright.annotators.pixels import MeasureName
from pairwright.candidate_cards import MOST_PROMPTS, PromptCard, prompt_card
from pairwright.charts import answer_charts, charts, measured_charts
from pairwright.excerpts import MOST_PICTURES, Figure, Saying, Segment, clipped, differences, figures, sayings
from pairwright.pages import environment
from pairwright.runs.candidate_samples import choose_prompts
from pairwright.runs.contents import MEASURES
from pairwright.runs.disk import replace_whole
from pairwright.runs.distance import Distance, distance_of
from pairwright.runs.distance_text import about, columns, gold_order_text, reference_text, rows
from pairwright.runs.know_before import warnings
from pairwright.runs.samples import TEXT, Sample, Side, choose
from pairwright.runs.seen import SeenBy, seen_text
from pairwright.runs.summary import Summary, summarize
from pairwright.runs.wording import (
    KINDS,
    counted,
    drawn_texts,
    measure_text,
    outcome,
    refused_texts,
    rejects_about,
    score_text,
    unparsed,
    when_text,
)
from pairwright.schemas.errors import ParameterError

NAME = "report.html"

_PAIR_BUDGET = 72 * 1024
"""Bytes of all thumbnails of a pair: 40 pairs stay below 4 MB of page."""


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
    score_chosen: str
    """Empty where there is none, as the next two."""
    score_rejected: str
    margin: str
    said_of_chosen: tuple[Saying, ...]
    said_of_rejected: tuple[Saying, ...]
    said_of_pair: tuple[Saying, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Pairs of one perturbation, or the text pairs."""

    name: str
    about: str
    cards: tuple[Card, ...]


def write_report(
    folder: str | Path,
    samples: int = 40,
    *,
    out: str | Path | None = None,
    reference: str | None = None,
    embedder: str | None = None,
) -> Path:
    """Write the report of a run, finished or not, and return where.

    Args:
        folder: the run folder.
        samples: pairs shown at most.
        out: file to write; ``report.html`` in the run folder if not given.
        reference, embedder: what answers are held against, as for :func:`pairwright.runs.distance.distance_of`.

    Raises:
        RunError: the folder holds no run, or the file cannot be written.
        ParameterError: ``samples`` is negative.
        As :func:`pairwright.runs.distance.distance_of` does for the last two.
    """
    if samples < 0:
        raise ParameterError(f"samples: expected 0 or more, got {samples}")
    folder = Path(folder)
    summary = summarize(folder)
    rounds = summary.rounds is not None
    prompts = [prompt_card(one, rounds=rounds) for one in choose_prompts(folder, MOST_PROMPTS)]
    distance = distance_of(folder, reference, embedder=embedder)
    page = render(summary, choose(folder, samples), prompts, distance)
    path = folder / NAME if out is None else Path(out)
    replace_whole(path, page.encode())
    return path


def render(
    summary: Summary,
    samples: Sequence[Sample],
    prompts: Sequence[PromptCard] = (),
    distance: Distance | None = None,
) -> str:
    """Return the page."""
    templates = environment()
    templates.filters |= {
        "about": about,
        "columns": columns,
        "gold_order": gold_order_text,
        "reference": reference_text,
        "rows": rows,
    }
    page = templates.get_template("report.html").render(
        summary=summary,
        run=summary.run,
        outcome=outcome(summary),
        when=when_text(summary.run),
        warnings=warnings(summary),
        refused=refused_texts(summary),
        rejects_about=rejects_about(summary),
        unparsed=unparsed(summary),
        kinds=[(kind, count, KINDS.get(kind, "")) for kind, count in summary.kinds],
        groups=_groups(summary, samples),
        shown=len(samples),
        charts=charts(summary.perturbations),
        answer_charts=answer_charts(summary),
        measured_charts=measured_charts(summary),
        prompts=prompts,
        distance=distance,
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
    shown = min(len(sample.images.pictures), MOST_PICTURES) + min(len(negatives.pictures), MOST_PICTURES)
    budget = _PAIR_BUDGET // max(shown, 2)
    chosen, rejected = _answers(sample.chosen, sample.rejected)
    return Card(
        sample=sample,
        figures=figures(sample.images, budget),
        more_figures=max(0, len(sample.images.pictures) - MOST_PICTURES),
        negatives=figures(negatives, budget, [*map(_measures, sample.measures, sample.seen)]),
        more_negatives=max(0, len(negatives.pictures) - MOST_PICTURES),
        question=clipped(sample.question.replace("<image>", "").strip() or sample.question),
        chosen=chosen,
        rejected=rejected,
        score_chosen=score_text(sample.score_chosen),
        score_rejected=score_text(sample.score_rejected),
        margin=_margin(sample),
        said_of_chosen=_said(sample, "chosen"),
        said_of_rejected=_said(sample, "rejected"),
        said_of_pair=_said(sample, "pair"),
    )


def _margin(sample: Sample) -> str:
    if sample.score_chosen is None or sample.score_rejected is None:
        return ""
    return score_text(sample.score_chosen - sample.score_rejected)


def _said(sample: Sample, target: str) -> tuple[Saying, ...]:
    return sayings(one for one in sample.judgements if one.target == target)


def _measures(
    values: Mapping[MeasureName, float], seen: Mapping[SeenBy, float]
) -> tuple[tuple[str, str], ...]:
    in_pixels = ((info.label, measure_text(x, values[x])) for x, info in MEASURES.items() if x in values)
    by_encoders = sorted(seen, key=lambda by: by.place)
    return (*in_pixels, *((by.label, seen_text(by.measure, seen[by])) for by in by_encoders))


def _answers(chosen: str, rejected: str) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    if chosen == rejected:
        return (Segment(clipped(chosen)),), ()
    return differences(clipped(chosen), clipped(rejected))

"""Counting text pairs: whose answers stand over whose, by how much, and how long both sides are."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pairwright.runs.spread import Spread, Tally, axis_of

COLUMNS = (
    "chosen_text",
    "rejected_text",
    "chosen_model",
    "rejected_model",
    "score_chosen",
    "score_rejected",
    "tags",
)
"""Columns of the shared schema that are read for it."""

MOST_SHOWN = 8
"""Combinations of models, judges and tags that are told one by one."""

_MOST_KEPT = 10_000
"""Different combinations that are counted apart; a source may have a name of its own in every row."""

_CJK = r"\x{3040}-\x{30ff}\x{3400}-\x{4dbf}\x{4e00}-\x{9fff}"
_LETTER = rf"[^\s\pP\pS\pZ\pC\pM{_CJK}]"
_WORD = rf"[{_CJK}]|{_LETTER}+(?:['’]{_LETTER}+)*"
"""A word as ``pairings._lengths.length`` has it, for Arrow, which counts several times faster."""


@dataclass(frozen=True, slots=True)
class ModelPairs:
    """Pairs of one model's answers over another's."""

    chosen: str | None
    rejected: str | None
    """None where the source does not say who wrote the answer."""
    pairs: int


@dataclass(frozen=True, slots=True)
class JudgeTold:
    """Who judged, as the provenance of pairs says."""

    name: str
    kind: str
    """Judge or verifier: its part's name."""
    prompt: str | None
    """Name, version and hash of the prompt file."""
    pairs: int


@dataclass(frozen=True, slots=True)
class TextPairSummary:
    """The pairs of kind text."""

    pairs: int
    models: tuple[ModelPairs, ...]
    """The most frequent combinations first, :data:`MOST_SHOWN` at most."""
    more_models: int
    """Pairs of all other combinations."""
    rules: tuple[tuple[str, int], ...]
    """(pairing rule, pairs)."""
    judges: tuple[JudgeTold, ...]
    tags: tuple[tuple[str, int], ...]
    """(tag, pairs), the most frequent first, :data:`MOST_SHOWN` at most. A pair may have several."""
    margin: Spread | None
    """Score of the chosen answer less that of the rejected one."""
    words_chosen: Spread
    words_rejected: Spread
    mean_words_chosen: float
    mean_words_rejected: float
    chosen_longer: float
    """Share of pairs whose chosen answer has more words, 0 to 1."""
    equally_long: float
    """Share of pairs whose answers have equally many."""


@dataclass(slots=True)
class TextPairs:
    """Counts over all batches that were added."""

    pairs: int = 0
    models: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    judges: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    margin: Tally = field(default_factory=lambda: Tally(1e-6))
    words_chosen: Tally = field(default_factory=lambda: Tally(1.0))
    words_rejected: Tally = field(default_factory=lambda: Tally(1.0))
    total_chosen: int = 0
    """Words of all chosen answers."""
    total_rejected: int = 0
    longer: int = 0
    equal: int = 0


def add_text_pairs(
    counts: TextPairs, batch: pa.RecordBatch, provenances: Iterable[Mapping[str, Any]]
) -> None:
    """Count the rows of a batch that has the :data:`COLUMNS`, all of them pairs of kind text, with their provenances."""
    counts.pairs += batch.num_rows
    for combination in zip(
        batch["chosen_model"].to_pylist(), batch["rejected_model"].to_pylist(), strict=True
    ):
        _count(counts.models, combination)
    for margin in pc.subtract(batch["score_chosen"], batch["score_rejected"]).to_pylist():
        counts.margin.add(margin)
    _add_words(counts, words(batch["chosen_text"]), words(batch["rejected_text"]))
    for tag in pc.list_flatten(batch["tags"]).to_pylist():
        _count(counts.tags, tag)
    for told in provenances:
        _add_making(counts, told)


def words(texts: pa.Array) -> list[int]:
    """Return the number of words of each text, at least 1; Chinese and Japanese signs count one each.

    >>> words(pa.array(["It's a cat, isn't it?", "一只猫", ""]))
    [5, 3, 1]
    """
    counted = pc.fill_null(pc.count_substring_regex(texts, _WORD), 0)
    numbers: list[int] = pc.max_element_wise(counted, 1).to_pylist()
    return numbers


def text_pair_summary(counts: TextPairs) -> TextPairSummary | None:
    """Return what was counted, or None where there are no text pairs."""
    axis = axis_of([counts.words_chosen, counts.words_rejected])
    chosen, rejected = counts.words_chosen.spread(axis), counts.words_rejected.spread(axis)
    if chosen is None or rejected is None:
        return None
    common = counts.models.most_common(MOST_SHOWN)
    named = sum(number for _, number in common)
    return TextPairSummary(
        pairs=counts.pairs,
        models=tuple(ModelPairs(one, other, number) for (one, other), number in common),
        more_models=counts.pairs - named,
        rules=tuple(counts.rules.most_common(MOST_SHOWN)),
        judges=tuple(JudgeTold(*judge, pairs=n) for judge, n in counts.judges.most_common(MOST_SHOWN)),
        tags=tuple(counts.tags.most_common(MOST_SHOWN)),
        margin=counts.margin.spread(axis_of([counts.margin])),
        words_chosen=chosen,
        words_rejected=rejected,
        mean_words_chosen=round(counts.total_chosen / counts.pairs, 2),
        mean_words_rejected=round(counts.total_rejected / counts.pairs, 2),
        chosen_longer=counts.longer / counts.pairs,
        equally_long=counts.equal / counts.pairs,
    )


def _add_words(counts: TextPairs, chosen: list[int], rejected: list[int]) -> None:
    for one, other in zip(chosen, rejected, strict=True):
        counts.words_chosen.add(one)
        counts.words_rejected.add(other)
        counts.longer += one > other
        counts.equal += one == other
    counts.total_chosen += sum(chosen)
    counts.total_rejected += sum(rejected)


def _add_making(counts: TextPairs, told: Mapping[str, Any]) -> None:
    rule, judges = told.get("rule"), told.get("judged_by")
    if isinstance(rule, str):
        _count(counts.rules, rule)
    for judge in judges if isinstance(judges, list) else ():
        if isinstance(judge, dict) and "name" in judge:
            prompt = judge.get("prompt")
            named = (
                str(judge["name"]),
                str(judge.get("kind") or ""),
                None if prompt is None else str(prompt),
            )
            _count(counts.judges, named)


def _count(counts: Counter[Any], key: object) -> None:
    if key in counts or len(counts) < _MOST_KEPT:
        counts[key] += 1

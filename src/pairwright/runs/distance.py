"""How far the answers of a run are from a reference set: in length, words and, with an encoder, meaning.

Of a large run a part is looked at: whole shards at equal distances, so that neither time nor memory follow its size.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from pairwright.runs import manifest
from pairwright.runs.embedding import Embed, EmbeddingApart, Kept, embedding_apart, load_encoder
from pairwright.runs.gold_order import GoldOrder, Winner, add_gold_order, gold_orders, is_written
from pairwright.runs.sampled_rows import sampled_rows
from pairwright.runs.samples import evenly
from pairwright.runs.vocabulary import Apart, Texts, TextsSummary, apart, summary_of, together
from pairwright.schemas.candidate_table import FOLDERS as CANDIDATES
from pairwright.schemas.errors import ParameterError, RowError, SourceError
from pairwright.schemas.pair import FOLDERS
from pairwright.sources.open import open_source
from pairwright.sources.settings import SourceSettings

GOLD = "gold"
"""Reference that means the rows' own gold answers."""

MOST_ROWS = 5000
"""Pairs, prompts and rows of the reference that are looked at."""
_MOST_ANSWERS = 16
"""Written answers of a prompt that are looked at, at equal distances over its list."""

_ANSWER = "candidates.list.element"
_PAIR_COLUMNS = ("chosen_text", "rejected_text", "pair_kind")
_PROMPT_COLUMNS = (
    "chosen_text",
    "ground_truth",
    *(f"{_ANSWER}.{name}" for name in ("text", "round", "request")),
    *(f"{_ANSWER}.judgements.list.element.{name}" for name in ("scorer", "aspect", "value")),
    *(f"comparisons.list.element.{name}" for name in ("first", "second", "outcome", "scorer")),
)
_NAMES = {GOLD: "the rows' own gold answers", "ground_truth": "the rows' own right answers (ground_truth)"}


@dataclass(frozen=True, slots=True)
class SideDistance:
    """One set of answers of the run."""

    name: str
    """``chosen``, ``rejected``, or ``written``: all candidates that models wrote."""
    texts: TextsSummary
    apart: Apart
    embedding: EmbeddingApart | None
    """None without an encoder."""


@dataclass(frozen=True, slots=True)
class Distance:
    """How far the answers of a run are from a reference."""

    reference: str
    """What it is, in words, or the source as it was named."""
    skipped: int
    """Rows of a source that could not be read or have no answer."""
    pairs_looked_at: int
    pairs: int
    """All pairs of the run but image negatives, whose answers are the same on both sides."""
    equal_size: int
    """Words that type-token ratios are taken of: those of the smallest set."""
    texts: TextsSummary
    """The reference by itself."""
    within: Apart | None
    """Its one half from the other, every second text: what is no distance at all, only chance. None for one text."""
    within_embedding: EmbeddingApart | None
    sides: tuple[SideDistance, ...]
    gold_order: tuple[GoldOrder, ...]
    """What judges say of gold answers beside written ones, whatever the reference is; where they judged both."""
    embedder: str | None


@dataclass(slots=True)
class _Set:
    """Texts as they are gathered, in two halves."""

    halves: tuple[Texts, Texts] = field(default_factory=lambda: (Texts(), Texts()))
    kept: Kept = field(default_factory=Kept)

    @property
    def number(self) -> int:
        return self.halves[0].number + self.halves[1].number

    def add(self, text: str | None) -> None:
        if text and text.strip():
            self.halves[self.number % 2].add(text)
            self.kept.add(text)


@dataclass(slots=True)
class _Seen:
    """What was gathered of a run."""

    sides: dict[str, _Set] = field(
        default_factory=lambda: {name: _Set() for name in ("chosen", "rejected", "written")}
    )
    gold: dict[str, _Set] = field(default_factory=lambda: {name: _Set() for name in _NAMES})
    orders: dict[str, Counter[Winner]] = field(default_factory=dict)
    pairs_looked_at: int = 0
    pairs: int = 0

    def filled(self) -> dict[str, _Set]:
        """Return the sets of answers that hold any."""
        return {name: one for name, one in self.sides.items() if one.number}


def distance_of(
    folder: str | Path, reference: str | None = None, *, embedder: str | None = None
) -> Distance | None:
    """Return how far the answers of a run are from a reference.

    Args:
        folder: the run folder.
        reference: a source, of which the answers taken for ``chosen`` count; or ``gold``, the rows' own gold answers
            (``chosen_text`` of the config ``candidates``, or ``ground_truth`` where no row has one). If not given, the
            gold answers, where rows have a ``chosen_text``.
        embedder: a text encoder of transformers, for distances in meaning as well.

    Returns:
        None where no reference was asked for and the rows have none.

    Raises:
        ParameterError: a reference without answers, or an embedder without a reference.
        RunError: the run's manifest cannot be read.
        SourceError: the reference cannot be read.
        MissingExtraError, ModelError: as :func:`pairwright.runs.embedding.load_encoder`.
    """
    place = Path(folder)
    asked = reference is not None or embedder is not None
    if not asked and not _has_gold(place):
        return None
    embed = load_encoder(embedder) if embedder else None
    seen = _seen(place)
    if not asked and not (seen.filled() and seen.gold[GOLD].number):
        return None
    name, against, skipped = _reference(seen, place, reference)
    if not seen.filled():
        raise ParameterError(
            f"--reference: {place} has no text pairs and no written answers to hold against it"
        )
    held = _held(seen, against, embed)
    return replace(held, reference=name, skipped=skipped, embedder=embedder)


def _held(seen: _Seen, against: _Set, embed: Embed | None) -> Distance:
    """Return how far all sets of a run are from a reference, without its name."""
    sides = seen.filled()
    whole = {name: together(*one.halves) for name, one in sides.items()}
    base = together(*against.halves)
    equal_size = min(texts.words.total() for texts in (base, *whole.values()))
    vectors = _Vectors(embed, against) if embed else None
    return Distance(
        reference="",
        skipped=0,
        pairs_looked_at=seen.pairs_looked_at,
        pairs=seen.pairs,
        equal_size=equal_size,
        texts=summary_of(base, equal_size),
        within=apart(*against.halves) if against.number > 1 else None,
        within_embedding=vectors.within() if vectors else None,
        sides=tuple(
            SideDistance(
                name,
                summary_of(texts, equal_size),
                apart(texts, base),
                vectors.apart(sides[name]) if vectors else None,
            )
            for name, texts in whole.items()
        ),
        gold_order=gold_orders(seen.orders),
        embedder=None,
    )


class _Vectors:
    """Embeddings of the reference, which all sides are held against."""

    def __init__(self, embed: Embed, reference: _Set) -> None:
        self._embed = embed
        self._reference = embed(reference.kept.chosen())

    def apart(self, side: _Set) -> EmbeddingApart:
        return embedding_apart(self._embed(side.kept.chosen()), self._reference)

    def within(self) -> EmbeddingApart | None:
        if len(self._reference) < 2:
            return None
        return embedding_apart(self._reference[::2], self._reference[1::2])


def _reference(seen: _Seen, folder: Path, reference: str | None) -> tuple[str, _Set, int]:
    """Return name and texts of the reference, and how many rows of it were skipped."""
    if reference not in (None, GOLD):
        texts, skipped = _of_source(reference)
        return reference, texts, skipped
    found = next((name for name, texts in seen.gold.items() if texts.number), None)
    if found is None:
        raise ParameterError(
            f"--reference: the rows of {folder} have no gold answers of their own; name a source that has answers"
        )
    return _NAMES[found], seen.gold[found], 0


def _of_source(path: str) -> tuple[_Set, int]:
    source, texts, skipped, why = open_source(SourceSettings(path=path)), _Set(), 0, ""
    for number, raw in enumerate(source.rows()):
        if number >= MOST_ROWS:
            break
        try:
            answer = source.parse(raw).chosen
        except RowError as error:
            answer, why = None, why or f"; the first one that cannot be read: {error}"
        if answer is None:
            skipped += 1
        else:
            texts.add(answer)
    if not texts.number:
        taken = source.columns().get("chosen")
        told = f"column {taken!r}" if taken else "no column was taken for answers"
        raise SourceError(f"--reference {path}: no answers in {skipped:,} rows ({told}){why}")
    return texts, skipped


def _has_gold(folder: Path) -> bool:
    rows = sampled_rows(folder, CANDIDATES, ("chosen_text",), MOST_ROWS)
    return any(batch["chosen_text"].null_count < batch.num_rows for batch in rows.batches())


def _seen(folder: Path) -> _Seen:
    seen = _Seen()
    pairs = sampled_rows(folder, tuple(dict.fromkeys(FOLDERS.values())), _PAIR_COLUMNS, MOST_ROWS)
    counted = manifest.total(manifest.read(folder)).pairs
    seen.pairs = sum(number for kind, number in counted.items() if kind != "image")
    for batch in pairs.batches():
        _add_pairs(seen, batch)
    for batch in sampled_rows(folder, CANDIDATES, _PROMPT_COLUMNS, MOST_ROWS).batches():
        _add_prompts(seen, batch)
    return seen


def _add_pairs(seen: _Seen, batch: pa.RecordBatch) -> None:
    for row in batch.to_pylist():
        if row["pair_kind"] == "image":
            continue
        seen.pairs_looked_at += 1
        seen.sides["chosen"].add(row["chosen_text"])
        seen.sides["rejected"].add(row["rejected_text"])


def _add_prompts(seen: _Seen, batch: pa.RecordBatch) -> None:
    for row in batch.to_pylist():
        answers, gold = row["candidates"] or (), row["chosen_text"]
        seen.gold[GOLD].add(gold)
        seen.gold["ground_truth"].add(row["ground_truth"])
        for text in _written(answers):
            seen.sides["written"].add(text)
        if gold:
            add_gold_order(seen.orders, gold, answers, row["comparisons"] or ())


def _written(answers: Sequence[Mapping[str, object]]) -> Iterator[str]:
    written = [str(one["text"]) for one in answers if is_written(one)]
    yield from (written[place] for place in evenly(len(written), min(len(written), _MOST_ANSWERS)))

"""How distances from a reference are written for people: the same in the terminal and in the report."""

from collections.abc import Iterator

from pairwright.runs.distance import Distance
from pairwright.runs.embedding import MOST_EMBEDDED, EmbeddingApart
from pairwright.runs.gold_order import GoldOrder
from pairwright.runs.vocabulary import Apart, TextsSummary
from pairwright.runs.wording import counted, percent_text, words_text

_SIDES = {"chosen": "chosen", "rejected": "rejected", "written": "written"}


def columns(distance: Distance) -> tuple[str, ...]:
    """Return the headings: the reference, its halves, and the sets of answers that there are."""
    halves = ("its halves",) if distance.within else ()
    return ("reference", *halves, *(_SIDES[side.name] for side in distance.sides))


def rows(distance: Distance) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield a measure's name with one cell for each of the :func:`columns`."""
    halves = (None,) if distance.within else ()
    texts = [distance.texts, *halves, *(side.texts for side in distance.sides)]
    found = [None, *([distance.within] if halves else ()), *(side.apart for side in distance.sides)]
    of_texts = [_of_texts(one) for one in texts]
    of_apart = [_of_apart(one) for one in found]
    for place, name in enumerate(("texts", "words, median", "words, mean")):
        yield name, tuple(cells[place] for cells in of_texts)
    for place, name in enumerate(("times as long", "length distance", "word divergence", "unseen words")):
        yield name, tuple(cells[place] for cells in of_apart)
    yield "different words", tuple(cells[-1] for cells in of_texts)
    if distance.embedder:
        vectors = [None, *([distance.within_embedding] if halves else ())]
        pairs = [_of_embedding(one) for one in (*vectors, *(side.embedding for side in distance.sides))]
        for place, name in enumerate(("meaning, of means", "meaning, nearest")):
            yield name, tuple(cells[place] for cells in pairs)


def number_text(value: float | None) -> str:
    """Return a distance or a ratio.

    >>> number_text(0.1251), number_text(0.0042), number_text(0.0), number_text(None)
    ('0.13', '0.004', '0', '')
    """
    if not value:
        return "" if value is None else "0"
    return f"{value:.3f}" if value < 0.01 else f"{value:.2f}"


def gold_order_text(order: GoldOrder) -> str:
    """Return how often a judge prefers gold answers.

    >>> print(gold_order_text(GoldOrder("j", 70, 20, 10, 0.75, 7 / 9)))
    prefers the gold answer in 75 % of 100 (70 gold, 20 written, 10 ties, counted half); 78 % of its preferences are so
    """
    met = order.gold + order.own + order.ties
    told = (
        f"prefers the gold answer in {percent_text(order.prefers_gold)} of {met:,} "
        f"({order.gold:,} gold, {order.own:,} written, {counted(order.ties, 'tie')}, counted half)"
    )
    return told if order.agrees is None else f"{told}; {percent_text(order.agrees)} of its preferences are so"


def reference_text(distance: Distance) -> str:
    """Return what the reference is, and what was looked at."""
    told = f"Reference: {distance.reference}"
    if distance.skipped:
        told += f" ({counted(distance.skipped, 'row')} without an answer, or unreadable)"
    if distance.pairs_looked_at < distance.pairs:
        told += f"; of the run, {distance.pairs_looked_at:,} of {distance.pairs:,} pairs were looked at"
    return f"{told}."


def about(distance: Distance) -> tuple[str, ...]:
    """Return what each measure means, a sentence each."""
    told = [
        "Written: all answers of models.",
        "Times as long: by mean words.",
        "Length distance: Kolmogorov-Smirnov, of the numbers of words, 0 to 1.",
        "Word divergence: Jensen-Shannon, of word frequencies, in bits, 0 to 1.",
        "Unseen words: their share that the reference never uses.",
        f"Different words: among {distance.equal_size:,} drawn from each set, over that number.",
    ]
    if distance.within:
        told.append(
            "Its halves: one half of the reference held against the other, which is what chance does."
        )
    if distance.embedder:
        told.append(
            "Meaning: cosine distance of the mean embeddings, and mean distance to the nearest reference text, "
            f"by {distance.embedder} over at most {MOST_EMBEDDED:,} texts of each set."
        )
    return tuple(told)


def _of_texts(found: TextsSummary | None) -> tuple[str, ...]:
    if found is None:
        return ("",) * 4
    return (
        f"{found.texts:,}",
        words_text(found.median_words),
        words_text(found.mean_words),
        number_text(found.type_token),
    )


def _of_apart(found: Apart | None) -> tuple[str, ...]:
    if found is None:
        return ("",) * 4
    return (
        f"{found.length_ratio:.2f}",
        number_text(found.length_distance),
        number_text(found.divergence),
        percent_text(found.unseen),
    )


def _of_embedding(found: EmbeddingApart | None) -> tuple[str, ...]:
    return ("", "") if found is None else (number_text(found.of_means), number_text(found.to_nearest))

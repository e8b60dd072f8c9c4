"""Scores of answers sentence by sentence, by rank: what a language model and encoders say of each sentence, fused.

A sentence is ranked among others: its siblings in a tree, or all sentences of a prompt's answers. 1 / n is the best of n, 1
the worst, and equal ones share their mean. Ranks have no unit, so log-probabilities and cosines can be weighed against each
other (CSR, arXiv 2405.14622: 0.1 and 0.9), and so can encoders whose numbers are not on one scale. An answer's rank is the
mean of its sentences'; its score is minus that, because everywhere else the higher score is the better one.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pairwright.annotators import Encode
from pairwright.annotators._similarity import Similarity, judgement, rounded
from pairwright.builders import Encodes
from pairwright.builders._at_once import all_at_once
from pairwright.builders._encoded import IMAGE_TEXT, SHORTEST, Fitting, Scored, Seen, fit
from pairwright.samplers._scored import bare
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.request import Token

SCORER = "sentence_tree"
"""Who judged, in judgements of fused ranks."""
RANK, LOGPROB = "rank", "logprob"
"""Aspects: the fused rank, from above 0, the best, to 1; and the log-probability of a token, on average."""

_OF_HIDDEN = 4
"""Characters of a text, taken apart, that one token without a text of its own makes up at most."""

_DECIMALS = 6
_AS_A_WHOLE = Fitting()


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A sentence of an answer; two of the same words at two places are two."""

    text: str
    logprob: float | None = None
    """Mean log-probability of its tokens, after all that stands before it; None where nobody knows."""

    @property
    def counts(self) -> bool:
        """Whether it is long enough to say anything."""
        return len(self.text) >= SHORTEST


@dataclass(frozen=True, slots=True)
class Fusion:
    """What ranks are made by."""

    names: Mapping[str, str]
    """Name of each encoder's model, by where it stands."""
    logprob_weight: float
    """Share of the language model's rank, 0 to 1; the encoders' have the rest in equal parts."""
    drop_cut: bool
    """Whether an answer with a sentence that is longer than an encoder reads is left out."""


Fits = Mapping[str, Mapping[str, Similarity]]
"""By encoder and by text, how well it fits the row's pictures."""


def mean_logprobs(tokens: Sequence[Token], text: str, ends: Sequence[int]) -> list[float | None]:
    """Return the mean log-probability of a token, for each sentence of a text; None for one without tokens.

    Tokens are told by their texts without white space, which some tokenizers hide; one that reaches over the end of a
    sentence belongs to it, one behind the last sentence (the end of the text itself) to none. A token that is part of a
    character has no text of its own, whatever a server writes for it (nothing, U+FFFD, escaped bytes): the text goes on with
    the next one that stands there.

    Args:
        tokens: those of the text, from its beginning.
        text: what they make up.
        ends: where its sentences end.

    >>> tokens = [Token("A", -1.0), Token(" cat.", -2.0), Token(" Red", -0.5), Token("</s>", -9.0)]
    >>> mean_logprobs(tokens, "A cat. Red", [6, 10])
    [-1.5, -0.5]
    """
    whole, bounds = bare(text), [len(bare(text[:end])) for end in ends]
    shares: list[list[float]] = [[] for _ in bounds]
    at = hidden = 0
    for token in tokens:
        place = next((number for number, bound in enumerate(bounds) if at < bound), None)
        if place is not None:
            shares[place].append(token.logprob)
        own = bare(token.text)
        found = whole.find(own, at, at + len(own) + _OF_HIDDEN * hidden) if own else -1
        at, hidden = (at, hidden + 1) if found < 0 else (found + len(own), 0)
    return [math.fsum(one) / len(one) if one else None for one in shares]


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value among all, in parts of their number: the highest has the lowest rank.

    >>> ranks([30.0, 20.0, 30.0, 10.0])
    [0.375, 0.75, 0.375, 1.0]
    """
    count = len(values)
    order = sorted(values, reverse=True)
    first = {value: place for place, value in reversed([*enumerate(order, 1)])}
    same = {value: order.count(value) for value in first}
    return [(first[value] + (same[value] - 1) / 2) / count for value in values]


async def fits_of(steps: Iterable[Step], *, seen: Seen, encodes: Encodes) -> Fits:
    """Return how well sentences fit the pictures; each distinct one is encoded once, all at the same time."""
    texts = list(dict.fromkeys(one.text for one in steps if one.counts))
    return {
        place: dict(zip(texts, await _fits(encode, seen, place, texts), strict=True))
        for place, encode in encodes.items()
    }


async def _fits(encode: Encode, seen: Seen, place: str, texts: Sequence[str]) -> list[Similarity]:
    images = seen.by_encoder[place]
    return await all_at_once(partial(fit, _AS_A_WHOLE, encode, images, text) for text in texts)


def fused(fusion: Fusion, groups: Iterable[Sequence[Step]], fits: Fits) -> dict[Step, float]:
    """Return the fused rank of every sentence that counts, ranked within its group."""
    found: dict[Step, float] = {}
    for group in groups:
        counted = [one for one in group if one.counts]
        seen = [ranks([fits[place][one.text].value for one in counted]) for place in fusion.names]
        pictured = [math.fsum(column) / len(seen) for column in zip(*seen, strict=True)]
        likely = _likely(fusion, counted)
        for step, by_picture, by_model in zip(counted, pictured, likely, strict=True):
            weight = fusion.logprob_weight
            found[step] = weight * by_model + (1 - weight) * by_picture
    return found


def _likely(fusion: Fusion, steps: Sequence[Step]) -> list[float]:
    if not fusion.logprob_weight:
        return [0.0] * len(steps)
    return ranks([-math.inf if one.logprob is None else one.logprob for one in steps])


def scored(
    fusion: Fusion,
    candidates: Sequence[Candidate],
    steps: Sequence[Sequence[Step]],
    *,
    by_step: Mapping[Step, float],
    fits: Fits,
) -> Scored:
    """Return answers with their scores and what they are made of.

    Args:
        fusion: what ranks are made by.
        candidates: the answers.
        steps: the sentences of each.
        by_step: the fused rank of every sentence that counts.
        fits: how well sentences fit the pictures.
    """
    counted = [[one for one in path if one.counts] for path in steps]
    columns = {place: [_fit(path, fits[place]) for path in counted] for place in fusion.names}
    said = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    faults = [_fault(fusion, path, row, by_step) for path, row in zip(counted, said, strict=True)]
    made = [
        _with(fusion, one, path, row, None if fault else by_step)
        for one, path, row, fault in zip(candidates, counted, said, faults, strict=True)
    ]
    return Scored(
        tuple(made), tuple(tuple(one.value for one in column) for column in columns.values()), tuple(faults)
    )


def _fit(path: Sequence[Step], fits: Mapping[str, Similarity]) -> Similarity:
    """Return how well an answer fits, as the mean of its sentences."""
    found = [fits[one.text] for one in path]
    values = tuple(one.value for one in found)
    mean = rounded(math.fsum(values) / len(values)) if values else 0.0
    return Similarity(mean, any(one.cut for one in found), values)


def _fault(
    fusion: Fusion, path: Sequence[Step], said: Mapping[str, Similarity], by_step: Mapping[Step, float]
) -> RowError | None:
    """Return why an answer is left out."""
    if not path:
        return RowError("no_score", "encoders", f"no sentence of {SHORTEST} or more characters")
    if any(one not in by_step for one in path):
        return RowError(
            "no_score",
            "logprob_weight",
            "its sentences have no rank: they did not grow here, or nobody knows how likely they were",
        )
    cut = [fusion.names[place] for place, one in said.items() if one.cut]
    if cut and fusion.drop_cut:
        return RowError("over_context", "encoders", f"a sentence of it is longer than {', '.join(cut)} reads")
    return None


def _with(
    fusion: Fusion,
    candidate: Candidate,
    path: Sequence[Step],
    said: Mapping[str, Similarity],
    by_step: Mapping[Step, float] | None,
) -> Candidate:
    """Return a candidate with what was found, in place of what was found before; ``by_step`` is None for one left out."""
    own = {*fusion.names.values(), SCORER}
    before = [one for one in candidate.judgements if one.scorer not in own and one.aspect != LOGPROB]
    if by_step is None:
        fits = _fits_judged(fusion, said) if path else []
        return replace(candidate, score=None, judgements=(*before, *fits))
    parts = [by_step[one] for one in path]
    rank = _mean(parts)
    judged = [*_fits_judged(fusion, said), *_likely_judged(candidate, path)]
    judged.append(Judgement("candidate", SCORER, RANK, rank, 0.0, 1.0, _told(parts)))
    return replace(candidate, score=0.0 - rank, judgements=(*before, *judged))


def _fits_judged(fusion: Fusion, said: Mapping[str, Similarity]) -> list[Judgement]:
    return [judgement(fusion.names[place], IMAGE_TEXT, one) for place, one in said.items()]


def _likely_judged(candidate: Candidate, path: Sequence[Step]) -> list[Judgement]:
    values = [one.logprob for one in path if one.logprob is not None]
    if len(values) < len(path):
        return []
    scorer = candidate.model or SCORER
    return [Judgement("candidate", scorer, LOGPROB, _mean(values), None, 0.0, _told(values))]


def _mean(values: Sequence[float]) -> float:
    return round(math.fsum(values) / len(values), _DECIMALS) + 0.0


def _told(values: Sequence[float]) -> str:
    return "sentences: " + ", ".join(f"{value:.4g}" for value in values)

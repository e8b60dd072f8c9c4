"""Why the answers to a prompt gave no pair."""

from collections import Counter
from collections.abc import Callable, Sequence

from pairwright.pairings import Basis
from pairwright.pairings._contrasts import score_of
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.reasons import Reason

Why = tuple[Reason, str]


def why_none(
    basis: Basis,
    candidates: Sequence[Candidate],
    comparisons: Sequence[Comparison],
    *,
    rule: str,
    repeats: int,
    earlier: int = 0,
) -> Why:
    """Return reason and message for a rule that formed no pair.

    Args:
        basis: what the rule goes by.
        candidates: the answers that it was given, without repeated ones.
        comparisons: what was said of two of them.
        rule: the rule in words.
        repeats: number of repeated answers that were dropped before.
        earlier: number of answers of earlier rounds that were left out before.
    """
    if len(candidates) < 2:
        also = f", and {repeats} that repeat it" if repeats else ""
        before = f", without {earlier} of earlier rounds (rounds: latest)" if earlier else ""
        return (
            "too_few_answers",
            f"{_counted(len(candidates), 'answer')}{also}{before}; a pair needs two different ones",
        )
    return _BY_BASIS[basis](candidates, comparisons, rule)


def _by_scores(candidates: Sequence[Candidate], comparisons: Sequence[Comparison], rule: str) -> Why:
    scores = sorted(score for one in candidates if (score := score_of(one)) is not None)
    if len(scores) < 2:
        having = "has" if len(scores) == 1 else "have"
        return "too_few_answers", f"{len(scores)} of {len(candidates)} different answers {having} a score"
    if scores[0] == scores[-1]:
        return "tie", f"all {len(scores)} answers have the score {scores[0]:g}"
    shown = ", ".join(f"{score:g}" for score in dict.fromkeys(scores))
    return "no_contrast", f"scores {shown}{_of_sides(candidates)}: no two fit the rule {rule}"


def _by_comparisons(candidates: Sequence[Candidate], comparisons: Sequence[Comparison], rule: str) -> Why:
    outcomes = Counter(one.outcome for one in comparisons)
    told = outcomes["first"] + outcomes["second"]
    if not told and not outcomes["tie"]:
        return "cannot_judge", f"no usable verdict on any two of {len(candidates)} answers"
    if not told:
        return "tie", f"every usable verdict is a tie ({outcomes['tie']})"
    verdicts = f"{_counted(told, 'verdict')} for one of two answers, {_counted(outcomes['tie'], 'tie')}"
    return "no_contrast", f"{verdicts}{_of_sides(candidates)}: no two answers fit the rule {rule}"


def _by_sides(candidates: Sequence[Candidate], comparisons: Sequence[Comparison], rule: str) -> Why:
    return "no_contrast", f"{len(candidates)} answers{_of_sides(candidates)}: no two fit the rule {rule}"


_BY_BASIS: dict[Basis, Callable[[Sequence[Candidate], Sequence[Comparison], str], Why]] = {
    "scores": _by_scores,
    "ranks": _by_scores,
    "comparisons": _by_comparisons,
    "sides": _by_sides,
}


def _of_sides(candidates: Sequence[Candidate]) -> str:
    """Return how many answers there are of each side; nothing where any may stand on both."""
    sides = Counter(one.side for one in candidates)
    if len(candidates) == sides["any"]:
        return ""
    return f" (side {', '.join(f'{side}: {sides[side]}' for side in sorted(sides))})"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

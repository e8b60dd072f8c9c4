"""How the numbers of the blind test and of the image dependence are written for people."""

from pairwright.runs.measured import BlindRight, Cue
from pairwright.runs.spread import Spread
from pairwright.runs.wording import counted, percent_text, score_text

_CUES = {
    "blind_preference": "a judge without the picture",
    "longer": "the longer answer",
    "frequent": "the more usual answer",
    "fluent": "the more fluent answer",
}
"""What is gone by, of each aspect of the blind test."""

_OPPOSITES = {
    "blind_preference": "the opposite of what a judge without the picture says",
    "longer": "the shorter answer",
    "frequent": "the less usual answer",
    "fluent": "the less fluent answer",
}

_OWED = {
    "chosen": "chosen, per token",
    "rejected": "rejected, per token",
    "pair": "odds of chosen over rejected",
}


def cue_name(cue: Cue) -> str:
    """Return what is gone by."""
    return _CUES.get(cue.aspect, cue.aspect)


def opposite_name(cue: Cue) -> str:
    """Return what is gone by where the opposite of a cue finds the chosen answer."""
    return _OPPOSITES.get(cue.aspect, f"the opposite of {cue.aspect}")


def owed_name(target: str) -> str:
    """Return what is owed to the picture.

    >>> owed_name("chosen")
    'chosen, per token'
    """
    return _OWED.get(target, target)


def cue_text(cue: Cue) -> str:
    """Return how often a cue alone finds the chosen answer.

    >>> cue_text(Cue("longer", "text", 640, 220, 140, 20, 0.71, 0.681, 0.737))
    '71 % of 1,000 pairs (95 % sure: 68 % to 74 %; 50 % is chance), nothing said of 20 more'
    """
    if cue.share is None:
        return f"nothing said of {counted(cue.undefined, 'pair')}"
    sure = f"95 % sure: {percent_text(cue.low)} to {percent_text(cue.high)}"
    told = f"{percent_text(cue.share)} of {counted(cue.pairs, 'pair')} ({sure}; 50 % is chance)"
    return told + (f", nothing said of {cue.undefined:,} more" if cue.undefined else "")


def votes_text(cue: Cue) -> str:
    """Return in which shares of its pairs a cue points where.

    >>> votes_text(Cue("longer", "text", 640, 220, 140, 20, 0.71, 0.681, 0.737))
    '64 % chosen, 22 % rejected, 14 % neither'
    """
    if not cue.pairs:
        return ""
    parts = {"chosen": cue.chosen, "rejected": cue.rejected, "neither": cue.neither}
    return ", ".join(f"{percent_text(number / cue.pairs)} {side}" for side, number in parts.items())


def blind_right_text(right: BlindRight) -> str:
    """Return how often a model answers right without the picture.

    >>> blind_right_text(BlindRight("m", 165, 0, 0.0606, 10))
    '6.1 % of answers right, 10 of 165 questions by half of them or more'
    """
    told = f"{percent_text(right.share)} of answers right, {right.solved:,} of {counted(right.questions, 'question')}"
    return f"{told} by half of them or more" + (
        f"; {right.undefined:,} not checked" if right.undefined else ""
    )


def owed_text(spread: Spread) -> str:
    """Return the middle of what is owed to the picture, in nats."""
    low, high = score_text(spread.p5), score_text(spread.p95)
    told = f"median {score_text(spread.median)} nats, 5th to 95th percentile {low} to {high}"
    return told + (f"; {counted(spread.undefined, 'pair')} without a value" if spread.undefined else "")

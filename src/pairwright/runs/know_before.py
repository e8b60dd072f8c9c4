"""What should be known before a training on a run, in sentences: lengths, style, and what is decided without looking."""

from pairwright.guards.style import Style
from pairwright.runs.measured import MeasuredSummary
from pairwright.runs.measured_text import cue_name, cue_text, opposite_name
from pairwright.runs.style import StyleSummary
from pairwright.runs.summary import Summary
from pairwright.runs.text_pairs import TextPairSummary
from pairwright.runs.wording import percent_text, style_text, words_text

LONGER = 1.2
"""From which ratio of mean words on chosen answers are said to be longer; a choice of ours, that people may see it."""

MOST_BLIND = 0.6
"""Share of pairs decided without the picture, for certain, from which on it is warned of; a choice of ours."""


def warnings(summary: Summary) -> tuple[str, ...]:
    """Return what should be known before a training, in sentences."""
    return (
        *_length_warnings(summary.text_pairs),
        *_style_warnings(summary.style),
        *_blind_warnings(summary.measured),
    )


def _blind_warnings(measured: MeasuredSummary | None) -> tuple[str, ...]:
    """Return what decides pairs without their pictures, beyond what chance explains: a cue, or its opposite."""
    told = []
    for cue in measured.cues if measured else ():
        opposite = cue.high < 1 - MOST_BLIND
        if cue.low > MOST_BLIND or opposite:
            name = (opposite_name if opposite else cue_name)(cue)
            found = cue_text(cue.turned() if opposite else cue)
            told.append(
                f"{name[0].upper()}{name[1:]} alone finds the chosen answer of {found}: a model trained on these pairs can "
                "learn that without looking. The builder measured drops such pairs (accept), at no further call."
            )
    return tuple(told)


def _style_warnings(style: StyleSummary | None) -> tuple[str, ...]:
    if style is None or style.accuracy <= Style().at_most:
        return ()
    told = (
        f"Style alone {style_text(style)}: a model trained on these pairs may learn the style and not what is right. "
        "The guard style drops the pairs that show it most (guards: [{kind: style}])."
    )
    return (told,)


def _length_warnings(pairs: TextPairSummary | None) -> tuple[str, ...]:
    if pairs is None or pairs.mean_words_chosen <= LONGER * pairs.mean_words_rejected:
        return ()
    more = percent_text(pairs.mean_words_chosen / pairs.mean_words_rejected - 1)
    sides = (words_text(mean) for mean in (pairs.mean_words_chosen, pairs.mean_words_rejected))
    told = (
        f"Chosen answers are {more} longer than rejected ones on average ({' and '.join(sides)} words): a model trained "
        "on these pairs learns to write more, whether or not that is better. pairing.balance_length and "
        "pairing.length_ratio of the recipe bound it."
    )
    return (told,)

"""Damage talk: the rejected answer speaks of what was done to its picture, instead of what the picture shows.

A model that answers from a noisy, masked or shrunken picture, or from none, often says just that: "a blurry photograph",
"pixelated texture", "no image was provided". BDHS (arXiv 2407.02477) found this to be the usual fate of rejected answers
from noisy pictures, and that they teach nothing: seen beside the clean picture, such an answer is wrong in a way no model
is ever wrong. English only; ``also`` takes phrases of other languages.
"""

import re

from pairwright.guards import Contrast, Guard, Watch
from pairwright.guards._damage_words import BACKDROP, DAMAGES, Damage
from pairwright.pairings._similarity import contains
from pairwright.schemas.settings import Settings

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_FORMATTING = str.maketrans({"’": "'", "‘": "'", "*": None, "_": None, "`": None, "“": '"', "”": '"'})


class DamageTalk(Settings):
    """Parameters of the guard."""

    also: tuple[str, ...] = ()
    """Further phrases, in any language, that are damage talk: found as whole words, whatever the case."""


def prepare(settings: DamageTalk) -> Watch:
    """Return the guard.

    >>> watch = prepare(DamageTalk())
    >>> watch(Contrast("What is it?", "A cat on a sofa.", "The image is blurry, so it is hard to tell."))
    'the rejected answer says "image is blurry"'
    >>> watch(Contrast("What is it?", "A cat on a sofa.", "A dog in front of a blurred background."))
    """

    def watch(contrast: Contrast) -> str | None:
        rejected = _sentences(contrast.rejected)
        for damage in DAMAGES:
            found = _found(damage, rejected)
            if found and not _shared(damage, contrast):
                return f'the rejected answer says "{found}"'
        for phrase in settings.also:
            others = (contrast.chosen, contrast.question)
            if contains(contrast.rejected, phrase) and not any(contains(one, phrase) for one in others):
                return f'the rejected answer says "{phrase}"'
        return None

    return watch


def _sentences(text: str) -> list[str]:
    plain = text.translate(_FORMATTING).casefold()
    return [" ".join(one.split()) for one in _SENTENCE.split(plain) if one.strip()]


def _found(damage: Damage, sentences: list[str]) -> str | None:
    """Return the first words about this kind of damage."""
    for sentence in sentences:
        found = damage.named.search(sentence)
        if not found and not damage.meant.search(sentence):
            found = damage.told.search(sentence)
        if found:
            return found[0].strip()
    return None


def _shared(damage: Damage, contrast: Contrast) -> bool:
    """Tell whether the chosen answer speaks of this kind of damage too, or the question asks about it."""
    chosen = _sentences(contrast.chosen)
    if _found(damage, chosen) or damage.shared.search(" ".join(_sentences(contrast.question))):
        return True
    return any(damage.shared.search(one) and not BACKDROP.search(one) for one in chosen)


PART = Guard(
    settings=DamageTalk,
    prepare=prepare,
    reason="damage_talk",
    summary="the rejected answer speaks of the picture's damage, or says that it cannot see it (English)",
    source="BDHS (arXiv 2407.02477), section on noisy pictures",
)

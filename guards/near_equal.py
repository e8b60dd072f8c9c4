"""Near equal: chosen and rejected answer are nearly the same text.

An answer from a changed picture is often the answer from the clean one, word for word or nearly: the model did not need
the picture. Such a pair says that two like answers are unlike.
"""

import re
from typing import Annotated

from pydantic import Field

from pairwright.guards import Contrast, Guard, Watch
from pairwright.guards._given import behind
from pairwright.pairings._similarity import normalised, profile, similarity
from pairwright.schemas.settings import Settings

_LAST_MARK = re.compile(r"[\s.。]+\Z")


class NearEqual(Settings):
    """Parameters of the guard."""

    above: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Pairs more similar than this are caught: share of neighbouring word pairs in common, 0 to 1. In an answer of 100
    words one other word leaves 0.98, so corrections of a word or two need a higher one, or no such guard."""


def prepare(settings: NearEqual) -> Watch:
    """Return the guard.

    Where the rejected answer's writer was given the chosen one's beginning, what follows it is compared: half a text in
    common would make all pairs alike. Nothing behind it is caught too.

    >>> watch = prepare(NearEqual())
    >>> watch(Contrast("What is it?", "A black cat.", "a black cat"))
    'the answers are the same but for case, space and a full stop'
    >>> watch(Contrast("What is it?", "A black cat.", "A black dog."))
    >>> watch(Contrast("What is it?", "A black cat.", "A black", prefix="A black"))
    'nothing follows the given beginning of the rejected answer'
    """

    def watch(contrast: Contrast) -> str | None:
        chosen, rejected = contrast.chosen, contrast.rejected
        if contrast.prefix:
            # Where only one of them begins so, the other was changed from its first word on, and all is compared.
            end, other = behind(contrast.prefix, chosen), behind(contrast.prefix, rejected)
            for side, rest in (("chosen", end), ("rejected", other)):
                if rest is not None and not rest.strip():
                    return f"nothing follows the given beginning of the {side} answer"
            if end is not None and other is not None:
                chosen, rejected = end, other
        if _plain(chosen) == _plain(rejected):
            return "the answers are the same but for case, space and a full stop"
        found = similarity(profile(chosen), profile(rejected))
        if found <= settings.above:
            return None
        return f"the answers have a similarity of {found:.3f}, above {settings.above:g}"

    return watch


def _plain(text: str) -> str:
    return _LAST_MARK.sub("", normalised(text))


PART = Guard(
    settings=NearEqual,
    prepare=prepare,
    reason="near_equal",
    summary="chosen and rejected answer are nearly the same text",
    source="BDHS (arXiv 2407.02477): 0.97, Re-Align: 0.95, both by the cosine of sentence embeddings; here by words",
)

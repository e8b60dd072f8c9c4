"""All unequal: every two answers of different score are a pair.

Most pairs out of given judgements, among them many of hardly different answers. Four answers give up to six pairs, ten
up to 45: ``per_prompt`` keeps prompts with many answers from outweighing the others.
"""

from collections.abc import Sequence

from pairwright.pairings import Chosen, Form, Pairing
from pairwright.pairings._contrasts import contrasts
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.settings import Settings


class AllUnequal(Settings):
    """This rule has no parameters."""


def prepare(settings: AllUnequal) -> Form:
    """Return the rule."""
    return _form


def _form(candidates: Sequence[Candidate], comparisons: Sequence[Comparison]) -> tuple[Chosen, ...]:
    return contrasts(candidates)


PART = Pairing(
    settings=AllUnequal,
    prepare=prepare,
    summary="every two answers of different score",
    source="Silkie / VLFeedback (arXiv 2312.10665): every two of 4 answers whose mean ratings differ",
)

"""Multiple choice: does the answer choose the right option.

The options are read from the question's text. The reference may be a label or an option's own text, and so may the
answer. MMPR (arXiv 2411.10442) and Open-R1-Video compare letters only; MATH-Vision (arXiv 2402.14804) also takes the
option's value, which is done here as well.
"""

from pairwright.annotators import Case, Check, Checked, Verifier
from pairwright.annotators._choices import Choice, chosen, options_of, same_text
from pairwright.annotators._extract import Extraction, against_reference, graded, unparsable
from pairwright.schemas.settings import Settings


class MultipleChoiceSettings(Settings):
    """How multiple-choice answers are checked."""

    extraction: Extraction = Extraction()
    """Where the final answer stands."""


def prepare(settings: MultipleChoiceSettings) -> Check:
    """Return the check.

    >>> from pairwright.schemas.candidate import Candidate
    >>> from pairwright.schemas.prompt import Prompt
    >>> case = Case("a:0", 0, Prompt("Which colour?\\n(A) red (B) blue"), (), reference="B")
    >>> check = prepare(MultipleChoiceSettings())
    >>> check(case, Candidate("It is blue.")).value, check(case, Candidate("Answer: (A)")).value
    (1.0, 0.0)
    """
    return against_reference(settings.extraction, _compare)


def _compare(answer: str, reference: str, case: Case) -> Checked:
    options = options_of(case.prompt.question)
    gold = chosen(reference, options)
    if gold.label is None:
        why = f"the reference {reference!r} is neither a label nor an option of the question"
        return Checked(None, answer, "no_ground_truth", why)
    picked = chosen(answer, options)
    if is_gold(answer, picked, gold.label, options):
        return graded(1.0, answer, reference)
    if picked.label is None:
        return unparsable(answer, "chooses several options" if picked.clash else "chooses no option")
    return graded(0.0, answer, reference)


def is_gold(answer: str, picked: Choice, gold: str, options: dict[str, str]) -> bool:
    """Tell whether an answer is the gold option, by its label or by its text.

    Where an option's text is itself a letter ("D: E"), both readings of that letter count, as MATH-Vision has it.
    """
    return picked.label == gold or (gold in options and same_text(options[gold], answer))


PART = Verifier(
    settings=MultipleChoiceSettings,
    prepare=prepare,
    low=0.0,
    high=1.0,
    summary="checks which option of a multiple-choice question was chosen, by letter or by the option's text",
    source="MMPR (arXiv 2411.10442), MATH-Vision (arXiv 2402.14804)",
)

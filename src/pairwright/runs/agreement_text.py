"""Agreement in words, the same in the terminal and the report."""

from pairwright.runs.agreement import AgreementSummary, Cohen, Person, RatedAlike
from pairwright.runs.wording import counted, percent_text

_NO_PACKAGE = 'not computed (pip install "pairwright[labels]"), or all said the same'


def fleiss_text(summary: AgreementSummary) -> str:
    """Return agreement of all on which of two answers is better.

    >>> fleiss_text(AgreementSummary(12, 0.42, 3, 0.4, (), (), ()))
    "Fleiss' kappa 0.42 over pairs of answers with 3 votes, Krippendorff's alpha 0.40 over all 12"
    """
    kappa = "not defined (all votes are the same)" if summary.fleiss is None else f"{summary.fleiss:.2f}"
    alpha = _NO_PACKAGE if summary.alpha is None else f"{summary.alpha:.2f} over all {summary.units:,}"
    return (
        f"Fleiss' kappa {kappa} over pairs of answers with {counted(summary.fleiss_votes, 'vote')}, "
        f"Krippendorff's alpha {alpha}"
    )


def alpha_text(rated: RatedAlike) -> str:
    """Return agreement of all in their ratings on one aspect."""
    alpha = _NO_PACKAGE if rated.alpha is None else f"{rated.alpha:.2f}"
    return f"Krippendorff's alpha {alpha}, of {counted(rated.answers, 'answer')} with two ratings or more"


def cohen_text(two: Cohen) -> str:
    """Return agreement of two people.

    >>> cohen_text(Cohen("ann", "bob", 50, 35, 0.4))
    "Cohen's kappa 0.40; the same vote on 70 % of 50 pairs of answers"
    """
    kappa = "not defined (both always said the same)" if two.kappa is None else f"{two.kappa:.2f}"
    share = percent_text(two.agreed / two.both)
    return f"Cohen's kappa {kappa}; the same vote on {share} of {two.both:,} pairs of answers"


def person_text(person: Person) -> str:
    """Return what one person's votes are like.

    >>> person_text(Person("ann", 8, 2, 1, 0.75, 12.5, None))
    '8 votes, 2 ties among them, 1 could not judge; as others voted 75 %; median time 12.5 s'
    """
    told = [f"{counted(person.votes, 'vote')}, {counted(person.ties, 'tie')} among them"]
    if person.cannot_judge:
        told[0] += f", {person.cannot_judge:,} could not judge"
    if person.with_others is not None:
        told.append(f"as others voted {percent_text(person.with_others)}")
    if person.seconds is not None:
        told.append(f"median time {person.seconds:.1f} s")
    if person.left is not None:
        told.append(f"for the answer shown first {percent_text(person.left)}")
    return "; ".join(told)

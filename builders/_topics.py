"""Topics of a row: what its answers say of each, and which of it is right and which wrong."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from pairwright.annotators._claims import tally
from pairwright.pairings._similarity import normalised
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.claim import Claim


@dataclass(frozen=True, slots=True)
class Statement:
    """What one or more answers say in the same words."""

    text: str
    right: bool | None
    """None where nobody could tell, or where it was found right of one answer and wrong of another."""
    probability: float
    """That it is right: the mean over its claims of which something is known, 0 to 1."""
    alternative: bool = False
    """Whether no answer says it: it came of asking again."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of which both is said: what is right and what is wrong."""

    number: int
    best: Statement
    """The right statement that is likeliest to be right; of equal ones the first."""
    worst: Statement
    """The wrong statement that is least likely to be right; of equal ones the first."""


def key_of(text: str) -> str:
    """Return what two statements have in common that are the same.

    >>> key_of("A  Cup.") == key_of("a cup")
    True
    """
    return normalised(text).rstrip(".!")


def statements(claims: Iterable[Claim], *, alternative: bool = False) -> dict[str, Statement]:
    """Return what claims say, by key, in the order of the first claim of each; ``missing`` ones say nothing.

    >>> said = [Claim("A cup.", "right", probability=0.8), Claim("a cup", "wrong", probability=0.3), Claim("Tea.", "wrong")]
    >>> [(one.text, one.right, round(one.probability, 2)) for one in statements(said).values()]
    [('A cup.', None, 0.55), ('Tea.', False, 0.0)]
    """
    found: dict[str, list[Claim]] = {}
    for claim in claims:
        if claim.finding != "missing":
            found.setdefault(key_of(claim.text), []).append(claim)
    return {key: _statement(same, alternative) for key, same in found.items()}


def contested(statements: Mapping[str, Statement], topics: Mapping[str, int]) -> tuple[Topic, ...]:
    """Return the topics that have both a right and a wrong statement, by number.

    Args:
        statements: by key.
        topics: number of the topic, by the same keys.
    """
    by_topic: dict[int, list[Statement]] = {}
    for key, statement in statements.items():
        by_topic.setdefault(topics[key], []).append(statement)
    found = []
    for number, said in sorted(by_topic.items()):
        right = [one for one in said if one.right is True]
        wrong = [one for one in said if one.right is False]
        if right and wrong:
            best = max(right, key=lambda one: one.probability)
            found.append(Topic(number, best, min(wrong, key=lambda one: one.probability)))
    return tuple(found)


def with_topics(candidate: Candidate, topics: Mapping[str, int]) -> Candidate:
    """Return a candidate whose claims have the numbers of their topics."""
    claims = tuple(replace(one, topic=topics.get(key_of(one.text))) for one in candidate.claims)
    return replace(candidate, claims=claims)


def fewest_repairs(candidates: Sequence[Candidate], among: Sequence[int]) -> int:
    """Return the number of the candidate that needs the fewest repairs: fewest wrong claims, then the highest mean of
    p(yes) - p(no), then the first.

    >>> one = Candidate("a", claims=(Claim("x", "right", probability=0.6), Claim("y", "wrong", probability=0.4)))
    >>> other = Candidate("b", claims=(Claim("x", "right", probability=0.9), Claim("z", "wrong", probability=0.4)))
    >>> fewest_repairs([one, other], [0, 1])
    1
    """

    def repairs(number: int) -> tuple[int, float, int]:
        claims = candidates[number].claims
        wrong = sum(one.finding in ("wrong", "invented") for one in claims)
        mean = tally(claims, "mean", "left_out").score
        return wrong, 1.0 if mean is None else -mean, number

    return min(among, key=repairs)


def said_of(candidate: Candidate, topic: int) -> tuple[str, ...]:
    """Return what an answer says of a topic, claim by claim."""
    return tuple(one.text for one in candidate.claims if one.topic == topic and one.finding != "missing")


def _statement(same: Sequence[Claim], alternative: bool) -> Statement:
    known = [one for one in same if one.finding != "unknown"]
    sides = {one.finding == "right" for one in known}
    return Statement(
        same[0].text,
        sides.pop() if len(sides) == 1 else None,
        fmean(map(_share, known)) if known else 0.5,
        alternative,
    )


def _share(claim: Claim) -> float:
    return claim.probability if claim.probability is not None else float(claim.finding == "right")

"""Candidates: the answers to one prompt, with what was said of them."""

from dataclasses import dataclass
from typing import Literal

from pairwright.schemas.claim import Claim
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.span import Span

Side = Literal["any", "chosen", "rejected"]
"""On which side of a pair a candidate may stand: its own prompt or picture may have been made for one."""

Outcome = Literal["first", "second", "tie", "cannot_judge"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer to a prompt."""

    text: str
    model: str | None = None
    """Who wrote it."""
    side: Side = "any"
    finish: str | None = None
    """Why it ended (``schemas.request.Finish``), where a sampler wrote it."""
    request: str | None = None
    """Key of the response store, where a sampler wrote it."""
    sample: int | None = None
    """Its number among the answers to that request."""
    params: str | None = None
    """JSON text: how it was written (temperature, prompt template, picture), where that is known."""
    answer: str | None = None
    """The final answer that a verifier took out of the text."""
    score: float | None = None
    """The one number that pairing goes by; None where nobody could judge it."""
    judgements: tuple[Judgement, ...] = ()
    """What ``score`` was made of, each with target ``candidate``."""
    round: int | None = None
    """Round of self-training in which it was written, from 1; None for answers that the source has."""
    claims: tuple[Claim, ...] = ()
    """Its statements, where it was taken apart."""
    spans: tuple[Span, ...] = ()
    """Stretches of it that were corrected, or that were put in by a correction."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a judge said of two candidates side by side."""

    first: int
    """Number of a candidate in its prompt's list."""
    second: int
    outcome: Outcome
    scorer: str
    strength: float = 1.0
    """1 for better, 2 for much better, where the judge tells them apart; 0 for a tie."""
    rationale: str | None = None

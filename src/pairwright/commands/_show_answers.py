"""What ``pairwright show`` tells of text pairs, candidates and the models that were asked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pairwright.commands._tables import plain, table_of, two_lines
from pairwright.runs.wording import (
    NOBODY,
    amount_text,
    compared_text,
    dollars_text,
    failures_text,
    percent_text,
    rated_text,
    round_text,
    score_text,
    unparsed,
)

if TYPE_CHECKING:
    from rich.table import Table

    from pairwright.responses.ledger import Spent
    from pairwright.runs.candidates import CandidateSummary
    from pairwright.runs.on_policy import RoundsSummary
    from pairwright.runs.summary import Summary
    from pairwright.runs.text_pairs import TextPairSummary


def names_models(pairs: "TextPairSummary") -> bool:
    """Tell whether any pair says who wrote its answers."""
    return any(one.chosen or one.rejected for one in pairs.models)


def model_pairs(pairs: "TextPairSummary") -> "Table":
    """Return whose answers stand over whose."""
    table = table_of("chosen answer by", numbers=())
    table.add_column("rejected answer by", overflow="fold")
    table.add_column("text pairs", justify="right", no_wrap=True)
    for one in pairs.models:
        table.add_row(plain(one.chosen or NOBODY), plain(one.rejected or NOBODY), f"{one.pairs:,}")
    if pairs.more_models:
        table.add_row("others", "", f"{pairs.more_models:,}")
    return table


def models(candidates: "CandidateSummary") -> "Table":
    """Return who wrote candidates, and how well."""
    table = table_of("candidates by", numbers=("answers", "mean score", "win rate"))
    for one in candidates.models:
        table.add_row(
            plain(one.model or NOBODY),
            f"{one.answers:,}",
            score_text(one.mean_score),
            percent_text(one.win_rate),
        )
    if candidates.more_models:
        table.add_row("others", f"{candidates.more_models:,}", "", "")
    return table


def rounds(summary: "RoundsSummary") -> "Table":
    """Return how many answers are of each round, and how often they stand in pairs."""
    table = table_of("answers of round", numbers=("answers", "mean score", "chosen", "rejected"))
    for one in summary.answers:
        table.add_row(
            round_text(one.round),
            f"{one.answers:,}",
            score_text(one.mean_score),
            f"{one.chosen:,}",
            f"{one.rejected:,}",
        )
    return table


def said(summary: "Summary", candidates: "CandidateSummary") -> "Table":
    """Return what judges and verifiers said, and how far they agree."""
    table = table_of("judged by", numbers=())
    table.add_column("what it said", overflow="fold")
    for rated in candidates.rated:
        mute = unparsed(summary) if rated.right is not None else 0
        told = rated_text(rated) + (f", {mute:,} unparsable" if mute else "")
        table.add_row(two_lines(rated.scorer, rated.aspect), plain(told))
    for compared in candidates.compared:
        table.add_row(two_lines(compared.scorer, "two answers side by side"), plain(compared_text(compared)))
    for one in candidates.agreeing:
        share = percent_text(one.agreed / one.compared)
        told = f"agree on {share} of {one.compared:,} pairs of answers where both prefer one"
        table.add_row(two_lines(one.one, f"and {one.other}"), plain(told))
    return table


def ledger(spent: "Sequence[Spent]") -> "Table":
    """Return what each model took."""
    table = table_of("model asked", numbers=("calls", "answers", "tokens in", "out", "USD"))
    for one in spent:
        below = ", ".join(
            filter(
                None,
                (
                    one.endpoint,
                    failures_text(one),
                    f"{one.replayed:,} from the store" if one.replayed else "",
                ),
            )
        )
        table.add_row(
            two_lines(one.model, below),
            f"{one.calls:,}",
            f"{one.answers:,}",
            amount_text(one.prompt_tokens),
            amount_text(one.completion_tokens),
            dollars_text(one.usd),
        )
    return table

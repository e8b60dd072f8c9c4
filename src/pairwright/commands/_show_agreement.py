"""What ``pairwright show`` tells of people: how far they agree, and what each one's votes are like."""

from typing import TYPE_CHECKING

from pairwright.commands._tables import plain, table_of, two_lines
from pairwright.runs.agreement_text import alpha_text, cohen_text, fleiss_text, person_text

if TYPE_CHECKING:
    from rich.table import Table

    from pairwright.runs.agreement import AgreementSummary


def agreement(summary: "AgreementSummary") -> "Table":
    """Return agreement beyond chance, then each person."""
    table = table_of("people", numbers=())
    table.add_column("how far they agree, and how they vote", overflow="fold")
    if summary.units:
        table.add_row("all", plain(fleiss_text(summary)))
    for rated in summary.ratings:
        table.add_row(two_lines("all", f"ratings on {rated.aspect}"), plain(alpha_text(rated)))
    for two in summary.cohen:
        table.add_row(two_lines(two.one, f"and {two.other}"), plain(cohen_text(two)))
    for person in summary.people:
        table.add_row(plain(person.annotator), plain(person_text(person)))
    return table

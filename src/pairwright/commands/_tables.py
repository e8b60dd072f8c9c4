"""Tables in a terminal, of texts that may come from outside."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def table_of(first: str, *, numbers: tuple[str, ...], title: str | None = None) -> "Table":
    """Return an empty table whose first column is text and whose others are numbers."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        pad_edge=False,
        caption=title,
        caption_justify="right",
        header_style="dim",
    )
    table.add_column(first, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def plain(text: str) -> "Text":
    """Return a text from outside as a terminal may print it: no markup, no control codes."""
    from rich.text import Text

    return Text("".join(letter if letter.isprintable() else " " for letter in text))


def two_lines(first: str, second: str) -> "Text":
    """Return two texts from outside below each other, the second one dim."""
    from rich.text import Text

    if not second:
        return plain(first)
    below = plain(second)
    below.stylize("dim")
    return Text.assemble(plain(first), "\n", below)

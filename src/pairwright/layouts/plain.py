"""A plain table: columns are recognised by name, or named by ``source.columns``, as without a layout."""

from pairwright.layouts import Layout, Read, Row
from pairwright.sources.columns import recognise as columns_of


def read(row: Row) -> Read:
    """Return the fields that columns are taken for by name."""
    return Read(row, columns_of(tuple(row)).taken)


PART = Layout(
    recognise=lambda row: 0,
    read=read,
    summary="any table of questions with chosen and rejected answers, or of candidates; source.columns says which column is what",
    source="your own tables",
)

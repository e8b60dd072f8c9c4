"""A plain table: columns are recognised by name, or named by ``source.columns``, as without a layout."""

from pairwright.layouts import Layout, Read, Row
from pairwright.sources.columns import recognise as columns_of

_ASKS = frozenset({"question", "prompt", "conversations"})
_SIDES = (
    {"chosen", "rejected"},
    {"chosen", "rejected_images"},
    {"conversations", "rejected_conversations"},
    {"candidates"},
)


def recognise(row: Row) -> int:
    """Tell by columns whose names say what they are, a question and two sides or candidates; any other layout goes before it."""
    found = columns_of(tuple(row))
    known = _ASKS & found.taken.keys() and any(sides <= found.taken.keys() for sides in _SIDES)
    return 1 if known and not found.shared else 0


def read(row: Row) -> Read:
    """Return the fields that columns are taken for by name."""
    return Read(row, columns_of(tuple(row)).taken)


PART = Layout(
    recognise=recognise,
    read=read,
    summary="any table of questions with chosen and rejected answers, or of candidates; source.columns says which column is what",
    source="your own tables",
)

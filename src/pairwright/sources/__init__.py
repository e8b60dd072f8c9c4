"""Sources: where rows come from, and how a row becomes a prompt with answers.

Use :func:`pairwright.sources.open.open_source`. Rows come from ``table`` (CSV, TSV, JSONL, JSON, Parquet, Arrow, with
its readers in ``text_files`` and ``arrow_files``), ``folder`` (pictures with captions) or ``dataset`` (``datasets``,
streamed). All share one way from a raw row to a :class:`SourceRow`: ``columns`` (which column is what), ``rows``,
``turns`` and ``cells`` (texts), ``pictures`` (images) and ``shared`` (rows in pairwright's own schema). ``files`` opens
the files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pairwright.schemas.errors import RowError
from pairwright.schemas.source_row import SourceRow


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it stands in the source, before anything in it is trusted."""

    record_id: str
    """``file:row`` with rows counted from 0; for a folder without metadata the picture's path."""
    fields: Mapping[str, Any]
    """Columns by name; empty where ``problem`` is set."""
    problem: RowError | None = None
    """Why the row could not even be read, for example a line of broken JSON."""
    folder: str = ""
    """Folder of the row's file, relative to the source: what the row's image paths start from."""
    whole: Mapping[str, Any] | None = None
    """The row of the file, where it held several prompts and ``fields`` has one of them."""
    part: int | None = None
    """The number of that prompt, from 0."""
    parsed: SourceRow | None = None
    """The row itself, where it had to be looked at when it was read."""


@dataclass(frozen=True, slots=True)
class FileMark:
    """One file of a source, marked so that a change between two runs is noticed."""

    name: str
    """Path relative to the source."""
    size: int
    """Bytes."""
    sha256: str
    """Of the whole file up to 64 MiB; of its first, middle and last MiB above that."""


class Source(Protocol):
    """Rows in a fixed order. Each process of a run opens its own; a source is never shared between two."""

    name: str
    """Name of the data set, written to every pair."""
    local: bool
    """Whether rows are read from this machine, so that several processes may each read them; not over a network."""

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield all rows from number ``start`` on, in the same order every time, holding few in memory."""

    def parse(self, raw: RawRow) -> SourceRow:
        """Return a row's prompt, answers and images (read from disk here). Raises RowError for a reject."""

    def marks(self) -> tuple[FileMark, ...]:
        """Return a mark of every file that rows are read from (not of every picture that a table names)."""

    def count(self) -> int | None:
        """Return the number of rows where that is cheap to know, else None. Where it is, any start is quick."""

    def columns(self) -> Mapping[str, str]:
        """Return which column was taken for which field, for ``pairwright check``: field name to column name."""

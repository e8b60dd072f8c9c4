"""Several sources as one, in order, and each prompt with its answers once."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import islice

from pairwright.schemas.errors import RowError, SourceError
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import FileMark, RawRow, Source


class MergedSource:
    """The rows of several sources, one source after the other; a row that an earlier one has as well is a reject.

    Two rows are the same where their pictures, byte for byte, and all their texts are, whatever the space in these. To know, every
    row is parsed when it is read; about a hundred bytes of each are remembered.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        """Raises SourceError where two sources have the same name, so that their rows could not be told apart."""
        self.name = " + ".join(source.name for source in sources)
        self.local = False
        self._sources = tuple(sources)
        names = [source.name for source in sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SourceError(
                f"source.sets: {', '.join(twice)} is there twice; give each set a name of its own"
            )

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield the rows from number ``start`` on; those before are read over, for what they have in common with others."""
        return islice(self._rows(), start, None)

    def parse(self, raw: RawRow) -> SourceRow:
        """Return a row, parsed when it was read. Raises RowError for a reject."""
        if raw.problem is not None:
            raise raw.problem
        if raw.parsed is None:
            raise AssertionError("a row of several sources is parsed when it is read")
        return raw.parsed

    def marks(self) -> tuple[FileMark, ...]:
        """Return the marks of all sources, each name with its source's in front."""
        return tuple(
            replace(mark, name=f"{source.name}/{mark.name}")
            for source in self._sources
            for mark in source.marks()
        )

    def count(self) -> int | None:
        """Return None: no row can be entered in the middle."""
        return None

    def columns(self) -> Mapping[str, str]:
        """Return what is read of every source."""
        told: dict[str, str] = {}
        for source in self._sources:
            told |= {f"{source.name}: {field}": column for field, column in source.columns().items()}
        fields = [set(source.columns()) for source in self._sources]
        return told | {field: field for field in sorted(set.intersection(*fields))}

    def _rows(self) -> Iterator[RawRow]:
        seen: dict[bytes, str] = {}
        for source in self._sources:
            for raw in source.rows():
                yield self._checked(source, raw, seen)

    def _checked(self, source: Source, raw: RawRow, seen: dict[bytes, str]) -> RawRow:
        record_id = f"{source.name}/{raw.record_id}"
        try:
            row = replace(source.parse(raw), record_id=record_id)
        except RowError as error:
            return RawRow(record_id, {}, error)
        first = seen.setdefault(_key(row), record_id)
        if first != record_id:
            return RawRow(
                record_id, {}, RowError("duplicate", None, f"the same pictures and texts as {first}")
            )
        return RawRow(record_id, {"question": row.prompt.question}, parsed=row)


def _key(row: SourceRow) -> bytes:
    """Return what is the same for rows with the same pictures and texts."""
    prompt = row.prompt
    texts = [
        prompt.system,
        prompt.question,
        *(text for turn in prompt.history for text in turn),
        row.chosen,
        row.rejected,
        *(one.text for one in row.candidates),
    ]
    pictures = [image.sha256 for image in (*prompt.images, *(row.rejected_images or ()))]
    content = [pictures, [None if text is None else " ".join(text.split()) for text in texts]]
    return blake2b(json.dumps(content).encode(), digest_size=16).digest()

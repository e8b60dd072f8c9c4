"""CSV, TSV, JSON lines and JSON arrays, read as streams: one row in memory at a time.

A reader yields ``(row number, row)`` from row 0 on. Rows before ``start`` come as None, not parsed; a row that cannot be
parsed comes as the RowError of its reject.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import ijson

from pairwright.schemas.errors import RowError, SourceError
from pairwright.sources.columns import NAMES
from pairwright.sources.shallow import Shallow

Row = Mapping[str, Any] | RowError | None
"""A parsed row, the error of a broken one, or None for one that was skipped."""

_FIRST = 32
"""Rows looked at for column names where a format has no header."""
_BOM = b"\xef\xbb\xbf"
_LONGEST_FIELD = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one format are read."""

    read: Callable[[Path, int], Iterator[tuple[int, Row]]]
    """Takes a file and the first row that is wanted."""
    names: Callable[[Path], Sequence[str]]
    """Returns the column names, from a header or from the first rows."""
    count: Callable[[Path], int | None]
    """Returns the number of rows where the file says it, else None."""


def read_csv(path: Path, start: int = 0, *, delimiter: str = ",") -> Iterator[tuple[int, Row]]:
    """Yield the rows of a CSV file with a header; all values are text.

    Args:
        path: the file, UTF-8 with or without byte order mark.
        start: first row wanted.
        delimiter: ``,`` or a tab.

    Raises:
        SourceError: the header is not UTF-8, or names a column twice.
    """
    csv.field_size_limit(_LONGEST_FIELD)  # pictures as base64 go beyond the module's 128 KiB
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        header = _header(next(reader, []), path)
        number = -1
        while True:
            first_line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                number += 1
                yield number, RowError("bad_row", None, f"{path.name} line {first_line}: {error}")
                continue
            if not cells:  # a blank line is no row
                continue
            number += 1
            where = f"{path.name} line {first_line}"
            if reader.line_num > first_line:
                where += f" to {reader.line_num}"
            yield number, _csv_row(header, cells, where) if number >= start else None


def read_jsonl(path: Path, start: int = 0) -> Iterator[tuple[int, Row]]:
    """Yield the objects of a file that has one on each line; blank lines are no rows."""
    with path.open("rb") as file:
        number = -1
        for line_number, line in enumerate(file, 1):
            if line_number == 1:
                line = line.removeprefix(_BOM)
            if line.isspace():
                continue
            number += 1
            yield number, _json_row(line, f"{path.name} line {line_number}") if number >= start else None


def read_json(path: Path, start: int = 0) -> Iterator[tuple[int, Row]]:
    """Yield the objects of a JSON array, or of one object per line, whichever the file is.

    Raises:
        SourceError: the file is one object, or the array breaks off; rows after the break could not even be counted.
    """
    with path.open("rb") as file:
        first = _first_byte(file)
        if first == b"[":
            yield from _array_rows(path, file, start)
            return
        line = file.readline()
    if first and isinstance(_json_row(line, ""), RowError) and not _more_lines_parse(path):
        raise SourceError(
            f"{path}: expected a JSON array of objects, or one object per line. Where the rows lie deeper inside an "
            f"object, take them out first: jq -c '.rows[]' {path.name} > rows.jsonl"
        )
    yield from read_jsonl(path, start)


def read_keyed(path: Path, start: int = 0) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a file as :func:`read_json` does; also of one that is an object whose values are rows.

    The key of such a row stands in its column ``key``. A value that is a list of objects gives a row for each.

    Raises:
        SourceError: the file breaks off, or is an object of anything else.
    """
    if not _is_keyed(path):
        yield from read_json(path, start)
        return
    number = -1
    with path.open("rb") as file:
        try:
            for key, value in ijson.kvitems(Shallow(file, str(path)), "", use_float=True):
                for one in value if isinstance(value, list) else [value]:
                    number += 1
                    yield number, _keyed_row(one, key, path, number) if number >= start else None
        except (ijson.JSONError, UnicodeDecodeError) as error:
            told = str(error).splitlines()[0]
            raise SourceError(
                f"{path}: the object breaks off after row {number} ({told}); mend the file"
            ) from error


def _is_keyed(path: Path) -> bool:
    """Tell whether a file is one object of rows: its first value is one, or a list of them, and its key no column's name."""
    with path.open("rb") as file:
        if _first_byte(file) != b"{":
            return False
        start = file.tell()
        is_line = isinstance(_json_row(file.readline(), ""), Mapping)
        if is_line and file.readline().strip():
            return False
        file.seek(start)
        try:
            key, first = next(ijson.kvitems(Shallow(file, str(path)), "", use_float=True))
        except (StopIteration, ijson.JSONError, UnicodeDecodeError):
            return False
    if any(key.lower() in names for names in NAMES.values()):
        return False
    return isinstance(first, dict) or (isinstance(first, list) and isinstance(next(iter(first), None), dict))


def _keyed_row(value: object, key: str, path: Path, number: int) -> Row:
    if isinstance(value, dict):
        return {"key": key, **value}
    return RowError(
        "bad_row", None, f"{path.name} row {number}: expected an object, got {type(value).__name__}"
    )


def first_names(read: Callable[[Path, int], Iterator[tuple[int, Row]]]) -> Callable[[Path], Sequence[str]]:
    """Return a function that gives the columns seen in the first rows of a file."""

    def names(path: Path) -> Sequence[str]:
        seen: dict[str, None] = {}
        for _, row in islice(read(path, 0), _FIRST):
            if isinstance(row, Mapping):
                seen.update(dict.fromkeys(row))
        return tuple(seen)

    return names


def csv_names(path: Path, *, delimiter: str = ",") -> Sequence[str]:
    """Return the header of a CSV file."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        return _header(next(csv.reader(file, delimiter=delimiter), []), path)


def _header(cells: Sequence[str], path: Path) -> Sequence[str]:
    names = [cell.strip() for cell in cells]
    if not all(_is_text(name) for name in names):
        raise SourceError(f"{path}: the header is not UTF-8 text; convert the file, for example with iconv")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(f"{path}: the header names {', '.join(map(repr, twice))} more than once")
    return names


def _csv_row(header: Sequence[str], cells: Sequence[str], where: str) -> Row:
    if len(cells) != len(header):
        hint = "; is a quote left open?" if " to " in where else ""
        message = f"{where}: {len(cells)} fields, the header has {len(header)}{hint}"
        return RowError("bad_row", None, message)
    if not all(_is_text(cell) for cell in cells):
        return RowError("bad_row", None, f"{where}: not UTF-8 text")
    return dict(zip(header, cells, strict=True))


def _is_text(cell: str) -> bool:
    """Tell whether a cell was UTF-8; other bytes were read as lone surrogates."""
    if cell.isascii():
        return "\0" not in cell
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json_row(line: bytes, where: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return RowError("bad_row", None, f"{where}: not JSON ({error})")
    if not isinstance(row, dict):
        return RowError("bad_row", None, f"{where}: expected an object, got {type(row).__name__}")
    return row


def _array_rows(path: Path, file: BinaryIO, start: int) -> Iterator[tuple[int, Row]]:
    number = -1
    try:
        for number, row in enumerate(ijson.items(Shallow(file, str(path)), "item", use_float=True)):
            if number < start:
                yield number, None
            elif isinstance(row, dict):
                yield number, row
            else:
                message = f"{path.name} item {number}: expected an object, got {type(row).__name__}"
                yield number, RowError("bad_row", None, message)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{path}: the array breaks off after item {number} ({str(error).splitlines()[0]}); mend the file"
        ) from error


def _first_byte(file: BinaryIO) -> bytes:
    """Go to the first byte that is neither white space nor a byte order mark, and return it."""
    start = file.read(3)
    file.seek(3 if start == _BOM else 0)
    while (byte := file.read(1)).isspace():
        pass
    if byte:
        file.seek(-1, 1)
    return byte


def _more_lines_parse(path: Path) -> bool:
    """Tell whether some line after a broken first one is an object of its own: then it is one bad line."""
    return any(isinstance(row, Mapping) for _, row in islice(read_jsonl(path), 1, _FIRST))

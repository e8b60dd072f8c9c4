"""Fuzzing by coverage, with atheris: ``python tests/fuzz/guided.py TARGET [options of libFuzzer]``; run by ``make fuzz``.

Bytes are changed so as to reach lines that no input before has reached. What pairwright raises on purpose is fine; any other
exception, and whatever takes longer than half a minute or 2 GB, is a finding; the input lies in the file that is named then.

Targets: ``recipes``, ``tables`` (CSV, TSV, JSON lines, JSON arrays), ``cells`` (Parquet), ``layouts``, ``runs`` (``run.json`` and the
manifest), ``answers`` (of servers, and what judges wrote) and ``prompts``.
"""

import io
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import atheris

with atheris.instrument_imports(include=["pairwright"]):
    import pyarrow as pa
    import pyarrow.parquet as pq
    import yaml

    from pairwright.annotators import _prompts as prompt_files
    from pairwright.annotators import listwise, pointwise
    from pairwright.annotators._reading import json_object
    from pairwright.commands import status
    from pairwright.layouts import ROOM as LAYOUTS
    from pairwright.recipe import load_recipe, packaged_names
    from pairwright.recipes import packaged
    from pairwright.runs import manifest, run_file
    from pairwright.runs.standing import standings
    from pairwright.samplers._openai_batches import outcomes
    from pairwright.samplers._wire import NonsenseError, reply_of, scored_reply_of
    from pairwright.schemas.candidate_table import to_candidate_table
    from pairwright.schemas.errors import PairwrightError
    from pairwright.sources import RawRow
    from pairwright.sources.in_layout import LayoutSource
    from pairwright.sources.open import open_source
    from pairwright.sources.pictures import Pictures
    from pairwright.sources.rows import Reading, parse_row
    from pairwright.sources.settings import SourceSettings

PLACE = Path(tempfile.mkdtemp(prefix="fuzz-"))
TESTS = Path(__file__).parents[1]
ROWS = 20
FINE = (PairwrightError, NonsenseError)


class Target(NamedTuple):
    """What is fed, and what sound input looks like."""

    feed: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    words: tuple[str, ...] = ()
    """What inputs are made of, for the dictionary."""


def used(source: Any) -> None:
    """Read rows as a run does, and write those that are no rejects."""
    for _, raw in zip(range(ROWS), source.rows(), strict=False):
        with suppress(PairwrightError):
            to_candidate_table([source.parse(raw)])


def recipes(data: bytes) -> None:
    """Load a recipe as a run does."""
    path = PLACE / "recipe.yaml"
    path.write_bytes(data)
    loaded = load_recipe(path)
    with suppress(PairwrightError):  # of those that are packaged, no model has a name
        loaded.models()
    json.dumps(loaded.resolved(), ensure_ascii=False).encode()
    loaded.identity()
    loaded.runs_code()


def tables(data: bytes) -> None:
    """Read a file in one of the formats of text; the first byte says which."""
    if data:
        path = PLACE / f"table.{('jsonl', 'csv', 'tsv', 'json')[data[0] % 4]}"
        path.write_bytes(data[1:])
        used(open_source(SourceSettings(path=str(path))))


def cells(data: bytes) -> None:
    """Read a Parquet file whose cells are the values of JSON."""
    with suppress(ValueError, RecursionError):  # no JSON
        rows = json.loads(data)
        if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            path = PLACE / "cells.parquet"
            try:
                pq.write_table(pa.Table.from_pylist(rows), path)
            except (pa.ArrowException, TypeError, OverflowError, ValueError):  # no table
                return
            used_strictly(path)


def used_strictly(path: Path) -> None:
    """Read a table; a ValueError is a finding, though ``cells`` lets those of its own pass."""
    try:
        used(open_source(SourceSettings(path=str(path))))
    except ValueError as error:
        raise AssertionError(path) from error


class Rows:
    """A source of one row."""

    name, local = "t", True

    def __init__(self, row: Mapping[str, Any], layout: str) -> None:
        """``layout`` is the one that it is read by."""
        pictures = Pictures(None, False, 10**6, 10**6, 1)
        self._row = row
        self._reading = Reading("t", SourceSettings(layout=layout), pictures, LAYOUTS.get(layout))

    def rows(self, start: int = 0) -> Iterator[RawRow]:
        """Yield it."""
        yield RawRow("t:0", self._row)

    def parse(self, raw: RawRow) -> Any:
        """Return it as the layout reads it."""
        return parse_row(raw, self._reading)


def layouts(data: bytes) -> None:
    """Read a row in some layout; the first byte says which."""
    name = LAYOUTS.names()[data[0] % len(LAYOUTS.names())] if data else "plain"
    try:
        row = json.loads(data[1:])
    except (ValueError, RecursionError):
        return
    if isinstance(row, dict):
        LAYOUTS.get(name).recognise(row)
        used(LayoutSource(Rows(row, name), name))


def runs(data: bytes) -> None:
    """Read what a run folder says of itself; a zero byte stands between the two files."""
    about, _, finished = data.partition(b"\0")
    (PLACE / run_file.NAME).write_bytes(about)
    (PLACE / manifest.NAME).write_bytes(finished)
    with suppress(PairwrightError):
        run_file.read(PLACE)
    manifest.total(manifest.read(PLACE))
    told = standings(PLACE)
    status._table(told)
    status._together(told)


def answers(data: bytes) -> None:
    """Read a server's body, a line of its batches and a judge's words."""
    link: Any = SimpleNamespace(place=SimpleNamespace(name="server", scrubbed=str))
    with suppress(PairwrightError):
        for _ in outcomes(link, "batch", io.BytesIO(data)):
            pass
    text = data.decode(errors="replace")
    for output in ("schema", "text"):
        with suppress(PairwrightError):
            json_object(text, output)
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return
    with suppress(*FINE):
        reply_of(body)
    scored_reply_of(body, "A cat.")


def prompts(data: bytes) -> None:
    """Read a prompt file and try it."""
    path = PLACE / "prompt.md"
    path.write_bytes(data)
    if b"judge: pointwise" in data:
        pointwise.prepare(pointwise.Pointwise(prompt=str(path)), "fuzz")
    else:
        listwise.prepare(listwise.Listwise(prompt=str(path)), "fuzz")


def recipe_seeds() -> list[bytes]:
    """Return the packaged recipes."""
    return [packaged()[name].read_bytes() for name in packaged_names()]


def row_seeds() -> list[tuple[str, dict[str, Any]]]:
    """Return the rows by which the layouts are tested, as far as JSON can hold them."""
    found = []
    for path in sorted((TESTS / "machine" / "layouts" / "rows").glob("*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            rows = case["rows"] if isinstance(case["rows"], list) else list(case["rows"].values())
            found += [(path.stem, row) for row in rows[:1]]
    return found


def table_seeds() -> list[bytes]:
    """Return small tables in all four formats."""
    row = {
        "image": "a.jpg",
        "question": "What?",
        "chosen": "A cat.",
        "rejected": "A dog.",
        "history": [["a", "b"]],
    }
    lines = json.dumps(row).encode()
    comma = b'image,question,chosen,rejected\r\na.jpg,"What, then?",A cat.,A dog.\r\n'
    talk = (
        b'{"conversations": [{"from": "human", "value": "<image>What?"}, {"from": "gpt", "value": "That."}]}'
    )
    return [
        b"\0" + lines + b"\n" + talk,
        b"\1" + comma,
        b"\2" + comma.replace(b",", b"\t"),
        b"\3[" + lines + b"]",
    ]


def run_seeds() -> list[bytes]:
    """Return what a small run says of itself."""
    counts = {
        "rows": 2,
        "paired": 1,
        "rejected": 1,
        "pairs": {"text": 1},
        "rejects": {"row": {"call_failed": 1}},
    }
    data = {"name": "data/train-00000-00.parquet", "rows": 1, "bytes": 9, "sha256": "0" * 64}
    shard = {"shard": 0, "start": 0, **counts, "files": [data]}
    patch = {
        "shard": 0,
        "patch": 1,
        **counts,
        "rows": 0,
        "files": [data | {"name": "data/train-00000-p1-00.parquet"}],
    }
    about = {
        "recipe_fingerprint": "f", "pairwright": "1", "source": {"name": "s", "files": [{"name": "a", "size": 1, "sha256": "0"}]},
        "limit": None, "ledger": [{"model": "m", "endpoint": "e", "sampler": "openai", "calls": 1, "usd": 0.5}], "versions": {"python": "3"}, "status": "running", "recipe": {"output": {"shard_rows": 2}}, "started": "x",
        "name": "n", "work_s": 1, "total": 4, "slice": "0/2",
        "encoded": [{"encoder": "clip", "images": 1, "texts": 2, "stored": 0}],
    }  # fmt: skip
    return [
        json.dumps(about).encode() + b"\0" + b"".join(json.dumps(x).encode() + b"\n" for x in (shard, patch))
    ]


def answer_seeds() -> list[bytes]:
    """Return a body, a line of a batch and a judge's words."""
    top = [{"token": "A", "logprob": -0.1, "top_logprobs": [{"token": "A", "logprob": -0.1}]}]
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"content": "A cat."},
        "logprobs": {"content": top},
    }
    body = {
        "model": "m",
        "choices": [choice],
        "usage": {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}},
    }
    scored = body | {"prompt_logprobs": [None, {"5": {"logprob": -1.0, "decoded_token": "A cat."}}]}
    line = {"custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None}
    failed = {"custom_id": "a", "response": None, "error": {"code": "batch_expired", "message": "late"}}
    judged = b'Here:\n```json\n{"rating": 4, "reason": "\\u00e9"}\n```'
    return [*(json.dumps(one).encode() for one in (body, scored, line, failed)), judged]


def prompt_seeds() -> list[bytes]:
    """Return the packaged prompts of judges."""
    folder = Path(str(prompt_files._folder(prompt_files.JUDGES)))
    return [path.read_bytes() for path in sorted(folder.glob("*.md"))]


JSON = (
    '"',
    "null",
    "true",
    "NaN",
    "Infinity",
    "1e999",
    "-1",
    "9" * 400,
    "[]",
    "{}",
    "[[",
    '"\\ud800"',
    "\\u0000",
    '": ',
    ", ",
)
TARGETS = {
    "recipes": Target(recipes, recipe_seeds, ("!!int", "!!binary", "&a", "*a", "<<:", "? ", "2001-99-99", "0b_", "- ", ": ", "per_row")),
    "tables": Target(tables, table_seeds, (*JSON, "<image>", "\r\n", '""', "chosen", "messages", "role", "content", "images")),
    "cells": Target(cells, lambda: [json.dumps([row]).encode() for _, row in row_seeds()], (*JSON, "bytes", "path", "role")),
    "layouts": Target(
        layouts,
        lambda: [bytes([LAYOUTS.names().index(name)]) + json.dumps(row).encode() for name, row in row_seeds() if name in LAYOUTS.names()],
        (*JSON, "score", "chosen", "from", "value", "<image>"),
    ),
    "runs": Target(runs, run_seeds, (*JSON, "patch", "patches", "../", "data/")),
    "answers": Target(answers, answer_seeds, (*JSON, "logprob", "content", "refusal", "finish_reason", "prompt_logprobs")),
    "prompts": Target(prompts, prompt_seeds, ("{{", "}}", "{%", "%}", "for", "if", "# System", "# User", "---", "|", "range(9**9)")),
}  # fmt: skip


def corpus(name: str, target: Target) -> list[str]:
    """Write the seeds and the dictionary; return the options that name them."""
    folder = PLACE / f"{name}-seeds"
    folder.mkdir()
    for number, seed in enumerate(target.seeds()):
        (folder / str(number)).write_bytes(seed)
    words = PLACE / f"{name}.dict"
    quoted = (
        '"' + "".join(f"\\x{byte:02x}" for byte in word.encode(errors="surrogatepass")) + '"'
        for word in target.words
    )
    words.write_text("".join(f"{word}\n" for word in quoted))
    return [
        f"-artifact_prefix={PLACE}/",
        f"-dict={words}",
        "-timeout=30",
        "-rss_limit_mb=2048",
        "-max_len=65536",
        str(folder),
    ]


def main() -> None:
    """Fuzz one target until told to stop."""
    target = TARGETS[sys.argv[1]]

    def one(data: bytes) -> None:
        try:
            with suppress(*FINE):
                target.feed(data)
        except Exception:
            found = PLACE / f"found-{sha256(data).hexdigest()[:12]}"
            found.write_bytes(data)
            print(f"found by {found}", file=sys.stderr)
            traceback.print_exc()
            raise

    sys.setrecursionlimit(1000)  # as it is outside; atheris raises it
    os.environ.setdefault("PYTHONHASHSEED", "0")
    atheris.Setup([sys.argv[0], *sys.argv[2:], *corpus(sys.argv[1], target)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

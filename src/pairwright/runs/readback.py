"""Reading a run folder back: ``run.json`` and the rejects, into records.

A folder may be read while its run is at work, or after it was killed: only what the manifest names counts as done.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from pairwright.encoding.service import Encoded
from pairwright.responses.ledger import Spent, from_json
from pairwright.runs import manifest
from pairwright.runs.endpoints import bare_endpoint, without_secrets
from pairwright.runs.files import Files
from pairwright.runs.manifest import Scoped, ShardEntry
from pairwright.runs.run_file import encoded_from, none_in
from pairwright.schemas.errors import RunError
from pairwright.sources import FileMark

RIGHT_AT = 0.5
"""From which value of a verifier on an answer is right, where the recipe says nothing."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What ``run.json`` says."""

    name: str
    """The run's name in a response store; empty for a run of an earlier release."""
    pairwright: str
    schema: str
    status: str
    """``running`` or ``finished``."""
    recipe: str
    about: str
    seed: int
    round: int
    """Round of self-training; 1 for a run of an earlier release."""
    builder: str
    pretty_name: str | None
    license: str | None
    """Licence that the recipe gives to rows without one of their own."""
    recipe_fingerprint: str
    """SHA-256 over all of the recipe that decides which rows come out; empty where it is not known."""
    recipe_text: str
    """The resolved recipe as YAML."""
    source: str
    source_kind: str
    source_path: str
    source_files: tuple[FileMark, ...]
    limit: int | None
    """Rows taken at most, where the run was told so."""
    ledger: tuple[Spent, ...]
    """What each model took; endpoints without passwords and keys."""
    encoded: tuple[Encoded, ...]
    """What each encoder did."""
    right_at: float
    """From which value of a verifier on the recipe takes an answer for right."""
    versions: tuple[tuple[str, str], ...]
    """(package, version), sorted."""
    started: str
    finished: str | None
    """UTC times in ISO 8601."""


@dataclass(frozen=True, slots=True)
class RejectExample:
    """One reject, to show what a reason looks like."""

    record_id: str
    field: str | None
    message: str


def read_run(folder: Path) -> RunInfo:
    """Return what ``run.json`` says.

    Raises:
        RunError: the folder holds no run, or its ``run.json`` cannot be read.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise none_in(folder)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return _run_info(told)
    except (LookupError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise RunError(
            f"{path} cannot be read ({type(error).__name__}: {error}); run again to rewrite it"
        ) from error


def is_torn(folder: Path) -> bool:
    """Tell whether the last line of the manifest was cut short; its shard then counts as not done."""
    path = folder / manifest.NAME
    return path.is_file() and bool(path.read_bytes().rpartition(b"\n")[2].strip())


def read_reject_examples(
    files: Files, shards: Sequence[ShardEntry], each: int
) -> tuple[Mapping[Scoped, tuple[RejectExample, ...]], tuple[str, ...]]:
    """Return the first ``each`` rejects of every reason, and one line for each file that could not be read.

    Files are read line by line, and no further than until every reason has its examples.
    """
    counts = manifest.by_reason(manifest.total(shards).rejects)
    wanted = {scoped: min(each, n) for scoped, n in counts.items()}
    found: dict[Scoped, list[RejectExample]] = {scoped: [] for scoped in wanted}
    problems: list[str] = []
    for shard in shards:
        if all(len(found[scoped]) >= count for scoped, count in wanted.items()):
            break
        for name in (file.name for file in shard.files if file.name.endswith(".jsonl")):
            try:
                for scoped, example in _rejects(files, name):
                    if len(found.get(scoped, ())) < wanted.get(scoped, 0):
                        found[scoped].append(example)
            except (OSError, ValueError, KeyError, TypeError) as error:
                problems.append(f"{name} cannot be read ({error})")
    return {scoped: tuple(examples) for scoped, examples in found.items()}, tuple(problems)


def _rejects(files: Files, name: str) -> Iterator[tuple[Scoped, RejectExample]]:
    with files.open(name) as lines:
        for line in lines:
            told = json.loads(line)
            scoped = (str(told.get("scope", "row")), str(told["reason"]))
            yield (
                scoped,
                RejectExample(str(told["record_id"]), told.get("field"), str(told.get("message") or "")),
            )


def _run_info(told: Mapping[str, Any]) -> RunInfo:
    recipe, source = told["recipe"], told["source"]
    files = (FileMark(str(x["name"]), int(x["size"]), str(x["sha256"])) for x in source.get("files") or ())
    asked = recipe.get("source") or {}
    output = recipe.get("output") or {}
    return RunInfo(
        name=str(told.get("name") or ""),
        pairwright=str(told["pairwright"]),
        schema=str(told.get("schema", "")),
        status=str(told["status"]),
        recipe=str(recipe["name"]),
        about=str(recipe.get("about") or ""),
        seed=int(recipe.get("seed", 0)),
        round=int(recipe.get("round", 1)),
        builder=str(recipe["builder"]),
        pretty_name=_text_or_none(output.get("pretty_name")),
        license=_text_or_none(asked.get("license")),
        recipe_fingerprint=str(told.get("recipe_fingerprint") or ""),
        recipe_text=yaml.safe_dump(without_secrets(recipe), sort_keys=False, allow_unicode=True, width=100),
        source=str(source.get("name") or ""),
        source_kind=str(asked.get("kind") or ""),
        source_path=str(source.get("path") or asked.get("path") or ""),
        source_files=tuple(files),
        limit=None if told.get("limit") is None else int(told["limit"]),
        ledger=tuple(
            replace(x, endpoint=bare_endpoint(x.endpoint)) for x in from_json(told.get("ledger") or ())
        ),
        encoded=encoded_from(told),
        right_at=_right_at(recipe.get("parameters")),
        versions=tuple(sorted((str(k), str(v)) for k, v in (told.get("versions") or {}).items())),
        started=str(told.get("started") or ""),
        finished=_text_or_none(told.get("finished")),
    )


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)


def _right_at(parameters: object) -> float:
    value = parameters.get("right_at") if isinstance(parameters, dict) else None
    return float(value) if isinstance(value, int | float) else RIGHT_AT

"""What a push would commit: the run held against what the branch holds."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import yaml

from pairwright.card import NAME as CARD
from pairwright.edition import Version
from pairwright.publishing.card_rules import CardError, metadata_of
from pairwright.publishing.changes import RowChange, recipe_changes, row_changes
from pairwright.publishing.contents import RECIPE, VERSIONS, Prepared, edition_of, versions_of
from pairwright.publishing.items import Item, RemoteFile, same
from pairwright.publishing.repository import MAIN, Repository, State
from pairwright.publishing.samples import FOLDER as SAMPLES
from pairwright.runs.summary import CONFIGS
from pairwright.schemas.errors import PublishError

OURS = re.compile(
    rf"({'|'.join(chain.from_iterable(CONFIGS.values()))})/train-\d{{5,}}(-p\d+)?-\d+\.parquet"
    rf"|{SAMPLES}/[0-9a-f]+-(chosen|rejected)-\d\.webp"
)
"""Files that a push writes and a later one may delete."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a push would commit."""

    added: tuple[Item, ...]
    """Files that are new or different."""
    deleted: tuple[str, ...]
    """Files of the version before that are no longer part of the set."""
    version: int
    title: str
    """Of the commit."""
    said: tuple[str, ...]
    """What has changed since the version before, one line each."""
    card: str


def plan_of(repository: Repository, prepared: Prepared, state: State | None) -> Plan:
    """Compare a run with what the branch holds.

    Raises:
        PublishError: the Hub would refuse the card, the branch cannot be read, or its list of versions was damaged.
    """
    files = state.files if state else {}
    former = _former(repository, state)
    rows = tuple(
        row_changes(prepared.data, files, lambda path, key: repository.column(path, state.commit, key))
        if state and former
        else ()
    )
    new = not former or bool(rows)
    said = (*map(str, rows), *_further(repository, prepared, state)) if former else ()
    number = len(former) + new
    versions = (*former, version_of(prepared, number, said)) if new else former
    revision = None if repository.branch == MAIN else repository.branch
    texts = edition_of(prepared, repository.name, revision, versions)
    every = (*prepared.data, *prepared.told, *texts)
    there = {item.path for item in every}
    return Plan(
        added=tuple(item for item in every if not same(item, files.get(item.path))),
        deleted=tuple(path for path in sorted(files) if OURS.fullmatch(path) and path not in there),
        version=number,
        title=_title(prepared, number, rows, new=new),
        said=said,
        card=_text(texts[0]),
    )


def _former(repository: Repository, state: State | None) -> tuple[Version, ...]:
    """Return the versions that the branch knows."""
    if state is None or VERSIONS not in state.files:
        return ()
    try:
        return versions_of(repository.read(VERSIONS, state.commit))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PublishError(
            f"{VERSIONS} of {repository.name} is not as a push has written it ({error!r}); restore it there, or delete it: "
            "versions are then counted from 1 again"
        ) from error


def _further(repository: Repository, prepared: Prepared, state: State | None) -> tuple[str, ...]:
    """Return what else than rows differs from the version before: keys of the recipe, the licence."""
    if state is None or not {RECIPE, CARD} <= state.files.keys():
        return ()
    now = next(item for item in prepared.told if item.path == RECIPE)
    try:
        before = yaml.safe_load(repository.read(RECIPE, state.commit))
        was = metadata_of(repository.read(CARD, state.commit).decode(errors="replace"))
    except (yaml.YAMLError, CardError):
        return ()  # somebody has edited them there; they are written anew
    lines = list(recipe_changes(before, yaml.safe_load(_text(now))))
    licence = prepared.licence.metadata
    keys = ("license", "license_name", "license_link")
    if [was.get(key) for key in keys] != [licence.get(key) for key in keys]:
        lines.append(f"licence was {_licence_text(was)}, is {_licence_text(licence)}")
    return tuple(lines)


def _licence_text(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("license_name") or metadata.get("license"))


def version_of(prepared: Prepared, number: int, said: Sequence[str]) -> Version:
    """Return a version of a set: its number, the day on which the run was finished, rows by config."""
    run = prepared.summary.run
    rows = tuple((config.name, config.rows) for config in prepared.summary.configs)
    return Version(number, (run.finished or run.started).partition("T")[0], rows, tuple(said))


def _title(prepared: Prepared, number: int, rows: Sequence[RowChange], *, new: bool) -> str:
    if not new:
        return f"Card and what is told of the run; rows as in version {number}"
    if rows:
        return f"Version {number}: {', '.join(one.short() for one in rows)}"
    counts = ", ".join(f"{config.name} {config.rows:,} rows" for config in prepared.summary.configs)
    return f"Version {number}: {counts}"


def _text(item: Item) -> str:
    return item.content.decode() if isinstance(item.content, bytes) else item.content.read_text("utf-8")


def arrived(plan: Plan, files: Mapping[str, RemoteFile]) -> bool:
    """Tell whether the branch has all of a plan."""
    return (
        all(same(item, files.get(item.path)) for item in plan.added) and not set(plan.deleted) & files.keys()
    )

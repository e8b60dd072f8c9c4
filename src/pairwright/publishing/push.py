"""``push``: a finished run becomes a data set on the Hub, or the next version of one."""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pairwright import __version__
from pairwright.card import NAME as CARD
from pairwright.edition import Version
from pairwright.publishing.card_rules import metadata_of
from pairwright.publishing.changes import RowChange, recipe_changes, row_changes
from pairwright.publishing.contents import RECIPE, VERSIONS, Prepared, edition_of, prepare, versions_of
from pairwright.publishing.faults import committed_patiently
from pairwright.publishing.items import Item, RemoteFile, same
from pairwright.publishing.repository import MAIN, Repository, State
from pairwright.publishing.samples import FOLDER as SAMPLES
from pairwright.runs import run_file
from pairwright.runs.folder import locked
from pairwright.runs.summary import CONFIGS
from pairwright.schemas.errors import PublishError, RunError

_OURS = re.compile(
    rf"({'|'.join(CONFIGS.values())})/train-\d{{5,}}-\d+\.parquet|{SAMPLES}/[0-9a-f]+-(chosen|rejected)-\d\.webp"
)
"""Files that a push writes and a later one may delete."""
_HARMLESS = re.compile(r"\.gitattributes|\.gitignore|README\.md|LICEN[CS]E(\.\w+)?", re.IGNORECASE)
"""Files that a repository may hold in which nobody has put a set yet."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did."""

    url: str
    """The commit; where none was needed, the data set."""
    committed: bool
    """False where everything was there already."""
    version: int
    added: int
    """Files that were new or different."""
    deleted: int
    uploaded: int
    """Bytes of the files that were new or different; the Hub may have had parts of them."""
    said: tuple[str, ...]
    """What has changed since the version before."""
    notes: tuple[str, ...]
    """What to know now that it is there."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a push would commit."""

    added: tuple[Item, ...]
    deleted: tuple[str, ...]
    version: int
    title: str
    said: tuple[str, ...]
    card: str


def push(
    folder: str | Path,
    repo: str,
    *,
    private: bool = False,
    revision: str | None = None,
    license: str | None = None,
    license_link: str | None = None,
) -> Pushed:
    """Publish a finished run as a data set repository, or as the next version of one.

    The run is validated first, and nothing is uploaded of one that is unfinished, invalid, without a licence or with a key in it.
    All changes are one commit; what the Hub has already is not uploaded, and where it has everything there is no commit.

    Args:
        folder: folder of the run.
        repo: ``owner/name``; created where it is not there.
        private: create it so that only its owners see it. An existing one that is public is refused then.
        revision: branch; created from the main one where it is not there.
        license: licence of the whole set, in place of the strictest of its rows'.
        license_link: address of its text, for a licence that the Hub does not know.

    Raises:
        RunError: the folder holds no run, or another process builds into it.
        PublishError: the run cannot be published, or the Hub does not take it; the message says what to do.
        ParameterError: ``license`` and ``license_link`` do not go together.
        MissingExtraError: ``huggingface_hub`` is not installed.
    """
    place, repository = Path(folder), Repository(repo, revision)
    with _held(place):
        prepared = prepare(place, licence=license, link=license_link, token=_token())
        state = repository.look()
        _require_ours(repository, state, private=private)
        plan = _plan(repository, prepared, state)
        if plan.added:
            repository.check_card(plan.card)
        if state is None:
            repository.create(private=private)
            state = _seen(repository)
        if not state.is_branch:
            repository.create_branch()
        url = _committed(repository, plan, state.commit) if plan.added or plan.deleted else None
    return Pushed(
        url=url or repository.address(),
        committed=url is not None,
        version=plan.version,
        added=len(plan.added),
        deleted=len(plan.deleted),
        uploaded=sum(item.size for item in plan.added),
        said=plan.said,
        notes=prepared.notes,
    )


def preview(
    folder: str | Path,
    repo: str,
    out: str | Path,
    *,
    license: str | None = None,
    license_link: str | None = None,
) -> tuple[str, ...]:
    """Write into ``out`` what would be published of a run beside its Parquet files, to look at; return what to know before.

    Nothing is asked of the Hub. Raises as :func:`push` does, and RunError where ``out`` holds a run or cannot be written.
    """
    from pairwright.runs.disk import writing

    if (Path(out) / run_file.NAME).exists() and not (Path(out) / VERSIONS).exists():
        raise RunError(f"{out} holds a run, whose card and run file this would replace; name another folder")
    with _held(Path(folder)):
        prepared = prepare(Path(folder), licence=license, link=license_link, token=_token())
        texts = edition_of(prepared, repo, None, (_version(prepared, 1, ()),))
    for item in (*prepared.told, *texts):
        path = Path(out) / item.path
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(item.content if isinstance(item.content, bytes) else item.content.read_bytes())
    return prepared.notes


def _held(folder: Path) -> AbstractContextManager[int]:
    """Hold a run against builds while it is read."""
    if not (folder / run_file.NAME).is_file():
        raise RunError(
            f"{folder} holds no run: there is no {run_file.NAME} in it. Give the folder a run was written to"
        )
    return locked(folder)


def _token() -> str | None:
    """Return the login's token, to make sure that it stands nowhere in what is published."""
    try:
        from huggingface_hub import get_token
    except ImportError:  # a preview needs no client
        return None
    return get_token()


def _require_ours(repository: Repository, state: State | None, *, private: bool) -> None:
    """Refuse a repository that is public where it should not be, or holds what no push has put there."""
    if state is None:
        return
    if private and not state.private:
        raise PublishError(
            f"{repository.name} is there and public; nothing was uploaded. Make it private in its settings first, or leave "
            "--private out"
        )
    folders = tuple(f"{folder}/" for folder in CONFIGS.values())
    strange = [
        path
        for path in sorted(state.files)
        if (path.startswith(folders) and not _OURS.fullmatch(path))
        or (run_file.NAME not in state.files and not _HARMLESS.fullmatch(path))
    ]
    if strange:
        shown = ", ".join(strange[:3]) + (", …" if len(strange) > 3 else "")
        raise PublishError(
            f"{repository.name} holds files that no push has put there: {shown}. Nothing was uploaded; push to another name, or "
            "move them"
        )


def _plan(repository: Repository, prepared: Prepared, state: State | None) -> _Plan:
    """Compare a run with what the branch holds."""
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
    versions = (*former, _version(prepared, number, said)) if new else former
    revision = None if repository.branch == MAIN else repository.branch
    texts = edition_of(prepared, repository.name, revision, versions)
    every = (*prepared.data, *prepared.told, *texts)
    there = {item.path for item in every}
    return _Plan(
        added=tuple(item for item in every if not same(item, files.get(item.path))),
        deleted=tuple(path for path in sorted(files) if _OURS.fullmatch(path) and path not in there),
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
    before = yaml.safe_load(repository.read(RECIPE, state.commit))
    now = next(item for item in prepared.told if item.path == RECIPE)
    lines = list(recipe_changes(before, yaml.safe_load(_text(now))))
    was = metadata_of(repository.read(CARD, state.commit).decode(errors="replace"))
    licence = prepared.licence.metadata
    keys = ("license", "license_name", "license_link")
    if [was.get(key) for key in keys] != [licence.get(key) for key in keys]:
        lines.append(f"licence was {_licence_text(was)}, is {_licence_text(licence)}")
    return tuple(lines)


def _licence_text(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("license_name") or metadata.get("license"))


def _version(prepared: Prepared, number: int, said: Sequence[str]) -> Version:
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


def _seen(repository: Repository) -> State:
    state = repository.look()
    if state is None:
        raise PublishError(f"{repository.name} was created, but the Hub does not show it yet; push again")
    return state


def _committed(repository: Repository, plan: _Plan, parent: str) -> str:
    """Upload and commit; return the address of the commit, or of the branch where the Hub's answer got lost."""
    adds = repository.upload(plan.added)
    told = "\n".join((*plan.said, f"pairwright {__version__}"))
    return committed_patiently(
        lambda: repository.commit(adds, plan.deleted, parent=parent, message=plan.title, description=told),
        lambda: repository.address() if _arrived(plan, _seen(repository).files) else None,
    )


def _arrived(plan: _Plan, files: Mapping[str, RemoteFile]) -> bool:
    """Tell whether the branch has all of a plan."""
    return (
        all(same(item, files.get(item.path)) for item in plan.added) and not set(plan.deleted) & files.keys()
    )

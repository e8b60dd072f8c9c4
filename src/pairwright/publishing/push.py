"""``push``: a finished run becomes a data set on the Hub, or the next version of one."""

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pairwright import __version__
from pairwright.publishing.contents import VERSIONS, edition_of, prepare
from pairwright.publishing.faults import committed_patiently
from pairwright.publishing.plan import OURS, Plan, arrived, plan_of, version_of
from pairwright.publishing.repository import Repository, State
from pairwright.runs import run_file
from pairwright.runs.folder import locked
from pairwright.runs.summary import CONFIGS
from pairwright.schemas.errors import PublishError, RunError

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
        plan = plan_of(repository, prepared, state)
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
        texts = edition_of(prepared, repo, None, (version_of(prepared, 1, ()),))
    for item in (*prepared.told, *texts):
        path = Path(out) / item.path
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(item.content if isinstance(item.content, bytes) else item.content.read_bytes())
    return prepared.notes


def _held(folder: Path) -> AbstractContextManager[int]:
    """Hold a run against builds while it is read."""
    if not (folder / run_file.NAME).is_file():
        raise run_file.none_in(folder)
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
    folders = tuple(f"{folder}/" for own in CONFIGS.values() for folder in own)
    strange = [
        path
        for path in sorted(state.files)
        if (path.startswith(folders) and not OURS.fullmatch(path))
        or (run_file.NAME not in state.files and not _HARMLESS.fullmatch(path))
    ]
    if strange:
        shown = ", ".join(strange[:3]) + (", …" if len(strange) > 3 else "")
        raise PublishError(
            f"{repository.name} holds files that no push has put there: {shown}. Nothing was uploaded; push to another name, or "
            "move them"
        )


def _seen(repository: Repository) -> State:
    state = repository.look()
    if state is None:
        raise PublishError(f"{repository.name} was created, but the Hub does not show it yet; push again")
    return state


def _committed(repository: Repository, plan: Plan, parent: str) -> str:
    """Upload and commit; return the address of the commit, or of the branch where the Hub's answer got lost."""
    adds = repository.upload(plan.added)
    told = "\n".join((*plan.said, f"pairwright {__version__}"))
    return committed_patiently(
        lambda: repository.commit(adds, plan.deleted, parent=parent, message=plan.title, description=told),
        lambda: repository.address() if arrived(plan, _seen(repository).files) else None,
    )

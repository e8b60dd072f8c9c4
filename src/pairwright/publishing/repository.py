"""A data set repository on the Hugging Face Hub, asked through the Hub's own client; what it refuses becomes words that say what to do.

What passes when one waits, and what is said of the rest, is in ``faults``.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairwright.publishing.faults import failures, patiently, told
from pairwright.publishing.items import Item, RemoteFile
from pairwright.schemas.errors import MissingExtraError, PublishError

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi, HfFileSystem

MAIN = "main"
KIND = "dataset"
_BAD_REQUEST = 400
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]{1,96}")
_NO_NAME = re.compile(r"--|\.\.|[-.]$|/[-.]|\.git$")
"""What the Hub does not take in a name."""


@dataclass(frozen=True, slots=True)
class State:
    """A branch of a repository at one moment."""

    commit: str
    private: bool
    is_branch: bool
    """Whether the branch is there; if not, this is the main one, from which it will start."""
    files: dict[str, RemoteFile]


class Repository:
    """One branch of a data set repository. Every method raises :class:`PublishError` for what the Hub does not do."""

    def __init__(self, name: str, revision: str | None) -> None:
        """``name`` is owner/name; ``revision`` a branch, the main one if None."""
        self._api = _client(name)
        self.name, self.branch = name, revision or MAIN

    def look(self) -> State | None:
        """Return what there is, or None where there is no such repository, or none that this login may see."""
        from huggingface_hub.errors import RepositoryNotFoundError

        with self._asking("show it"):
            try:
                info = patiently(lambda: self._api.dataset_info(self.name))
            except RepositoryNotFoundError:
                return None
            refs = patiently(lambda: self._api.list_repo_refs(self.name, repo_type=KIND))
            if self.branch in {tag.name for tag in refs.tags}:
                raise PublishError(f"--revision: {self.branch} is a tag of {self.name}; name a branch")
            heads = {branch.name: branch.target_commit for branch in refs.branches}
            commit = heads.get(self.branch) or heads.get(MAIN) or str(info.sha)
            return State(commit, bool(info.private), self.branch in heads, self._files(commit))

    def _files(self, commit: str) -> dict[str, RemoteFile]:
        from huggingface_hub.hf_api import RepoFile

        tree = self._api.list_repo_tree(self.name, recursive=True, revision=commit, repo_type=KIND)
        return {
            one.path: RemoteFile(one.path, one.size, one.lfs.sha256 if one.lfs else None, one.blob_id)
            for one in tree
            if isinstance(one, RepoFile)
        }

    def read(self, path: str, commit: str) -> bytes:
        """Return a small file of a commit."""
        with self._asking(f"show {path}"):
            content: bytes = self._opened().cat_file(self._address(path, commit))
            return content

    def column(self, path: str, commit: str, name: str) -> list[str]:
        """Return one column of a Parquet file of a commit; only that column's bytes are fetched."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self._asking(f"show {path}"):
            try:
                with self._opened().open(self._address(path, commit), block_size=1 << 20) as file:
                    values: list[str] = pq.read_table(file, columns=[name])[name].to_pylist()
                    return values
            except pa.ArrowException as error:
                raise PublishError(
                    f"{self.name}: {path} of the version before cannot be read as Parquet with a column {name} ({error}); "
                    "delete it there, or push to another name"
                ) from error

    def _opened(self) -> "HfFileSystem":
        from huggingface_hub import HfFileSystem

        return HfFileSystem(skip_instance_cache=True)  # a cached one would remember old listings

    def _address(self, path: str, commit: str) -> str:
        return f"datasets/{self.name}@{commit}/{path}"

    def create(self, *, private: bool) -> None:
        """Create the repository; one that is there stays as it is."""
        with self._asking("create it"):
            patiently(
                lambda: self._api.create_repo(
                    self.name, repo_type=KIND, private=True if private else None, exist_ok=True
                )
            )

    def create_branch(self) -> None:
        """Create the branch, from the main one."""
        with self._asking(f"create the branch {self.branch}"):
            patiently(
                lambda: self._api.create_branch(self.name, branch=self.branch, repo_type=KIND, exist_ok=True)
            )

    def check_card(self, text: str) -> None:
        """Have the Hub check a card's metadata, before anything is uploaded."""
        from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, but not in its __all__
            get_session,
            hf_raise_for_status,
        )

        def check() -> None:
            # The client's own check asks huggingface.co in releases before 1, whatever HF_ENDPOINT says.
            address = f"{self._api.endpoint}/api/validate-yaml"
            response = get_session().post(address, json={"repoType": KIND, "content": text})
            if response.status_code == _BAD_REQUEST:
                lines = "".join(f"\n  - {one.get('message')}" for one in response.json().get("errors", ()))
                raise PublishError(f"the Hub refuses the card; nothing was uploaded:{lines}")
            hf_raise_for_status(response)

        with self._asking("check the card"):
            patiently(check)

    def upload(self, items: Sequence[Item]) -> "list[CommitOperationAdd]":
        """Upload the large ones among files, as far as the Hub has not got their content; return them for a commit.

        What has arrived stays with the Hub whatever happens then, and is not uploaded again.
        """
        from huggingface_hub import CommitOperationAdd

        adds = [CommitOperationAdd(one.path, one.content) for one in items]
        for one, add in zip(items, adds, strict=True):
            # It was hashed already: so the client does not read the file once more for that.
            add.upload_info.sha256 = bytes.fromhex(one.sha256)
        with self._asking("take the files"):
            try:
                self._api.preupload_lfs_files(
                    self.name, adds, repo_type=KIND, revision=self.branch, free_memory=False
                )
            except ValueError as error:
                raise PublishError(f"{self.name}: the Hub did not take the files: {error}") from error
        return adds

    def commit(
        self,
        adds: "Sequence[CommitOperationAdd]",
        deleted: Sequence[str],
        *,
        parent: str,
        message: str,
        description: str,
    ) -> str:
        """Make one commit of uploaded files and of deletions; return its address. It fails where ``parent`` is not the last."""
        from huggingface_hub import CommitOperationDelete

        with self._asking("make the commit"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the Hub thinks of the card was told by check_card
            made = self._api.create_commit(
                self.name,
                [*adds, *(CommitOperationDelete(path) for path in deleted)],
                commit_message=message,
                commit_description=description,
                repo_type=KIND,
                revision=self.branch,
                parent_commit=parent,
            )
        return str(made.commit_url)

    def address(self) -> str:
        """Return where people find the branch."""
        place = f"{self._api.endpoint}/datasets/{self.name}"
        return place if self.branch == MAIN else f"{place}/tree/{self.branch}"

    @contextmanager
    def _asking(self, doing: str) -> Iterator[None]:
        try:
            yield
        except failures() as error:
            raise PublishError(told(error, self.name, doing)) from error


def _client(name: str) -> "HfApi":
    """Return the client.

    Raises:
        MissingExtraError: it is not installed.
        PublishError: the name cannot be one, or nobody is logged in.
    """
    try:
        from huggingface_hub import HfApi, get_token
    except ImportError as error:
        raise MissingExtraError("publishing", "huggingface_hub", "hub") from error
    if not _NAME.fullmatch(name) or _NO_NAME.search(name):
        raise PublishError(
            f"{name!r} cannot be the name of a repository: expected owner/name of letters, digits, dashes, dots and "
            "underscores, the owner being you or an organization"
        )
    if get_token() is None:
        raise PublishError(
            "nobody is logged in to the Hub: `hf auth login`, or set HF_TOKEN to a token that may write"
        )
    return HfApi()

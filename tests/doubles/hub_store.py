"""What the double of the Hugging Face Hub keeps, in memory: repositories with branches, commits and files, and large files by hash."""

import base64
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

LICENCES = frozenset(
    [
        "apache-2.0",
        "cc-by-4.0",
        "cc-by-nc-4.0",
        "cc-by-nc-sa-4.0",
        "cc-by-sa-4.0",
        "cc0-1.0",
        "mit",
        "odbl",
        "other",
        "unknown",
    ]
)
SIZES = frozenset(
    [
        "n<1K",
        "1K<n<10K",
        "10K<n<100K",
        "100K<n<1M",
        "1M<n<10M",
        "10M<n<100M",
        "100M<n<1B",
        "1B<n<10B",
        "10B<n<100B",
        "n>1T",
    ]
)


class RefusedError(Exception):
    """A request that is not granted."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True)
class File:
    """A file of a commit."""

    content: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def blob(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.blob


@dataclass(frozen=True)
class Commit:
    """One commit with all files of its state."""

    oid: str
    summary: str
    description: str
    files: dict[str, File]
    changed: tuple[str, ...]
    """``key:path`` of each operation."""


@dataclass
class Repo:
    """A data set repository."""

    private: bool
    branches: dict[str, list[Commit]] = field(default_factory=dict)
    tags: dict[str, Commit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = File(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n", False)
        oid = hashlib.sha1(repr(id(self)).encode()).hexdigest()
        self.branches["main"] = [Commit(oid, "initial commit", "", {".gitattributes": first}, ())]

    def at(self, revision: str) -> Commit:
        """Return the state of a branch, a tag or a commit."""
        if revision in self.branches:
            return self.branches[revision][-1]
        if revision in self.tags:
            return self.tags[revision]
        every = (commit for commits in self.branches.values() for commit in commits)
        found = next((commit for commit in every if commit.oid == revision), None)
        if found is None:
            raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return found

    def branch(self, name: str, start: str) -> None:
        if name in self.branches:
            raise RefusedError(409, f"Reference already exists: {name}")
        self.branches[name] = [self.at(start)]


@dataclass
class Store:
    """All repositories and large files."""

    repos: dict[str, Repo] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)

    def commit(self, name: str, branch: str, lines: list[dict[str, Any]]) -> Commit:
        """Add the commit that the lines of a request describe."""
        repo = self.repos[name]
        if branch not in repo.branches:
            raise RefusedError(404, f"Invalid rev id: {branch}", "RevisionNotFound")
        head, operations = lines[0]["value"], lines[1:]
        last = repo.branches[branch][-1]
        if head.get("parentCommit") not in (None, last.oid):
            raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
        files = dict(last.files)
        for one in operations:
            self._apply(files, one["key"], one["value"])
        told = json.dumps([last.oid, head, [(p, f.etag) for p, f in sorted(files.items())]])
        made = Commit(
            hashlib.sha1(told.encode()).hexdigest(),
            head["summary"],
            head.get("description", ""),
            files,
            tuple(f"{one['key']}:{one['value']['path']}" for one in operations),
        )
        repo.branches[branch].append(made)
        return made

    def _apply(self, files: dict[str, File], key: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if key == "file":
            files[path] = File(base64.b64decode(value["content"]), False)
        elif key == "lfsFile":
            if value["oid"] not in self.large:
                raise RefusedError(400, f"LFS pointer pointed to a file that does not exist: {value['oid']}")
            files[path] = File(self.large[value["oid"]], True)
        elif key == "deletedFile":
            if path not in files:
                raise RefusedError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
            del files[path]
        else:
            raise RefusedError(501, f"the double does not know the operation {key}")

    def reset(self) -> None:
        self.repos.clear()
        self.large.clear()


class _Strict(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, as on the Hub."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(keys) != len(set(map(str, keys))):
            raise yaml.YAMLError("duplicated mapping key")
        return super().construct_mapping(node, deep)


def card_errors(content: str) -> list[str]:
    """Return what the Hub says against the metadata of a data set card."""
    if not content.startswith("---\n") or "\n---\n" not in content[4:]:
        return ["YAML metadata is missing"]
    try:
        told = yaml.load(content[4:].split("\n---\n", 1)[0], _Strict)
    except yaml.YAMLError as error:
        return [f"bad YAML: {error}"]
    if not isinstance(told, dict):
        return ["metadata must be an object"]
    errors = []
    if told.get("license") not in LICENCES:
        errors.append(f'"license" must be one of [{", ".join(sorted(LICENCES))}]')
    if told.get("license") == "other" and not told.get("license_name"):
        errors.append('"license_name" is required with "license: other"')
    errors += [f'"size_categories" has {x}' for x in told.get("size_categories", []) if x not in SIZES]
    errors += [
        f'"language" has {x}' for x in told.get("language", []) if not (x.isalpha() and len(x) in (2, 3))
    ]
    errors += ['"pretty_name" must be a string'] * (not isinstance(told.get("pretty_name", ""), str))
    for number, config in enumerate(told.get("configs", [])):
        if not isinstance(config.get("config_name"), str) or not config.get("data_files"):
            errors.append(f'"configs[{number}]" needs config_name and data_files')
    return errors


def moved(repo: Repo, branch: str, path: str, content: bytes) -> None:
    """Add somebody else's commit of one small file."""
    last = repo.branches[branch][-1]
    oid = hashlib.sha1((last.oid + path).encode() + content).hexdigest()
    files = last.files | {path: File(content, False)}
    repo.branches[branch].append(replace(last, oid=oid, summary=f"Update {path}", files=files))

"""An address in an object store: the one module that knows fsspec.

What every store has is enough: put, get, list, remove, and *create*, a put that fails where there is an object already
(``If-None-Match`` of S3, generation 0 of Google's, ``overwrite=False`` of Azure's). Keys come from the environment, as the store's
own library takes them.
"""

import errno
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast
from uuid import uuid4

from pairwright.remote import EXTRAS, checked_url
from pairwright.runs.disk import writing
from pairwright.schemas.errors import MissingExtraError, PairwrightError, RunError

Result = TypeVar("Result")

PAUSES_S = (1.0, 4.0, 16.0)
"""Seconds to wait before a request is made again; each store's library has made it some times itself by then."""

_AT_ONCE = 512
"""Objects that are read or removed in one go."""

_NOT_HELPED = (PermissionError, NotImplementedError, TypeError, ValueError, AttributeError)
"""Errors that another try does not help against."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What the disk of this machine says, and no store."""

_NO_KEYS = ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "TokenRetrievalError")
"""What the libraries call it when they find no keys: they are no subclasses of anything in common."""


class Prefix:
    """All objects below an address. Use :func:`open_prefix`. May be used by several threads."""

    def __init__(self, url: str, system: Any, root: str) -> None:  # Any: fsspec has no types
        """Use :func:`open_prefix`."""
        self.url = url
        self._system = system
        self._root = root.strip("/")
        self._lead = root[: len(root) - len(root.lstrip("/"))]
        """Slashes with which names of this store begin."""

    def below(self, name: str) -> "Prefix":
        """Return the prefix of a folder in this one."""
        return Prefix(f"{self.url}/{name}", self._system, f"{self._lead}{self._root}/{name}")

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Return the size of every object, or of those in a folder, by key: one listing."""

        def listed() -> Mapping[str, Mapping[str, Any]]:
            self._system.invalidate_cache()
            found: Mapping[str, Mapping[str, Any]] = self._system.find(self._path(folder), detail=True)
            return found

        try:
            found = self._tried("listed", folder, listed)
        except FileNotFoundError as error:
            raise self._not_there(error) from error
        return {self._key(name): int(info.get("size") or 0) for name, info in found.items()}

    def names(self, tries: int | None = None) -> list[str]:
        """Return the names at the top, sorted: the first steps of the keys. ``tries`` bounds how often it is tried."""

        def listed() -> list[str]:
            self._system.invalidate_cache()
            found: list[str] = self._system.ls(self._path(""), detail=False)
            return found

        try:
            found = self._tried("listed", "", listed, tries)
        except FileNotFoundError:
            return []  # a folder of a store is there as long as something is in it
        keys = (self._key(name).strip("/") for name in found)
        return sorted(key for key in keys if key and self._path(key) != self._path(""))

    def read(self, key: str) -> bytes | None:
        """Return an object, None where there is none."""
        try:
            content: bytes = self._tried("read", key, lambda: self._system.cat_file(self._path(key)))
        except FileNotFoundError:
            return None
        return content

    def read_all(self, keys: Iterable[str]) -> dict[str, bytes]:
        """Return several objects by key, many at a time; those that are not there are left out."""
        found: dict[str, bytes] = {}
        wanted = sorted(keys)
        for first in range(0, len(wanted), _AT_ONCE):
            some = wanted[first : first + _AT_ONCE]
            found |= self._tried("read", some[0], lambda some=some: self._several(some))  # type: ignore[misc]  # a default binds the loop's value
        return found

    def _several(self, keys: Collection[str]) -> dict[str, bytes]:
        paths = [self._path(key) for key in keys]
        told: Mapping[str, bytes | Exception] = self._system.cat(paths, on_error="return")
        found = {}
        for name, content in told.items():
            if isinstance(content, bytes):
                found[self._key(name)] = content
            elif not isinstance(content, FileNotFoundError):
                raise content
        return found

    def put(self, key: str, content: bytes) -> None:
        """Put an object, in place of the one that may be there."""
        self._put(key, lambda: self._system.pipe_file(self._path(key), content))

    def put_file(self, key: str, file: Path) -> None:
        """Put a file."""
        self._put(key, lambda: self._system.put_file(str(file), self._path(key)))

    def create(self, key: str, content: bytes) -> bool:
        """Put an object where there is none; tell whether it is there now with this content.

        It may have been put although the answer was lost, so what is there decides, not what the store said.
        """

        def created() -> bool:
            try:
                self._system.pipe_file(self._path(key), content, mode="create")
            except Exception as error:  # each library has its own for "there is one"
                if isinstance(error, _NOT_HELPED):
                    raise
                there = self.read(key)
                if there is None:
                    raise
                return there == content
            return True

        return self._put(key, created)

    def get_file(self, key: str, to: Path) -> None:
        """Write an object to a file. Raises FileNotFoundError where there is none."""

        def got() -> None:
            try:
                self._system.get_file(self._path(key), str(to))
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                with writing(to):
                    raise

        with writing(to.parent):
            to.parent.mkdir(parents=True, exist_ok=True)
        self._tried("read", key, got)

    def got_file(self, key: str, to: Path) -> bool:
        """Write an object to a file where there is one, and tell whether there is; else no file is left."""
        try:
            self.get_file(key, to)
        except FileNotFoundError:
            to.unlink(missing_ok=True)  # some libraries make it before they ask the store
            return False
        return True

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading at any place of it. Raises FileNotFoundError where there is none."""
        opened = self._tried("read", key, lambda: self._system.open(self._path(key), "rb"))
        return cast(BinaryIO, opened)

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; nothing happens to those that are not there."""
        wanted = sorted(keys)
        for first in range(0, len(wanted), _AT_ONCE):
            some = [self._path(key) for key in wanted[first : first + _AT_ONCE]]
            self._tried("removed", wanted[first], lambda some=some: self._removed(some))  # type: ignore[misc]

    def _removed(self, paths: list[str]) -> None:
        try:
            self._system.rm(paths)
        except FileNotFoundError:
            for path in paths:
                try:
                    self._system.rm_file(path)
                except FileNotFoundError:
                    continue

    def modified(self, key: str) -> datetime | None:
        """Return when an object was put, by the store's clock; None where there is none, or the store does not tell."""
        try:
            moment: datetime = self._tried("read", key, lambda: self._system.modified(self._path(key)))
        except (FileNotFoundError, RunError):
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def check(self) -> None:
        """Make sure, before anything is built, that objects can be listed, put, created just once, read and removed.

        Raises:
            RunError: the bucket is not there, the keys do not allow it, or the store lets a second create through: then two
                runs could not be kept apart.
        """
        probe = f".probe-{uuid4().hex}"
        self.names(tries=1)
        if not self.create(probe, b"first") or self.create(probe, b"second") or self.read(probe) != b"first":
            raise RunError(
                f"{self.url}: the store does not refuse to create an object that is there (If-None-Match), so that two runs "
                "could not be kept apart. Use another store, or a newer release of it and of its package"
            )
        self.remove([probe])

    def _put(self, key: str, work: Callable[[], Result]) -> Result:
        try:
            return self._tried("written", key, work)
        except FileNotFoundError as error:
            raise self._not_there(error) from error

    def _tried(self, what: str, key: str, work: Callable[[], Result], tries: int | None = None) -> Result:
        """Do some work, more than once where that may help. Raises FileNotFoundError as it is, RunError for all else."""
        pauses = PAUSES_S if tries is None else PAUSES_S[: tries - 1]
        for pause in (*pauses, None):
            try:
                return work()
            except (FileNotFoundError, PairwrightError):
                raise
            except Exception as error:  # each library has its own
                if pause is None or isinstance(error, _NOT_HELPED) or type(error).__name__ in _NO_KEYS:
                    raise self._cannot(what, key, error) from error
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _cannot(self, what: str, key: str, error: Exception) -> RunError:
        place = f"{self.url}/{key}" if key else self.url
        told = str(error).strip() or type(error).__name__
        if isinstance(error, PermissionError) or type(error).__name__ in _NO_KEYS:
            return RunError(
                f"{place} cannot be {what} ({told}): set the store's keys in the environment, as its own tools take them, and "
                "see that they allow to list, read, write and remove"
            )
        advice = (
            "see that the address, and what is set for the store (AWS_ENDPOINT_URL has http:// or https:// in front), are right"
            if isinstance(error, ValueError)
            else "when the store answers again, the same command goes on"
        )
        return RunError(f"{place} cannot be {what} ({type(error).__name__}: {told}); {advice}")

    def _not_there(self, error: Exception) -> RunError:
        return RunError(f"{self.url}: there is no such bucket ({error}); make it first")

    def _path(self, key: str) -> str:
        return f"{self._lead}{self._root}/{key}" if key else f"{self._lead}{self._root}"

    def _key(self, name: str) -> str:
        return name.lstrip("/").removeprefix(f"{self._root}/")


def open_prefix(url: str) -> Prefix:
    """Open an address; nothing is asked of the store yet.

    Raises:
        MissingExtraError: the package for its scheme is not installed.
        RunError: no package knows the scheme, or it cannot be the prefix of a run.
    """
    checked = checked_url(url)
    scheme = checked.partition("://")[0].lower()
    package, extra = EXTRAS.get(scheme, ("fsspec", "s3"))
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtraError(url, package, extra) from error
    try:
        system, root = url_to_fs(checked, use_listings_cache=False)
    except ImportError as error:
        if scheme in EXTRAS:
            raise MissingExtraError(url, package, extra) from error
        raise RunError(f"{url} needs a package that is not installed: {error}") from error
    except ValueError as error:
        known = ", ".join(f"{name}://" for name in ("s3", "gs", "abfs"))
        raise RunError(
            f"{url} is no object store that fsspec knows ({error}); for example {known}"
        ) from error
    except Exception as error:  # what a library says against its configuration, in its own words
        raise RunError(f"{url} cannot be opened ({type(error).__name__}: {error})") from error
    return Prefix(checked, system, root)

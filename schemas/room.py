"""How a room (a folder of parts) lists and loads its parts.

A part is one file; its name is the file's name. Listing imports nothing; a part is imported on first use, so a
missing optional package is only an error for the part that needs it. Other packages join a room by an entry point
in the group of the room's package name, for example ``pairwright.perturbations``.
"""

import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import Any, Generic, TypeVar, cast

from pairwright.schemas.errors import PairwrightError, UnknownPartError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Room(Generic[T]):
    """The parts of one folder: modules that bind ``PART``."""

    package: str
    """Import name of the folder, for example ``pairwright.perturbations``."""
    paths: Sequence[str]
    """The folder's ``__path__``."""
    kinds: tuple[type[Any], ...]
    """What ``PART`` may be."""

    def names(self) -> list[str]:
        """Return the names of all parts, sorted, importing none of them."""
        return sorted({*self._own(), *self._outside()})

    def get(self, name: str) -> T:
        """Return the part called ``name``.

        Raises:
            UnknownPartError: there is none; the message has the nearest name.
            PairwrightError: another package took the name of a part that comes with pairwright, or its part is of
                another kind.
        """
        outside, own = self._outside(), self._own()
        if name in outside and name in own:
            raise PairwrightError(_shadowed(outside[name], self.package))
        if name in outside:
            part = outside[name].load()
        elif name in own:
            part = import_module(f"{self.package}.{name}").PART
        else:
            raise UnknownPartError(unknown(self.package.rpartition(".")[2], name, self.names()))
        if not isinstance(part, self.kinds):
            wanted = " or ".join(kind.__name__ for kind in self.kinds)
            raise PairwrightError(f"{self.package}.{name}: PART must be {wanted}, not {type(part).__name__}")
        return cast(T, part)

    def _own(self) -> set[str]:
        return {m.name for m in iter_modules(list(self.paths)) if not m.name.startswith("_")}

    def _outside(self) -> dict[str, EntryPoint]:
        return _entry_points(self.package, tuple(sys.path))


@cache  # reading what is installed takes milliseconds, and parts are looked up all the time
def _entry_points(group: str, path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Return the entry points of a group, by name, that are found with this ``sys.path``."""
    return {point.name: point for point in entry_points(group=group)}


def _shadowed(point: EntryPoint, package: str) -> str:
    owner = f"the package {point.dist.name}" if point.dist else "an installed package"
    told = f"{owner} registers {point.name!r} ({point.value}) in {package}, where pairwright has a part of that name"
    return f"{told}; rename its entry point, or uninstall it"


def unknown(what: str, name: str, known: Sequence[str]) -> str:
    """Return the sentence for a name nobody knows, with the nearest known one.

    >>> unknown("perturbations", "gausian_blur", ["gaussian_blur", "jpeg"])
    "no 'gausian_blur' among perturbations. Did you mean 'gaussian_blur'? Known: gaussian_blur, jpeg"
    """
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"no {name!r} among {what}.{hint} Known: {', '.join(known)}"

"""How a room (a folder of parts) lists and loads its parts.

A part is one file; its name is the file's name. Listing imports nothing; a part is imported on first use, so a
missing optional package is only an error for the part that needs it. Other packages join a room by an entry point
in the group of the room's package name, for example ``pairwright.perturbations``.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
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
        own = [m.name for m in iter_modules(list(self.paths)) if not m.name.startswith("_")]
        return sorted({*own, *self._outside()})

    def get(self, name: str) -> T:
        """Return the part called ``name``; raise :class:`UnknownPartError` with the nearest name if there is none."""
        outside = self._outside()
        if name in outside:
            part = outside[name].load()
        elif name in self.names():
            part = import_module(f"{self.package}.{name}").PART
        else:
            raise UnknownPartError(unknown(self.package.rpartition(".")[2], name, self.names()))
        if not isinstance(part, self.kinds):
            wanted = " or ".join(kind.__name__ for kind in self.kinds)
            raise PairwrightError(f"{self.package}.{name}: PART must be {wanted}, not {type(part).__name__}")
        return cast(T, part)

    def _outside(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.package)}


def unknown(what: str, name: str, known: Sequence[str]) -> str:
    """Return the sentence for a name nobody knows, with the nearest known one.

    >>> unknown("perturbations", "gausian_blur", ["gaussian_blur", "jpeg"])
    "no 'gausian_blur' among perturbations. Did you mean 'gaussian_blur'? Known: gaussian_blur, jpeg"
    """
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"no {name!r} among {what}.{hint} Known: {', '.join(known)}"

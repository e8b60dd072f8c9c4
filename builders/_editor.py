"""Editors: code of the user's that paints something else into a picture. None comes with pairwright; docs/editors.md tells the protocol."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import entry_points

from pairwright.annotators._edits import Box
from pairwright.schemas.codec import decode, encode, read_image
from pairwright.schemas.errors import MissingExtraError, ModelError, ParameterError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.user_code import imported

GROUP = "pairwright.editors"
"""Entry points under which packages offer editors."""

FIELD = "editor"
"""Where it stands in the parameters."""

_SEEDS = 2**31
"""Seeds that an editor is given lie below this: what torch, NumPy and OpenCV all take."""

Edit = Callable[[Image, Box, str, int], Awaitable[Image]]
"""Returns an edited picture. Raises RowError ``edit_failed`` where the editor failed or gave no picture of the same size,
ModelError where it gives something else than a file."""


def check_named(named: str | None) -> str:
    """Return the editor's name.

    Raises:
        ParameterError: there is none.
    """
    if named is None:
        raise ParameterError(
            f"{FIELD}: none is named, and none comes with pairwright; --set {FIELD}=module:function (docs/editors.md)"
        )
    return named


def prepare_editor(named: str | None, at_once: int, *, counting: bool) -> Edit:
    """Import an editor.

    Args:
        named: ``module:function``, or the name of an entry point in the group ``pairwright.editors``; None, which
            :func:`check_named` refuses, for a recipe that is only looked at.
        at_once: how many pictures it is given at the same time, each in a thread of its own.
        counting: it is imported, and not called: the negative of a picture stands for what it would give.

    Raises:
        ParameterError: it cannot be imported, or nobody offers one of that name.
    """
    painter = _Painter(named, _found(named)) if named is not None else None
    threads = ThreadPoolExecutor(at_once, thread_name_prefix="editor")

    async def edit(image: Image, box: Box, instruction: str, seed: int) -> Image:
        if counting:
            return await asyncio.to_thread(_stand_in, image)
        if painter is None:
            raise AssertionError("an editor is named before anything is built")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, _edited, painter, image, box, instruction, seed)

    return edit


@dataclass(frozen=True, slots=True)
class _Painter:
    """An editor that was imported."""

    name: str
    function: Callable[..., object]


def _found(named: str) -> Callable[..., object]:
    if ":" in named:
        return imported(named, FIELD)
    offered = entry_points(group=GROUP)
    for point in offered:
        if point.name == named:
            return imported(point.value, FIELD)
    known = ", ".join(sorted(offered.names)) or "none is installed"
    raise ParameterError(f"{FIELD}: no {named!r} among editors ({known}); or write module:function")


def _stand_in(image: Image) -> Image:
    return read_image(encode(255 - decode(image), "jpeg"), license=image.license)


def _edited(painter: _Painter, image: Image, box: Box, instruction: str, seed: int) -> Image:
    upright = image.data if image.header.orientation == 1 else encode(decode(image), "png")
    named = painter.name
    try:
        made = painter.function(upright, box, instruction, seed % _SEEDS)
    except (ModelError, MissingExtraError):
        raise  # it says itself that there is no use in going on
    except Exception as error:
        raise _failed(f"{named} raised {type(error).__name__}: {error}") from error
    if not isinstance(made, bytes):
        kind = type(made).__name__
        raise ModelError(f"{FIELD}: {named} gave {kind}, not bytes: the file of a picture (docs/editors.md)")
    try:
        picture = read_image(made, license=image.license)
        decode(picture)
    except RowError as error:
        raise _failed(f"{named} gave no picture: {error.message}") from error
    own, its = ((one.header.width, one.header.height) for one in (image, picture))
    if own != its:
        raise _failed(f"{named} gave a picture of {its[0]} × {its[1]} pixels for one of {own[0]} × {own[1]}")
    return picture


def _failed(message: str) -> RowError:
    return RowError("edit_failed", FIELD, message)

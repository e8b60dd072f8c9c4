"""Rendered text in a picture: how much of it lies under lines of letters. CLIP reads, and over-scores what repeats a text.

By rule, without a trained model, because no weights come with pairwright: strokes that stand out from what is around them
make up glyphs, and glyphs of like height, tone and stroke that stand side by side on one line make up a line. Glyph
candidates are connected components, as in text detection by MSER (Neumann and Matas, ACCV 2010) and by stroke width
(Epshtein, Ofek and Wexler, CVPR 2010); grouping is theirs in its plainest form. It finds level lines of five letters or more:
captions, signs seen from the front, documents, screenshots. It misses text that is turned, curved, handwritten or smaller
than about 7 in 1000 of the longer side, and it does not read. How often it is right: docs/clip.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pairwright.annotators import Look, PictureCheck
from pairwright.schemas.codec import decode
from pairwright.schemas.image import Image
from pairwright.schemas.settings import Settings

SHARE, LINES = "rendered_text", "text_lines"
"""Aspects: share of the picture under lines of letters, 0 to 1; how many lines there are."""

Grey = NDArray[np.uint8]
"""Grey levels, height × width."""

_LONGER_SIDE = 1024
_MOST_ENLARGED = 2.0
_SURROUNDINGS = 51
"""Side of the window that a stroke is compared with, in pixels of the scaled picture."""
_HEIGHTS = 7, 0.15
"""Smallest height of a glyph in pixels, largest in shares of the picture's."""
_FILLS = 0.12, 0.95
"""Share of its box that a glyph fills."""
_WIDEST = 3.0
"""Width of a glyph in heights; letters that touch each other are one."""
_THICKEST = 0.45
"""Thickness of the thickest stroke in heights."""
_EVEN = 60.0
"""Largest standard deviation of a glyph's grey levels; or its contrast, where that is more."""
_MOST_GLYPHS = 3000
_AT_ONCE = 128
"""Glyphs that are compared with all at once: each comparison of all with all takes 70 megabytes, and threads look at pictures."""


class Reading(Settings):
    """Parameters of the check."""

    contrast: Annotated[int, Field(ge=1, le=255)] = 25
    """Grey levels by which a stroke is darker or lighter than what is around it."""
    letters: Annotated[int, Field(ge=2)] = 5
    """Fewest glyphs of a line."""


@dataclass(frozen=True, slots=True)
class _Glyphs:
    """What may be letters, each an entry of every column; lengths in pixels."""

    left: NDArray[np.float64]
    top: NDArray[np.float64]
    width: NDArray[np.float64]
    height: NDArray[np.float64]
    stroke: NDArray[np.float64]
    """Thickness of the thickest stroke."""
    tone: NDArray[np.float64]
    """Mean grey level."""

    def some(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> "_Glyphs":
        """Return some of them."""
        columns = (self.left, self.top, self.width, self.height, self.stroke, self.tone)
        return _Glyphs(*(column[which] for column in columns))

    @property
    def right(self) -> NDArray[np.float64]:
        """Where they end."""
        return self.left + self.width

    @property
    def bottom(self) -> NDArray[np.float64]:
        """On what they stand."""
        return self.top + self.height


Column = Callable[[_Glyphs], NDArray[np.float64]]
"""One of its columns."""


def prepare(settings: Reading) -> Look:
    """Return the check."""

    def look(image: Image) -> Mapping[str, float]:
        grey = _scaled(cv2.cvtColor(decode(image), cv2.COLOR_RGB2GRAY))  # type: ignore[arg-type]
        found = boxes(grey, settings)
        covered = np.zeros(grey.shape, np.uint8)
        for left, top, right, bottom in found:
            covered[top:bottom, left:right] = 1
        return {SHARE: round(float(covered.mean()), 4), LINES: float(len(found))}

    return look


def boxes(grey: Grey, settings: Reading) -> list[tuple[int, int, int, int]]:
    """Return where lines of letters stand in a picture, as (left, top, right, bottom) in its pixels."""
    return [
        box
        for source in (grey, cv2.bitwise_not(grey))  # dark letters, light letters
        for box in _lines(_glyphs(source, settings.contrast), settings.letters)  # type: ignore[arg-type]
    ]


def _scaled(grey: Grey) -> Grey:
    """Return a picture of 1024 pixels on its longer side; small ones are enlarged twice at most."""
    height, width = grey.shape
    factor = min(_MOST_ENLARGED, _LONGER_SIDE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(grey, size, interpolation=method)  # type: ignore[return-value]


def _glyphs(grey: Grey, contrast: int) -> _Glyphs:
    """Return dark stretches of a picture that have the shape of letters."""
    darker = cv2.subtract(cv2.blur(grey, (_SURROUNDINGS, _SURROUNDINGS)), grey)
    mask = (darker > contrast).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    numbers = 1 + np.flatnonzero(_shaped(stats[1:].astype(np.float64), grey.shape))
    if len(numbers) > _MOST_GLYPHS:  # a texture; comparing all with all would take seconds
        numbers = numbers[np.argsort(-stats[numbers, cv2.CC_STAT_AREA], kind="stable")[:_MOST_GLYPHS]]
    wanted = np.zeros(count, np.bool_)
    wanted[numbers] = True
    places = np.flatnonzero(mask)
    places = places[wanted[labels.ravel()[places]]]
    owner = labels.ravel()[places]
    tones, spread = _mean_and_spread(grey.ravel()[places], owner, count)
    apart, _ = _mean_and_spread(darker.ravel()[places], owner, count)
    thickness = np.zeros(count)
    np.maximum.at(thickness, owner, 2 * cv2.distanceTransform(mask, cv2.DIST_L2, 3).ravel()[places])
    left, top, width, height = stats[numbers, :4].T.astype(np.float64)
    found = _Glyphs(left, top, width, height, thickness[numbers], tones[numbers])
    even = spread[numbers] <= np.maximum(_EVEN, apart[numbers])
    return found.some((found.stroke <= _THICKEST * height) & even)


def _shaped(stats: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Tell which components have the size of letters, and do not touch the picture's edge."""
    left, top, width, height, area = stats.T
    fill = area / (width * height)
    tall = (height >= _HEIGHTS[0]) & (height <= _HEIGHTS[1] * shape[0])
    inside = (left > 0) & (top > 0) & (left + width < shape[1]) & (top + height < shape[0])
    shaped: NDArray[np.bool_] = (
        tall & inside & (width >= 2) & (width <= _WIDEST * height) & (fill > _FILLS[0]) & (fill < _FILLS[1])
    )
    return shaped


def _mean_and_spread(
    values: NDArray[np.uint8], owner: NDArray[np.int32], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of the values of each owner."""
    levels = values.astype(np.float64)
    number = np.bincount(owner, minlength=count).clip(1)
    mean = np.bincount(owner, weights=levels, minlength=count) / number
    square = np.bincount(owner, weights=levels * levels, minlength=count) / number
    return mean, np.sqrt(np.maximum(square - mean * mean, 0))


def _lines(glyphs: _Glyphs, letters: int) -> list[tuple[int, int, int, int]]:
    """Return the boxes of glyphs that stand side by side on one line."""
    if len(glyphs.left) < letters:
        return []
    near = _neighbours(glyphs)
    waiting = np.ones(len(near), np.bool_)
    found = []
    for start in range(len(near)):
        if not waiting[start]:
            continue
        group = _reached(near, start)
        waiting[group] = False
        line = glyphs.some(group)
        if len(group) >= letters and _is_text(line):
            left, top = int(line.left.min()), int(line.top.min())
            found.append((left, top, int(line.right.max()), int(line.bottom.max())))
    return found


def _neighbours(glyphs: _Glyphs) -> NDArray[np.bool_]:
    """Tell of every two glyphs whether they may be next to each other in a word or at its end: number × number."""
    count = len(glyphs.left)
    near = np.empty((count, count), np.bool_)
    for start in range(0, count, _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, count))
        near[rows] = _near(glyphs.some(rows), glyphs)
    return near


def _near(some: _Glyphs, glyphs: _Glyphs) -> NDArray[np.bool_]:
    def least(column: Column) -> NDArray[np.float64]:
        return np.minimum(column(some)[:, None], column(glyphs))

    def most(column: Column) -> NDArray[np.float64]:
        return np.maximum(column(some)[:, None], column(glyphs))

    high, low = most(lambda one: one.height), least(lambda one: one.height)
    gap = most(lambda one: one.left) - least(lambda one: one.right)
    beside = (gap <= 0.9 * high) & (gap >= -0.3 * high)
    level = least(lambda one: one.bottom) - most(lambda one: one.top) >= 0.5 * low
    thick, thin = most(lambda one: one.stroke), least(lambda one: one.stroke)
    alike = (high <= 2.2 * low) & (thick <= 2.2 * thin)
    toned = most(lambda one: one.tone) - least(lambda one: one.tone) <= 30
    near: NDArray[np.bool_] = beside & level & alike & toned
    return near


def _reached(near: NDArray[np.bool_], start: int) -> NDArray[np.intp]:
    """Return who is a neighbour of ``start``, of one of its neighbours, and so on."""
    group = np.zeros(len(near), np.bool_)
    group[start] = True
    last = group
    while last.any():
        last = near[last].any(axis=0) & ~group
        group = group | last
    return np.flatnonzero(group)


def _is_text(line: _Glyphs) -> bool:
    """Tell letters from windows, fences and leaves: most stand on one line, strokes are alike, widths are not."""
    height, width = line.bottom.max() - line.top.min(), line.right.max() - line.left.min()
    stands = np.abs(line.bottom - np.median(line.bottom)) <= 0.15 * np.median(line.height)
    return bool(
        width >= 2 * height
        and stands.mean() >= 0.6
        and line.width.std() >= 0.12 * line.width.mean()
        and line.stroke.std() <= 0.35 * line.stroke.mean()
    )


PART = PictureCheck(
    settings=Reading,
    prepare=prepare,
    ranges={SHARE: (0.0, 1.0), LINES: (0.0, None)},
    decides=SHARE,
    summary="share of a picture under lines of letters, by rule: CLIP over-scores what repeats a rendered text",
    source="connected components by contrast and stroke width (ACCV 2010, CVPR 2010), grouped into lines",
)

"""Pictures that would mislead an encoder: looked at before anything is paid for, told of, and left out where that is wanted."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from pairwright.annotators import ROOM, Look, PictureCheck
from pairwright.builders._parts import prepared
from pairwright.schemas.errors import ParameterError, RowError, UnknownPartError
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.settings import Settings, parsed
from pairwright.schemas.source_row import SourceRow

PLACE = "rendered_text"
"""Where it stands in the parameters; also the tag of such rows, and the reason code of those that are left out."""

_REMEMBERED = 4096
"""Pictures whose values are kept: rows of one picture stand near each other."""


class RenderedText(Settings):
    """What is done about pictures with rendered text."""

    kind: str = "rendered_text"
    """A check of pictures; ``pairwright list annotators`` shows them with their parameters."""
    params: dict[str, Any] = {}
    """Its parameters. Missing ones keep their defaults."""
    at_most: Annotated[float, Field(ge=0)] = 0.002
    """How much may be there; by default, two thousandths of the picture under lines of letters."""
    then: Literal["keep", "tag", "drop"] = "tag"
    """What becomes of rows with more in any picture: nothing but the values in ``scores`` (``keep``), a tag ``rendered_text``,
    or a reject of that name."""


class Looking(Settings):
    """Parameters of every builder that ranks texts by pictures."""

    rendered_text: RenderedText | None = None
    """Whether pictures are looked at for rendered text, which CLIP over-scores; they are not if not given."""


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A row whose pictures were looked at."""

    row: SourceRow
    """With the tag, where there is too much."""
    judgements: tuple[Judgement, ...] = ()
    """What was found, on ``images[0]`` and so on."""


LookAt = Callable[[SourceRow], Awaitable[LookedAt]]
"""Looks at a row's pictures. Raises RowError for one that cannot be decoded, or has too much where such rows are left out."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A check, ready to be used."""

    settings: RenderedText
    part: PictureCheck[Any]
    look: Look

    def of_row(self, row: SourceRow, found: list[Mapping[str, float]]) -> LookedAt:
        """Return a row with what was found in its pictures."""
        limit, aspect = self.settings.at_most, self.part.decides
        most = max((values[aspect] for values in found), default=0.0)
        if most > limit and self.settings.then == "drop":
            raise RowError("rendered_text", PLACE, f"{aspect} {most:g} is above {limit:g}")
        tagged = most > limit and self.settings.then == "tag"
        tags = tuple(dict.fromkeys((*row.tags, PLACE))) if tagged else row.tags
        return LookedAt(replace(row, tags=tags), tuple(self._judgements(found)))

    def _judgements(self, found: list[Mapping[str, float]]) -> Iterator[Judgement]:
        for number, values in enumerate(found):
            for aspect, (low, high) in self.part.ranges.items():
                yield Judgement(f"images[{number}]", self.settings.kind, aspect, values[aspect], low, high)


def prepare_looking(settings: Looking) -> LookAt:
    """Check the settings once and return what looks at a row's pictures.

    Raises:
        ParameterError: there is no such check, or its parameters do not fit.
        MissingExtraError: it needs a package that is not there.
    """
    chosen = settings.rendered_text
    if chosen is None:
        return _unseen
    checked = _checked(chosen)
    known: dict[str, Mapping[str, float]] = {}

    def look(image: Image) -> Mapping[str, float]:
        values = known.get(image.sha256)
        if values is None:
            values = checked.look(image)
            if len(known) >= _REMEMBERED:
                known.clear()
            known[image.sha256] = values
        return values

    async def look_at(row: SourceRow) -> LookedAt:
        return checked.of_row(
            row, await asyncio.to_thread(lambda: [look(image) for image in row.prompt.images])
        )

    return look_at


async def _unseen(row: SourceRow) -> LookedAt:
    return LookedAt(row)


def _checked(chosen: RenderedText) -> _Checked:
    try:
        part = ROOM.get(chosen.kind)
    except UnknownPartError as error:
        raise ParameterError(f"{PLACE}.kind: {error}") from error
    if not isinstance(part, PictureCheck):
        raise ParameterError(f"{PLACE}.kind: {chosen.kind} does not look at pictures by themselves")
    own = parsed(part.settings, chosen.params, where=f"{PLACE}.params", owner=chosen.kind)
    return _Checked(chosen, part, prepared(partial(part.prepare, own), PLACE))

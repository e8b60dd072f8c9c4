"""Changed pictures that stand beside rejected answers, made again where pairs are formed anew.

The config ``candidates`` says of each answer what its pictures went through, with every drawn value, and holds no changed
picture: the same change of the same picture gives the same file, and its hash says whether it did.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from pairwright.builders._changed import Changed, prepare_change
from pairwright.builders._negative import Negative
from pairwright.builders._told import told_of
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError, UnknownPartError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.settings import Settings

Kept = Mapping[str, tuple[Negative, ...]]
"""Changed pictures by key of the request whose answers stand beside them."""

_KEPT = "images_kept"


class _Change(Settings):
    """What was done to one picture."""

    perturbation: str
    params: dict[str, float | int]
    sha256: str
    """Of the changed picture's file."""
    reached: dict[str, object] | None = None
    """How far an attack came."""


_CHANGES = TypeAdapter(tuple[_Change, ...])


def marked(candidate: Candidate, negatives: Kept) -> Candidate:
    """Return a candidate that says which changed pictures stand beside it; as it is where there are none."""
    made = negatives.get(candidate.request or "", ())
    if not made:
        return candidate
    told = {**told_of(candidate), "images": [_told(one) for one in made], _KEPT: True}
    return replace(candidate, params=json.dumps(told, ensure_ascii=False))


def kept_as_made(candidates: Sequence[Candidate], negatives: tuple[Negative, ...]) -> Kept:
    """Return the changed pictures that an earlier round kept beside these answers, where they are those that were made now.

    For changes that nothing here can make again: an attack takes its encoder.

    Raises:
        RowError: ``bad_value`` where they are other ones.
    """
    made = [one.image.sha256 for one in negatives]
    found: dict[str, tuple[Negative, ...]] = {}
    for one in candidates:
        changes = _changes(one)
        if changes and one.request:
            if [change.sha256 for change in changes] != made:
                raise _unlike(f"{changes[0].perturbation} gives another picture than it did")
            found[one.request] = negatives
    return found


def kept_pictures(prompt: Prompt, candidates: Sequence[Candidate]) -> Kept:
    """Return the changed pictures that an earlier run kept beside these answers, made again.

    Raises:
        RowError: ``bad_value`` where another picture comes out, as another release may change them otherwise; or for a
            broken picture.
    """
    found: dict[str, tuple[Negative, ...]] = {}
    for one in candidates:
        changes = _changes(one)
        if changes and one.request and one.request not in found:
            if len(changes) != len(prompt.images):
                raise _unlike(f"{len(changes)} changed pictures of {len(prompt.images)}")
            pictures = zip(prompt.images, changes, strict=True)
            found[one.request] = tuple(_again(image, change) for image, change in pictures)
    return found


def _told(negative: Negative) -> dict[str, object]:
    told: dict[str, object] = {
        "perturbation": negative.perturbation,
        "params": dict(negative.params),
        "sha256": negative.image.sha256,
    }
    return told | ({"reached": negative.reached.told()} if negative.reached else {})


def _changes(candidate: Candidate) -> tuple[_Change, ...]:
    told = told_of(candidate)
    if told.get(_KEPT) is not True:
        return ()
    try:
        return _CHANGES.validate_python(told.get("images"))
    except ValidationError as error:
        raise _unlike(f"images: {error.errors()[0]['msg']}") from error


def _again(image: Image, change: _Change) -> Negative:
    settings = Changed(name=change.perturbation, params={**change.params})
    try:
        changed = prepare_change("candidates", settings, 0)
    except (ParameterError, UnknownPartError) as error:
        raise _unlike(str(error)) from error
    (negative,) = changed("", Prompt("", (image,))).negatives  # nothing is drawn: every value is given
    if negative.image.sha256 != change.sha256:
        raise _unlike(f"{change.perturbation} gives another picture than it did")
    return negative


def _unlike(message: str) -> RowError:
    return RowError(
        "bad_value", "candidates", f"the picture beside an answer cannot be made again: {message}"
    )

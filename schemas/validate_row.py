"""The rules of one row. Each says what trainers do with a row that breaks it, where they do it without a word.

A rule is a generator of findings, (column, message); the message says what is there, what was expected and what to do.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from pairwright.schemas.arrow import REQUIRED
from pairwright.schemas.codec import DEFAULT_MAX_PIXELS, decode, read_image
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Header, digest
from pairwright.schemas.prompt import MARKER
from pairwright.schemas.special_tokens import special_token

Row: TypeAlias = Mapping[str, Any]
"""One row as Arrow gives it: column name to plain Python value."""

Finding: TypeAlias = tuple[str, str]
"""Column at fault, and the sentence about it."""

KINDS = ("text", "image", "both")
"""What may differ between the sides of a pair."""

_EMPTY_LISTS = ("images", "scores", "images_meta", "tags")
_NEVER_EMPTY = ("id", "source", "group_id")
_REMEMBERED = 4096


class Picture(NamedTuple):
    """What the checks of one picture found."""

    sha256: str
    header: Header | None
    """None where the bytes are not a readable picture."""
    pixels: bytes | None
    """Digest of the decoded pixels; None where they were not decoded."""
    fault: str | None


class Pictures:
    """Checks pictures, each different one once: neighbouring rows mostly share theirs."""

    def __init__(self, *, decode_pixels: bool = True, max_pixels: int = DEFAULT_MAX_PIXELS) -> None:
        """``decode_pixels`` decodes every picture whole; without it only headers are read."""
        self._decode_pixels = decode_pixels
        self._max_pixels = max_pixels
        self._seen: dict[str, Picture] = {}

    def check(self, data: bytes) -> Picture:
        """Return what is known of an encoded picture."""
        key = digest(data)
        if key not in self._seen:
            if len(self._seen) >= _REMEMBERED:
                self._seen.pop(next(iter(self._seen)))
            self._seen[key] = self._look(data, key)
        return self._seen[key]

    def _look(self, data: bytes, key: str) -> Picture:
        try:
            image = read_image(data, max_pixels=self._max_pixels)
        except RowError as error:
            return Picture(key, None, None, error.message)
        if not self._decode_pixels:
            return Picture(key, image.header, None, None)
        try:
            pixels = decode(image)
        except RowError as error:
            return Picture(key, image.header, None, error.message)
        found = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
        found.update(pixels.data)
        return Picture(key, image.header, found.digest(), None)


def findings(row: Row, pictures: Pictures) -> Iterator[Finding]:
    """Yield everything that is wrong with a row. Needs every column of the schema, in its type."""
    nulls = list(_nulls(row))
    if nulls:  # the other rules lean on these columns
        yield from nulls
        return
    yield from _names(row)
    yield from _prompt(row["prompt"])
    for side in ("chosen", "rejected"):
        yield from _answer(side, row)
    yield from _placeholders(row)
    yield from _mirrors(row)
    yield from _kind(row)
    yield from image_findings(row, "images", "images_meta", pictures)
    if row["rejected_images"] is not None:
        yield from image_findings(row, "rejected_images", "rejected_images_meta", pictures)
        yield from _same_pictures(row, pictures)
    yield from _scores(row)
    for side in ("chosen", "rejected"):
        yield from span_findings(
            f"{side}_spans", f"{side}_spans", row[f"{side}_spans"] or (), row[f"{side}_text"]
        )
    yield from json_findings(row)


def _nulls(row: Row) -> Iterator[Finding]:
    for column in sorted(REQUIRED):
        if row[column] is None:
            instead = "use [] for none" if column in _EMPTY_LISTS else "every row needs a value"
            yield column, f"is null; {instead} (a null here stops TRL in the middle of a run)"


def _names(row: Row) -> Iterator[Finding]:
    for column in _NEVER_EMPTY:
        if not row[column].strip():
            yield column, "is empty; every row needs a value"
    if any(tag is None or not tag.strip() for tag in row["tags"]):
        yield "tags", "holds a null or empty tag; leave it out"


def _prompt(prompt: Sequence[Row]) -> Iterator[Finding]:
    if not prompt:
        yield "prompt", "has no message; expected at least one, of role user"
        return
    for number, message in enumerate(prompt):
        where = f"message {number}"
        role = _role(message)
        if role not in ("system", "user", "assistant"):
            hint = "; write user for human and assistant for gpt" if role in ("human", "gpt") else ""
            yield "prompt", f"{where} has role {role!r}; expected system, user or assistant{hint}"
        elif role == "system" and number:
            yield "prompt", f"{where} is a system message; expected it first or not at all"
        yield from _parts("prompt", where, message, images_allowed=role == "user")
    if _role(prompt[-1]) != "user":
        yield (
            "prompt",
            f"ends with role {_role(prompt[-1])!r}; expected user, whose turn chosen and rejected answer",
        )


def _answer(side: str, row: Row) -> Iterator[Finding]:
    messages = row[side]
    roles = [_role(message) for message in messages]
    if not messages:
        yield (
            side,
            "has no message; expected one of role assistant (TRL trains on an empty answer without a word)",
        )
    elif len(messages) > 1 and messages[:-1] == row["prompt"][-len(messages) + 1 :]:
        yield side, "repeats the prompt; expected the answer alone, one message of role assistant"
    elif roles != ["assistant"]:
        yield side, f"has messages of roles {roles}; expected one message of role assistant"
    for number, message in enumerate(messages):
        yield from _parts(side, f"message {number}", message, images_allowed=False)
    if not row[f"{side}_text"].strip():
        yield f"{side}_text", "is empty; drop the row (TRL trains on an empty answer without a word)"


def _role(message: Row | None) -> str | None:
    return None if message is None else message["role"]


def _parts(column: str, where: str, message: Row | None, *, images_allowed: bool) -> Iterator[Finding]:
    parts = None if message is None else message["content"]
    if not parts:
        yield column, f"{where} has no content; expected at least one part of type text or image"
        return
    for part in parts:
        kind, text = (None, None) if part is None else (part["type"], part["text"])
        if kind == "image":
            if not images_allowed:
                yield column, f"{where} has an image part; images stand in user messages of the prompt only"
            if text is not None:
                yield (
                    column,
                    f"{where} has an image part with a text, which is lost; make it a part of type text",
                )
        elif kind != "text":
            yield column, f"{where} has a part of type {kind!r}; expected text or image"
        elif not text:
            yield column, f"{where} has a text part without text; leave the part out"
        elif token := special_token(text):
            yield (
                column,
                f"{where} has {token!r} in its text, which a model reads as a token of its own; remove it",
            )


def _placeholders(row: Row) -> Iterator[Finding]:
    images = len(row["images"])
    parts = sum(
        part is not None and part["type"] == "image"
        for message in row["prompt"]
        for part in (message or {"content": None})["content"] or ()
    )
    users = [turn[0] for turn in row["history"] or () if turn]
    markers = sum((text or "").count(MARKER) for text in [*users, row["question"]])
    if parts != images:
        yield (
            "prompt",
            f"has {parts} image parts for {images} images; expected one part where each image goes",
        )
    if markers != images:
        where = "question and history have" if row["history"] else "has"
        yield (
            "question",
            f"{where} {markers} {MARKER} markers for {images} images; expected one where each image goes",
        )


def _mirrors(row: Row) -> Iterator[Finding]:
    for side in ("chosen", "rejected"):
        if len(row[side]) == 1 and _segments(_flat(row[side][0])) != _segments(row[f"{side}_text"]):
            yield (
                f"{side}_text",
                f"is not the text of {side}; trainers that read this column would see another answer",
            )
    history = row["history"] or []
    if any(turn is None or len(turn) != 2 or None in turn for turn in history):
        yield "history", "has a turn that is not [user text, assistant text]"
        return
    expected = [("system", row["system"])] if row["system"] else []
    for user, assistant in history:
        expected += [("user", user), ("assistant", assistant)]
    expected.append(("user", row["question"]))
    if [role for role, _ in expected] != [_role(message) for message in row["prompt"]]:
        yield (
            "history",
            "does not have the turns of prompt; expected [user, assistant] texts of each earlier turn",
        )
        return
    for number, ((role, text), message) in enumerate(zip(expected, row["prompt"], strict=True)):
        if _segments(text) != _segments(_flat(message)):
            last = number == len(expected) - 1
            column = "system" if role == "system" else "question" if last else "history"
            yield (
                column,
                f"is not the text of message {number} of prompt; expected the same words, {MARKER} for image parts",
            )


def _flat(message: Row) -> str:
    parts = [part for part in message["content"] or () if part is not None]
    return "".join(MARKER if part["type"] == "image" else part["text"] or "" for part in parts)


def _segments(text: str) -> list[str]:
    """Return the texts between markers; line breaks beside a marker are layout, not text."""
    return [segment.strip("\n") for segment in text.split(MARKER)]


def _kind(row: Row) -> Iterator[Finding]:
    kind, negatives = row["pair_kind"], row["rejected_images"]
    same_text = row["chosen_text"] == row["rejected_text"]
    if kind not in KINDS:
        yield "pair_kind", f"is {kind!r}; expected one of {', '.join(KINDS)}"
        return
    if kind == "text" and negatives is not None:
        told = "which most trainers ignore; set null, or pair_kind image or both and move the row to visual_negative"
        yield "rejected_images", f"is not null in a text pair, {told}"
    if kind != "text" and negatives is None:
        yield "rejected_images", f"is null in a pair of kind {kind}; expected the rejected side's images"
    if kind == "image" and not same_text:
        yield "pair_kind", "is image but the answers differ; expected both, or the same answer twice"
    if kind != "image" and same_text:
        told = "TRL trains on two equal sides without a word; drop the row"
        yield "rejected_text", f"is the same as chosen_text in a pair of kind {kind} ({told})"
    elif kind != "image" and row["chosen"] == row["rejected"]:
        told = "the texts differ in line breaks alone, which are no part of a message; drop the row"
        yield "rejected", f"is the same message as chosen in a pair of kind {kind} ({told})"
    if negatives is None:
        return
    if not negatives:
        yield "rejected_images", "is []; expected null for the same images, or as many as in images"
    elif len(negatives) != len(row["images"]):
        told = f"has {len(negatives)} images beside {len(row['images'])} in images"
        yield "rejected_images", f"{told}; expected as many, since both sides answer the same prompt"


def image_findings(row: Row, column: str, meta_column: str, pictures: Pictures) -> Iterator[Finding]:
    """Yield what is wrong with a column of pictures and the one beside it."""
    images, metas = row[column], row[meta_column]
    if metas is None or len(metas) != len(images):
        told = "is null" if metas is None else f"has {len(metas)} entries"
        yield meta_column, f"{told} beside {len(images)} in {column}; expected one entry for each image"
        metas = [None] * len(images)
    for number, (image, meta) in enumerate(zip(images, metas, strict=True)):
        where = f"{column}[{number}]"
        if image is None or image["bytes"] is None:
            yield (
                column,
                f"{where} has no bytes; embed the file (a path alone does not travel with the data set)",
            )
            continue
        found = pictures.check(image["bytes"])
        if found.fault is not None:
            yield column, f"{where} does not decode: {found.fault}; drop the row or mend the picture"
        if meta is not None:
            yield from _meta(meta_column, number, meta, found)


def _meta(column: str, number: int, meta: Row, found: Picture) -> Iterator[Finding]:
    expected: dict[str, object] = {"sha256": found.sha256}
    if found.header is not None:
        header = found.header
        expected |= {"width": header.width, "height": header.height, "format": header.format}
    for name, value in expected.items():
        if meta[name] != value:
            yield column, f"{column}[{number}].{name} is {meta[name]!r}; the picture itself says {value!r}"


def _same_pictures(row: Row, pictures: Pictures) -> Iterator[Finding]:
    images, negatives = _bytes_of(row["images"]), _bytes_of(row["rejected_images"])
    if not negatives or len(images) != len(negatives):
        return
    before, after = ([pictures.check(data) for data in side] for side in (images, negatives))
    if [one.sha256 for one in before] == [one.sha256 for one in after]:
        yield "rejected_images", "are the images of the chosen side, byte for byte; drop the row or set null"
    elif None not in (pixels := [one.pixels for one in before]) and pixels == [one.pixels for one in after]:
        yield "rejected_images", "show the same pixels as images, in another encoding; drop the row"


def _bytes_of(images: Sequence[Row | None]) -> list[bytes]:
    return [image["bytes"] for image in images if image is not None and image["bytes"] is not None]


def _scores(row: Row) -> Iterator[Finding]:
    for column in ("score_chosen", "score_rejected"):
        if row[column] is not None and not math.isfinite(row[column]):
            yield column, f"is {row[column]}; expected a finite number, or null where there is none"
    yield from judgement_findings("scores", "scores", row["scores"])


def judgement_findings(column: str, place: str, judgements: Sequence[Row | None]) -> Iterator[Finding]:
    """Yield what is wrong with judgements, which stand at ``place`` in a column."""
    for number, score in enumerate(judgements):
        where = f"{place}[{number}]"
        if score is None or None in (score["target"], score["scorer"], score["aspect"]):
            yield column, f"{where} lacks target, scorer or aspect; expected all three"
            continue
        value, low, high = score["value"], score["min"], score["max"]
        if value is None:
            continue
        if not math.isfinite(value):
            yield (
                column,
                f"{where}.value is {value}; expected a finite number, or null where it is not defined",
            )
        elif (low is not None and value < low) or (high is not None and value > high):
            yield column, f"{where}.value is {value:g}, outside its range {low} to {high}"


def span_findings(column: str, place: str, spans: Sequence[Row | None], text: str) -> Iterator[Finding]:
    """Yield what is wrong with the spans of a text, which stand at ``place`` in a column."""
    end = 0
    for number, span in enumerate(spans):
        where = f"{place}[{number}]"
        if span is None or None in (span["start"], span["end"], span["weight"]):
            yield column, f"{where} lacks start, end or weight; expected all three"
            continue
        if not 0 <= span["start"] < span["end"] <= len(text):
            told = f"is {span['start']} to {span['end']} in a text of {len(text)} characters"
            yield column, f"{where} {told}; expected a start before the end, and both inside"
        elif span["start"] < end:
            yield (
                column,
                f"{where} begins before the end of an earlier one; expected them in order, none over another",
            )
        if not 0 < span["weight"] < math.inf:
            yield column, f"{where}.weight is {span['weight']}; expected a finite number above 0"
        end = max(end, span["end"])


def json_findings(row: Row) -> Iterator[Finding]:
    """Yield which columns of JSON text hold something else."""
    for column in ("provenance", "extra"):
        if row[column] is not None:
            try:
                json.loads(row[column])
            except (ValueError, RecursionError) as error:
                yield column, f"is not JSON ({error}); expected JSON text or null"

"""From a raw row to a :class:`SourceRow`: the one way that all sources share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pairwright.layouts import Columns as LayoutColumns
from pairwright.layouts import Layout, Read
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import MARKER, Prompt
from pairwright.schemas.source_row import SourceRow
from pairwright.sources import RawRow, cells
from pairwright.sources.candidates import check_texts, listed_candidates
from pairwright.sources.columns import Columns, recognise, said
from pairwright.sources.packing import packed
from pairwright.sources.pictures import Pictures, picture_values
from pairwright.sources.settings import SourceSettings
from pairwright.sources.shared import shared_row
from pairwright.sources.sides import (
    check_sides,
    checked_prompt,
    in_order_of_markers,
    other_images,
    with_markers,
)
from pairwright.sources.turns import (
    Dialogue,
    dialogue,
    is_messages,
    read_history,
    read_turns,
    without_markers,
)

NO_PICTURE = "no_picture"
"""Tag of rows whose pictures were not there, where ``source.missing_pictures`` says to take them without."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that parsing needs besides the row: made once for a source."""

    name: str
    """Data set name for rows that name none themselves."""
    settings: SourceSettings
    pictures: Pictures
    layout: Layout | None = None
    """How the rows are written, where ``source.layout`` names it."""

    def columns(self, names: Sequence[str]) -> Columns:
        """Return what is taken for what in rows with these column names."""
        told = said(self.settings.columns)
        found = recognise(tuple(names), told)
        if self.settings.name is None or "source" not in found.taken or self.settings.columns.source:
            return found
        # A name that the recipe gives wins over a column; the column is kept as extra.
        taken = {field: column for field, column in found.taken.items() if field != "source"}
        return replace(found, taken=taken, rest=(*found.rest, found.taken["source"]))


@dataclass(frozen=True, slots=True)
class Cells:
    """One row seen through its columns."""

    fields: Mapping[str, Any]
    taken: Mapping[str, str]

    def __getitem__(self, field: str) -> Any:
        """Return the value of a field, None where the row has no such column."""
        column = self.taken.get(field)
        return None if column is None else self.fields[column]

    def column(self, field: str) -> str:
        """Return the column to name in errors."""
        return self.taken.get(field, field)

    def text(self, field: str) -> str | None:
        """Return a text, None for null and blank text."""
        return cells.optional_text(self[field], self.column(field))


def parse_row(raw: RawRow, reading: Reading) -> SourceRow:
    """Return prompt, answers and images of a raw row.

    Picture files are read here.

    Raises:
        RowError: with the reason of the reject.
    """
    if raw.problem is not None:
        raise raw.problem
    if reading.layout is not None:
        return _layout_row(raw, reading, reading.layout)
    fields = _unwrapped(raw.fields)
    columns = reading.columns(tuple(fields))
    _check_missing(columns)
    if columns.shared:
        return shared_row(raw, columns, reading.pictures, reading.name, reading.settings)
    return _general_row(raw, Cells(fields, columns.taken), columns, reading)


def _layout_row(raw: RawRow, reading: Reading, layout: Layout) -> SourceRow:
    """Return a row of a layout: what the layout does not read for itself is read as in any other row."""
    read = _read_by(layout, raw.fields, reading)
    check_texts(read.candidates, read.comparisons, read.annotations, read.scores, read.tags)
    row = _general_row(
        raw, Cells(read.fields, read.taken), Columns(read.taken, (), (), shared=False), reading
    )
    texts = [row.chosen or "", row.rejected or "", *(one.text for one in read.candidates)]
    name = f"{reading.settings.layout}{'' if raw.part is None else f'#{raw.part}'}"
    return replace(
        row,
        scores=read.scores,
        candidates=(*row.candidates, *read.candidates),
        comparisons=read.comparisons,
        annotations=read.annotations,
        tags=tuple(dict.fromkeys((*row.tags, *read.tags))),
        extra=packed(
            raw.whole or raw.fields,
            name,
            (*row.prompt.images, *(row.rejected_images or ())),
            [text for text in texts if text == text.strip()],
        ),
    )


def _read_by(layout: Layout, fields: Mapping[str, Any], reading: Reading) -> Read:
    """Return what a row says; columns that the recipe names are those of a plain table."""
    if said(reading.settings.columns):
        columns = reading.columns(tuple(fields))
        _check_missing(columns)
        return Read(fields, columns.taken)
    read = layout.read(LayoutColumns(fields))
    named = reading.settings.name is not None  # then the recipe's name wins over the row's
    taken = {
        field: name
        for field, name in read.taken.items()
        if name in read.fields and not (named and field == "source")
    }
    return replace(read, taken=taken)


def _check_missing(columns: Columns) -> None:
    for field, column in columns.missing[:1]:
        raise RowError(
            "missing_column", column, f"the recipe names it for {field}, and the row has no such column"
        )


def _general_row(raw: RawRow, row: Cells, columns: Columns, reading: Reading) -> SourceRow:
    settings = reading.settings
    asked = _asked(row, settings.question)
    chosen, rejected = _chosen(row, asked), _rejected(row, asked)
    license = row.text("license") or settings.license
    pictures = partial(_pictures, row, asked, reading, raw.folder, license)
    found = pictures() if settings.missing_pictures == "reject" else _if_there(pictures)
    if found is None:
        asked = without_markers(asked)
    bare = Prompt(asked.question, (), asked.system, asked.history)
    images, others = (in_order_of_markers(bare, one) for one in found or ((), ()))
    prompt = checked_prompt(
        with_markers(replace(bare, images=images)),
        {**columns.taken, "question": row.column(_asking_field(row))},
    )
    negatives = other_images(images, others, row.column("rejected_images"))
    check_sides(chosen, rejected, negatives, row.column("rejected"))
    return SourceRow(
        record_id=raw.record_id,
        source=row.text("source") or reading.name,
        source_id=cells.identifier(row["id"], row.column("id")) or raw.record_id,
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        rejected_images=negatives,
        chosen_model=row.text("chosen_model"),
        rejected_model=row.text("rejected_model"),
        score_chosen=cells.number(row["score_chosen"], row.column("score_chosen")),
        score_rejected=cells.number(row["score_rejected"], row.column("score_rejected")),
        candidates=listed_candidates(row["candidates"], row.column("candidates")),
        ground_truth=cells.json_text(row["ground_truth"], row.column("ground_truth")),
        evidence=row.text("evidence"),
        license=license,
        language=row.text("language") or settings.language,
        tags=(
            *cells.tag_list(row["tags"], row.column("tags")),
            *(() if found is not None else (NO_PICTURE,)),
        ),
        extra=_extra(row.fields, columns.rest),
    )


def _unwrapped(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put the members of RLHF-V's ``text`` column, JSON text of question, chosen and rejected, beside the others."""
    packed = fields.get("text")
    if not isinstance(packed, str) or not packed.startswith("{") or "chosen" in fields:
        return fields
    inner = cells.from_json(packed)
    if not isinstance(inner, dict) or not {"question", "chosen"} <= inner.keys():
        return fields
    return {name: value for name, value in fields.items() if name != "text"} | inner


def _asked(row: Cells, default: str | None) -> Dialogue:
    """Return the prompt of a row, from the first of conversations, question, prompt and chosen that has one."""
    found = _dialogue_of(row)
    if found is None and default is not None:
        found = Dialogue(default)
    if found is None or not found.question.strip():
        raise RowError(
            "no_question", row.column("question"), "the row has no question; source.question gives a default"
        )
    system = found.system or row.text("system")
    history = found.history or read_history(row["history"], row.column("history"))
    return replace(found, system=system, history=history)


def _asking_field(row: Cells) -> str:
    """Return the field that holds a row's prompt: the first of the three that has a value."""
    fields = ("conversations", "question", "prompt")
    return next((field for field in fields if row[field] not in (None, "", [])), "question")


def _dialogue_of(row: Cells) -> Dialogue | None:
    field = _asking_field(row)
    value, column = row[field], row.column(field)
    if value is not None and value != "":
        if field != "conversations" and not is_messages(value):
            return Dialogue(cells.text(value, column))
        turns = read_turns(value, column)
        if field == "question" and len(turns) == 1:  # ImageDPO: the question is one {from, value}
            turns = [replace(turns[0], role="user")]
        return dialogue(turns, column)
    if is_messages(row["chosen"]):  # TRL's implicit prompt: both answers repeat the whole dialogue
        turns = read_turns(row["chosen"], row.column("chosen"))
        return dialogue(turns[:-1], row.column("chosen")) if len(turns) > 1 else None
    return None


def _chosen(row: Cells, asked: Dialogue) -> str | None:
    value, column = row["chosen"], row.column("chosen")
    if value is None:
        if asked.answer is None:
            return None  # a prompt alone; builders that need an answer say so
        return cells.answer(asked.answer, row.column(_asking_field(row)))
    if asked.answer is not None:
        raise RowError("bad_value", column, "the dialogue ends with an answer too; which one is meant?")
    return _answer_text(value, column)


def _rejected(row: Cells, asked: Dialogue) -> str | None:
    value, column = row["rejected"], row.column("rejected")
    if value is not None:
        return _answer_text(value, column)
    value, column = row["rejected_conversations"], row.column("rejected_conversations")
    if value is None or value == "":
        return None
    twin = dialogue(read_turns(value, column), column)
    if twin.answer is None:
        raise RowError("bad_value", column, "the dialogue does not end with an answer")
    if _bare(twin.question) != _bare(asked.question):
        raise RowError("bad_value", column, "its last question is not that of the chosen side")
    return cells.answer(twin.answer, column)


def _answer_text(value: object, column: str) -> str:
    if is_messages(value):
        last = read_turns(value, column)[-1]
        if last.role != "assistant":
            raise RowError(
                "bad_value", column, f"expected the last message to be the assistant's, got {last.role}"
            )
        return cells.answer(last.text, column)
    if isinstance(value, (list, tuple)) and len(value) == 1:  # HA-DPO keeps one answer in a list
        value = value[0]
    if not isinstance(value, str):
        raise cells.bad_value(column, "text or messages", value)
    return cells.answer(cells.text(value, column), column)


def _images(
    row: Cells,
    field: str,
    inline: Sequence[object],
    pictures: Pictures,
    folder: str,
    license: str | None,
) -> tuple[Image, ...]:
    values = picture_values(row[field], row.column(field)) or picture_values(list(inline), "messages")
    return tuple(pictures.read(value, field=name, folder=folder, license=license) for value, name in values)


Pictured = tuple[tuple[Image, ...], tuple[Image, ...]]
"""Images of the prompt, and of the rejected side."""


def _pictures(row: Cells, asked: Dialogue, reading: Reading, folder: str, license: str | None) -> Pictured:
    return (
        _images(row, "images", asked.images, reading.pictures, folder, license),
        _images(row, "rejected_images", (), reading.pictures, folder, license),
    )


def _if_there(pictures: Callable[[], Pictured]) -> Pictured | None:
    """Return the images of a row, None where one of them is not there."""
    try:
        return pictures()
    except RowError as error:
        if error.reason in ("image_missing", "image_url"):
            return None
        raise


def _bare(question: str) -> str:
    return " ".join(question.replace(MARKER, " ").split())


def _extra(fields: Mapping[str, Any], rest: Sequence[str]) -> str | None:
    return cells.columns_json({name: fields[name] for name in rest}) if rest else None

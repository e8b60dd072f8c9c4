"""The ``source`` block of a recipe."""

from typing import Annotated, Literal

from pydantic import Field

from pairwright.schemas.codec import DEFAULT_MAX_PIXELS
from pairwright.schemas.settings import Settings

Kind = Literal["auto", "table", "folder", "conversations", "dataset"]
"""How a path is read; ``auto`` decides by what the path is."""


class ColumnMap(Settings):
    """Which column of the source holds which field. What is not set is recognised by name (``docs/sources.md``)."""

    id: str | None = None
    """The row's own id."""
    source: str | None = None
    """Name of the data set a row came from, for mixtures."""
    question: str | None = None
    """The last user turn as text."""
    prompt: str | None = None
    """The prompt as text, or as a list of messages with ``role`` and ``content``."""
    conversations: str | None = None
    """A list of turns with ``from`` and ``value``, or ``role`` and ``content``; its last answer is the chosen one."""
    rejected_conversations: str | None = None
    """The same list of turns with the worse answer at its end."""
    chosen: str | None = None
    """The good answer, a gold answer or a caption: text, or messages."""
    rejected: str | None = None
    """The worse answer: text, or messages."""
    images: str | None = None
    """One image or a list: path, bytes, base64, data: URI or ``{bytes, path}``."""
    rejected_images: str | None = None
    """Images of the rejected side, as many as the prompt has."""
    candidates: str | None = None
    """Answers that are to be judged or checked: a list of texts, or of ``{text, model, score, …}``."""
    evidence: str | None = None
    """Text that tells what the pictures show (a caption, a report), for judges that read instead of look."""
    system: str | None = None
    """System text."""
    history: str | None = None
    """Earlier turns: a list of ``[user, assistant]``."""
    chosen_model: str | None = None
    """Who wrote the good answer."""
    rejected_model: str | None = None
    """Who wrote the worse answer."""
    score_chosen: str | None = None
    """A number given to the good answer."""
    score_rejected: str | None = None
    """A number given to the worse answer."""
    ground_truth: str | None = None
    """The answer that can be checked."""
    license: str | None = None
    """Licence of the row."""
    language: str | None = None
    """Language of the row."""
    tags: str | None = None
    """Labels: a list, or text with commas."""


class VotesSettings(Settings):
    """What people said in a labelling tool of the answers of a run."""

    path: str
    """The tool's file."""
    layout: str
    """``label_studio`` or ``argilla``; ``pairwright list layouts`` shows what each reads."""


class SourceSettings(Settings):
    """Where rows come from and how they are read."""

    kind: Kind = "auto"
    """``table``: CSV, TSV, JSONL, JSON, Parquet or Arrow. ``folder``: pictures. ``conversations``: a table whose rows
    are dialogues. ``dataset``: a ``datasets`` id or saved folder. ``auto`` decides by what ``path`` is."""
    path: str | None = None
    """A file, a folder, a glob such as ``data/*.parquet``, a folder that pairwright wrote, or an id ``org/name``."""
    name: str | None = None
    """Data set name written to every row; without it a column of that meaning, or else the file's or folder's name."""
    layout: str | None = None
    """Published layout that the rows are in; ``pairwright list layouts`` shows them, ``auto`` recognises it. Columns are then
    read as the layout has them, with all that people and judges said; every other column is kept in ``extra``."""
    columns: ColumnMap = ColumnMap()
    """Which column is what, where the names do not say it."""
    image_root: str | None = None
    """Folder that image paths are relative to and must not leave; the source's own folder where it is not set."""
    missing_pictures: Literal["reject", "leave_out"] = "reject"
    """What becomes of rows whose pictures are not there: a ``reject``, or the row without any picture and with the tag
    ``no_picture`` (``leave_out``), for texts that are worth having alone."""
    question: str | None = None
    """Question for rows that have none, for example ``Describe the picture.`` for captions."""
    license: str | None = None
    """Licence of rows that name none."""
    language: str | None = None
    """Language of rows that name none."""
    split: str = "train"
    """Split of a ``datasets`` source."""
    subset: str | None = None
    """Configuration of a ``datasets`` source. Of a folder that pairwright wrote, ``candidates`` takes its prompts with their
    answers, and ``earlier_round`` the same under the record ids that they had, for the next round."""
    votes: VotesSettings | None = None
    """Of a folder that pairwright wrote, with ``subset: candidates``: what people said in the tasks that were made of it."""
    sets: tuple["SourceSettings", ...] = ()
    """Several sources in place of ``path``, each with settings of its own, read one after the other; what a row of an earlier one
    has as well, pictures and texts, is a reject ``duplicate``."""
    group_by: str | None = None
    """Column whose equal values make rows one: each row holds one candidate, those of one prompt stand together."""
    revision: str | None = None
    """Commit, tag or branch of a ``datasets`` id; name a commit to get the same rows next year."""
    max_pixels: Annotated[int, Field(ge=1, le=178_956_970)] = DEFAULT_MAX_PIXELS
    """Refuse pictures with more pixels, before they are decoded. Above 178,956,970 Pillow refuses by itself."""
    max_file_mb: Annotated[float, Field(gt=0)] = 64.0
    """Refuse picture files of more megabytes (10^6 bytes), before they are read."""
    min_side: Annotated[int, Field(ge=1)] = 1
    """Refuse pictures with a shorter side, in pixels."""

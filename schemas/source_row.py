"""A source row after parsing: what a builder starts from."""

from dataclasses import dataclass

from pairwright.schemas.annotation import Annotation
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.span import Span


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A prompt with the answers its source has for it."""

    record_id: str
    """Place in the source, ``file:row`` with rows counted from 0: unique in a run, and what seeds are drawn from."""
    source: str
    """Name of the data set the row came from."""
    source_id: str
    """The row's own id there; the record id where it has none. Need not be unique: VQA sets repeat image ids."""
    prompt: Prompt
    pair_id: str | None = None
    """Id of the pair that the row is, where the source is a data set that pairwright wrote."""
    chosen: str | None = None
    """The good answer: a caption, a gold answer, or the chosen side of an existing pair."""
    rejected: str | None = None
    """The worse answer, where the source has pairs."""
    rejected_images: tuple[Image, ...] | None = None
    """The rejected side's images, where the source is an image-negative set already."""
    chosen_model: str | None = None
    rejected_model: str | None = None
    score_chosen: float | None = None
    score_rejected: float | None = None
    scores: tuple[Judgement, ...] = ()
    chosen_spans: tuple[Span, ...] = ()
    """Stretches of ``chosen`` that have a weight of their own, where the source is a run that has them."""
    rejected_spans: tuple[Span, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    """Answers that are neither chosen nor rejected yet."""
    comparisons: tuple[Comparison, ...] = ()
    """What was said of two candidates side by side."""
    annotations: tuple[Annotation, ...] = ()
    """How each person came to what they said of the candidates."""
    ground_truth: str | None = None
    evidence: str | None = None
    """Text that tells what the pictures show (a caption, a report), for judges that read instead of look."""
    license: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    provenance: str | None = None
    """JSON text that the source's own provenance column held."""
    extra: str | None = None
    """JSON text of every column that has no field."""

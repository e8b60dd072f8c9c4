"""Annotators: they write judgements. One per file, of one of five kinds.

A part binds ``PART`` to a :class:`Verifier` (looks at one answer, asks nobody), a :class:`Judge` (asks a model about all
answers to a prompt), an :class:`EncoderPart` (turns pictures and texts into vectors that can be compared), a
:class:`Measurer` (compares pictures), or a :class:`PictureCheck` (looks at one picture, asks nobody).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pairwright.schemas.attack import Attack, AttackedImage, VisionEncoder
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.claim import Claim
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.reasons import Reason
from pairwright.schemas.request import Ask
from pairwright.schemas.room import Room
from pairwright.schemas.settings import Settings

S = TypeVar("S", bound=Settings)

Range = tuple[float | None, float | None]
"""Smallest and largest value, None where there is no bound."""


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt with the answers that are to be judged."""

    record_id: str
    seed: int
    """Run seed, for what is shuffled."""
    prompt: Prompt
    candidates: tuple[Candidate, ...]
    reference: str | None = None
    """A right answer: the row's ground truth, or its gold answer."""
    evidence: str | None = None
    """Text that tells what the pictures show."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a verifier found in one answer."""

    value: float | None
    """0 (wrong) to 1 (right); None where the answer cannot be checked."""
    answer: str | None = None
    """The final answer that was taken out of the text."""
    reason: Reason | None = None
    """Why there is no value: ``answer_unparsable``, ``no_ground_truth``, ``no_score``."""
    message: str = ""
    """What was compared with what, or what is missing."""


Check = Callable[[Case, Candidate], Checked]
"""Checks one answer. Pure."""


@dataclass(frozen=True, slots=True)
class Verifier(Generic[S]):
    """Checks answers by rule."""

    settings: type[S]
    prepare: Callable[[S], Check]
    """Checks the settings once. Raises ParameterError, or MissingExtraError if a package is missing."""
    low: float
    """Smallest value."""
    high: float
    summary: str
    source: str
    may_rank: bool = False
    """Whether its values may be ranks, 1 the best. Everywhere else the higher value is the better one."""
    runs_code: Callable[[S], str | None] | None = None
    """Code of the user's that these settings run, as ``module:function``; None, or no such function, for none."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a judge said nothing of some candidates."""

    reason: Reason
    message: str
    candidates: tuple[int, ...]
    """Numbers of the candidates concerned."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said of the answers to one prompt. What it could not say is a failure, never a guess."""

    ratings: tuple[tuple[Judgement, ...], ...] = ()
    """For each candidate its judgements, one per aspect, with target ``candidate``; empty where there are none."""
    comparisons: tuple[Comparison, ...] = ()
    failures: tuple[Failure, ...] = ()
    claims: tuple[tuple[Claim, ...], ...] = ()
    """For each candidate its statements, where the judge took it apart; empty where it does not."""
    prompt: str | None = None
    """Name, version and hash of the prompt file that the judge was asked with: ``listwise v1 #0c1d2e3f``."""


Decide = Callable[[Case, Ask], Awaitable[Verdict]]
"""Judges the answers to one prompt. Raises RowError when the model cannot be asked about it."""


@dataclass(frozen=True, slots=True)
class Judge(Generic[S]):
    """Asks a model which answer is better, or how good each is."""

    settings: type[S]
    prepare: Callable[[S, str], Decide]
    """Checks the settings once; the second argument is the judge's name, ``scorer`` of all it says. Raises
    ParameterError."""
    gives: Literal["scores", "comparisons"]
    """What pairing can go by: ratings, of which scores are made, or comparisons."""
    summary: str
    source: str
    aspects: Callable[[S], Mapping[str, Range]] | None = None
    """What it rates an answer on, and on which scale, where that is known before anything is asked. With it, judges
    that do not fit each other or the recipe's weights are an error beforehand, and not after they were paid."""
    marks: Callable[[S], Mapping[str, str]] | None = None
    """SHA-256 of each file that decides what it says, by the setting that names the file: a run is another one when
    such a file changes."""


@dataclass(frozen=True, slots=True)
class Measurer:
    """Compares a picture with another; used by builders, not named in recipes."""

    ranges: Mapping[str, Range]
    """Smallest and largest value by measure."""
    summary: str
    source: str


Look = Callable[[Image], Mapping[str, float]]
"""Measures a picture; returns every value by its aspect. Pure. Raises RowError where it cannot be decoded."""


@dataclass(frozen=True, slots=True)
class PictureCheck(Generic[S]):
    """Looks at one picture, for what other annotators would be misled by."""

    settings: type[S]
    prepare: Callable[[S], Look]
    """Checks the settings once. Raises ParameterError, or MissingExtraError if a package is missing."""
    ranges: Mapping[str, Range]
    """Smallest and largest value by aspect."""
    decides: str
    """The aspect that a recipe's bound goes by; more of it is worse."""
    summary: str
    source: str


Vector = NDArray[np.float32]
"""One direction: float32, of length 1."""

Vectors = NDArray[np.float32]
"""Number × width, each row of length 1."""


@dataclass(frozen=True, slots=True)
class EncodedTexts:
    """Texts as an encoder has them."""

    vectors: Vectors
    cut: tuple[bool, ...]
    """Of each, whether it is longer than the encoder reads: its end counted for nothing."""


class OpenEncoder(Protocol):
    """An encoder that is loaded. Vectors of pictures and texts can be compared with each other."""

    def read(self, image: Image) -> Any:
        """Return a picture as :meth:`images` takes it: decoded, upright, at the model's own size. Called by many threads.

        Raises:
            RowError: it cannot be decoded.
        """

    def images(self, pictures: Sequence[Any]) -> Vectors:
        """Return the vectors of pictures that were read. Called by one thread at a time, as is :meth:`texts`."""

    def texts(self, texts: Sequence[str]) -> EncodedTexts:
        """Return the vectors of texts."""

    def vision(self) -> VisionEncoder:
        """Return the picture tower, for gradients to flow through."""


@dataclass(frozen=True, slots=True)
class EncoderPart(Generic[S]):
    """Turns pictures and texts into vectors that can be compared."""

    settings: type[S]
    """All that decides the vectors."""
    name: Callable[[S], str]
    """Name of the model, for judgements."""
    check: Callable[[S], None]
    """Checks that it can be loaded, as far as that is known without loading. Raises ParameterError, with the nearest name
    for one that nobody knows, or MissingExtraError."""
    marks: Callable[[S], Mapping[str, str]]
    """SHA-256 of local files that hold the model, by the setting that names them. Raises ParameterError for one that cannot
    be read."""
    open: Callable[[S, str], AbstractContextManager[OpenEncoder]]
    """Loads it on a device (``auto``, ``cpu``, ``cuda``, ``cuda:1``). Entering raises ModelError, or MissingExtraError."""
    packages: tuple[str, ...]
    """Distributions that decide the vectors; their versions belong to a run."""
    summary: str
    source: str


@dataclass(frozen=True, slots=True)
class Encoding:
    """A picture or a text as an encoder has it."""

    vector: Vector
    cut: bool = False
    """Whether it is a text that is longer than the encoder reads."""


class Encode(Protocol):
    """A way to have pictures and texts encoded, any number at the same time; each distinct one is encoded once."""

    async def image(self, image: Image) -> Vector:
        """Return the vector of a picture. Raises RowError where it cannot be decoded."""

    async def text(self, text: str) -> Encoding:
        """Return the vector of a text."""

    async def attacked(self, attack: Attack) -> AttackedImage:
        """Return the attacked copy of a picture; the same attack always returns the same bytes.

        Raises:
            RowError: the picture cannot be decoded.
        """


ROOM: Room[Verifier[Any] | Judge[Any] | EncoderPart[Any] | Measurer | PictureCheck[Any]] = Room(
    __name__, __path__, (Verifier, Judge, EncoderPart, Measurer, PictureCheck)
)
"""All annotators, by file name."""

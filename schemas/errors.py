"""The errors pairwright raises.

PairwrightError
├── RecipeError      a recipe file or a ``--set`` that cannot be used; lists every problem at once
├── SourceError      a source that cannot be read at all
├── RunError         an output folder in a state that forbids the run
├── ModelError       a model that cannot be used at all: wrong key, unknown name, dead engine
├── BudgetError      the run has spent what it may
├── PublishError     a run that cannot be published, or a Hub that does not take it
├── WorkerError      a worker process failed or died (in ``pairwright.executors.local``)
├── UnknownPartError no part of that name in a room
├── ParameterError   a parameter that does not exist, or a value outside its range
├── MissingExtraError an optional package is needed
├── SchemaError      rows that break the shared schema
└── RowError         one source row that cannot be used: becomes a reject, never stops a run
"""

from collections.abc import Sequence

from pairwright.schemas.reasons import Reason


class PairwrightError(Exception):
    """Base of all errors that pairwright raises on purpose; the command line prints them without a traceback."""


class RecipeError(PairwrightError):
    """A recipe that cannot be used. ``problems`` holds one line for each thing to mend."""

    def __init__(self, recipe: str, problems: Sequence[str]) -> None:
        """``recipe`` is the file or name the user gave."""
        self.recipe = recipe
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"recipe {recipe} cannot be used:\n{lines}")


class SourceError(PairwrightError):
    """A source that cannot be read at all: a missing file, a folder without pictures, an unknown format."""


class RunError(PairwrightError):
    """An output folder that forbids this run: another recipe, a changed source, another process at work."""


class ModelError(PairwrightError):
    """A model that cannot be used at all; stops the run, which then goes on from there when it is started again."""


class BudgetError(PairwrightError):
    """The run has spent what its budget allows; a raised budget continues it."""


class PublishError(PairwrightError):
    """A run that cannot be published as it is, or a Hub that refuses it, or cannot be reached; nothing half is visible there."""


class UnknownPartError(PairwrightError):
    """A name that no part of a room has."""


class ParameterError(PairwrightError):
    """A parameter that a part does not have, or a value outside the range it allows."""


class MissingExtraError(PairwrightError):
    """An optional package is missing; the message has the line that installs it."""

    def __init__(self, feature: str, package: str, extra: str) -> None:
        """``feature`` is what the user asked for, ``extra`` the name in ``pip install "pairwright[extra]"``."""
        super().__init__(f'{feature} needs the package {package}: pip install "pairwright[{extra}]"')


class SchemaError(PairwrightError):
    """Rows or a file that break the shared schema. ``problems`` holds one line for each."""

    def __init__(self, what: str, problems: Sequence[str]) -> None:
        """``what`` names the file or table that was validated."""
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{what} breaks the shared schema:\n{lines}")


class RowError(PairwrightError):
    """One source row that cannot be used. The run counts it under ``reason`` and goes on.

    >>> error = RowError("image_missing", "image", "no such file: cat.jpg")
    >>> error.reason, str(error)
    ('image_missing', 'image: no such file: cat.jpg')
    """

    def __init__(self, reason: Reason, field: str | None, message: str) -> None:
        """``field`` is the column of the source that is at fault, where one is."""
        self.reason = reason
        self.field = field
        self.message = message
        super().__init__(f"{field}: {message}" if field else message)

    def naming(self, name: str | None) -> "RowError":
        """Return the same error with the name of the picture at fault in front of its message.

        >>> str(RowError("image_truncated", "image", "cut short").naming("imgs/cat.jpg"))
        'image: imgs/cat.jpg: cut short'
        """
        return RowError(self.reason, self.field, f"{name}: {self.message}") if name else self

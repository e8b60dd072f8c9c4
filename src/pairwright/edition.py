"""What the card of a published set tells beyond the card of its run: where it stands, its licence, samples, versions."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SamplePair:
    """One pair as the card shows it."""

    question: str
    chosen: str
    rejected: str
    """As all texts, not escaped, and cut to a length. Empty where it is the same as ``chosen``."""
    pictures: tuple[str, ...]
    """Paths in the repository of small copies of the prompt's pictures."""
    rejected_pictures: tuple[str, ...]
    """The same for the rejected side; empty where the pictures do not differ."""
    chosen_by: str
    """Who wrote the answer, and what it scored; empty where neither is known. The same for the rejected one."""
    rejected_by: str
    edits: tuple[str, ...]
    """How the rejected pictures were made."""


@dataclass(frozen=True, slots=True)
class Version:
    """One published version of the rows."""

    number: int
    """From 1."""
    date: str
    """Day on which its run was finished, ISO 8601."""
    rows: tuple[tuple[str, int], ...]
    """(config, rows)."""
    said: tuple[str, ...]
    """What has changed since the version before, one line each."""


@dataclass(frozen=True, slots=True)
class Edition:
    """A run on its way to a repository."""

    repo: str
    """``name`` or ``owner/name`` on the Hub."""
    revision: str | None
    """Branch, where it is not the main one."""
    licence: Mapping[str, str]
    """Keys of the card's metadata: ``license``, and ``license_name`` and ``license_link`` where it is ``other``."""
    licence_note: str
    """How the licence was come to."""
    samples: tuple[SamplePair, ...]
    versions: tuple[Version, ...]
    """All of them, the first one first."""

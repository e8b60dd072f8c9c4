"""``load``: a published set, or the folder of a run, as ``datasets`` gives it."""

from pathlib import Path
from typing import TYPE_CHECKING

from pairwright.schemas.errors import MissingExtraError, PublishError, RunError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


def load(
    place: str | Path, *, config: str | None = None, revision: str | None = None, split: str | None = "train"
) -> "Dataset | DatasetDict":
    """Return what ``datasets.load_dataset`` returns for a published set, or for the folder of a run.

    Args:
        place: ``owner/name`` on the Hub, or a folder; a folder that is there is taken first.
        config: ``default``, ``visual_negative`` or ``candidates``; the default one if not given.
        revision: branch, tag or commit of a published set.
        split: ``train``, with slices as ``datasets`` knows them; None gives all splits by name.

    Raises:
        RunError: the folder holds no run that could be loaded.
        PublishError: there is no such set or config on the Hub, or this login may not see it.
        MissingExtraError: ``datasets`` is not installed.
    """
    try:
        from datasets import load_dataset
        from datasets.exceptions import DatasetNotFoundError
    except ImportError as error:
        raise MissingExtraError("loading", "datasets", "hub") from error
    local = Path(place).is_dir()
    if local and not (Path(place) / "README.md").is_file():
        raise RunError(
            f"{place} cannot be loaded: it has no README.md; the build that makes it writes one at its end"
        )
    try:
        loaded: Dataset | DatasetDict = load_dataset(
            str(place), config, revision=None if local else revision, split=split
        )
    except DatasetNotFoundError as error:
        raise PublishError(
            f"{place}: there is no such data set, or this login may not see it (`hf auth login`, or HF_TOKEN): {error}"
        ) from error
    except ValueError as error:  # an unknown config or split; the message names those that there are
        raise PublishError(f"{place}: {error}") from error
    return loaded

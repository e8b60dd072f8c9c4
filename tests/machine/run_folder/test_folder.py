"""A run folder and what is left in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread

from pairwright.runs import folder as run_folder
from pairwright.runs.folder import STAGED


@contextmanager
def _straggler(place: Path) -> Iterator[None]:
    """Have a thread write file after file in a folder, as an actor does, until the folder is gone."""
    place.mkdir(parents=True)
    begun = Event()

    def write() -> None:
        for number in count():
            try:
                (place / f".train-{number:05d}.parquet.tmp").touch()
            except FileNotFoundError:
                return
            if number == 50:
                begun.set()

    thread = Thread(target=write, daemon=True)
    thread.start()
    assert begun.wait(10)
    yield
    thread.join(10)
    assert not thread.is_alive()


def test_what_actors_left_is_removed_while_one_still_writes(tmp_path: Path) -> None:
    with _straggler(tmp_path / STAGED / "run" / "actor"):
        run_folder.clean(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_cleaning_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / f"{STAGED}-0123" / "run").mkdir(parents=True)
    (tmp_path / STAGED / "run").mkdir(parents=True)
    run_folder.clean(tmp_path)
    assert list(tmp_path.iterdir()) == []

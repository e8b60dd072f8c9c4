"""Sources that the tests of the machine share: small photographs with questions, as files on disk."""

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import skimage.data

from pairwright.cli import main
from pairwright.schemas.codec import encode

Source = Callable[..., Path]
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def photographs() -> list[bytes]:
    """Ninety-six different photographs of about 200 × 150 pixels, as JPEG files."""
    corners = [(top, left) for top in range(0, 120, 30) for left in range(0, 180, 30)]
    whole = [getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea", "rocket")]
    return [encode(p[y : y + 150, x : x + 200].copy(), "jpeg", 90) for p in whole for y, x in corners]


@pytest.fixture
def table(tmp_path: Path, photographs: list[bytes]) -> Source:
    """Return a function that writes a Parquet source of ``rows`` rows, with pairs or with answers only."""

    def write(rows: int, *, pairs: bool = False, name: str = "photos.parquet") -> Path:
        data = {
            "question": [f"What is in picture {n}?" for n in range(rows)],
            "answer": [f"Right answer {n}." for n in range(rows)],
            "image": [{"bytes": photographs[n % len(photographs)], "path": f"{n}.jpg"} for n in range(rows)],
        }
        if pairs:
            data["rejected"] = [f"Wrong answer {n}." for n in range(rows)]
        path = tmp_path / name
        pq.write_table(pa.table(data), path, row_group_size=32)
        return path

    return write


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a failed call is made again, this process waits a fiftieth of the usual time."""
    from pairwright.samplers import _breaker, _limits

    monkeypatch.setattr(_limits, "_FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr(_breaker, "_FIRST_WAIT_S", 0.02)


@pytest.fixture
def called(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[..., Done]:
    """Return a function that runs the command line in this process; what is logged counts as said, too."""

    def run(*arguments: object) -> Done:
        caplog.clear()
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        said = capfd.readouterr()
        return Done(arguments, ended.value.code or 0, said.out, said.err + caplog.text)

    return run


@pytest.fixture
def csv_with_faults(tmp_path: Path, photographs: list[bytes]) -> Path:
    """A CSV with 12 rows: 8 good ones, and four that must become rejects, each for another reason."""
    folder = tmp_path / "faulty"
    (folder / "images").mkdir(parents=True)
    for number in range(8):
        (folder / "images" / f"{number}.jpg").write_bytes(photographs[number])
    (folder / "images" / "cut.jpg").write_bytes(photographs[0][:2000])
    (folder / "images" / "text.jpg").write_text("not a picture")
    rows = [(f"images/{number}.jpg", "What?", "This.") for number in range(8)]
    rows[2:2] = [("images/none.jpg", "What?", "This."), ("../secret.jpg", "What?", "This.")]
    rows[7:7] = [("images/cut.jpg", "What?", "This."), ("images/text.jpg", "What?", "This.")]
    with (folder / "photos.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "question", "answer"), *rows])
    return folder / "photos.csv"

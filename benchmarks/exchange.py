"""Compare import and export with a plain pyarrow read and write of the same files.

The flat set has the layout of RLAIF-V: 20,000 rows with a JPEG of about 60 kB each, every one different. Import makes a run of it, with
hashes and header checks; export writes that run for TRL. Beside each, pyarrow reads the same files in batches of 100 rows
and writes them to one file, with nothing done to them, and with its defaults. Every step is a process of its own whose clock
starts after its imports; steps take turns, round after round, ratios are taken within a round, and medians are told. Memory is
the peak of a step's processes, in a run over all rows against one over a quarter of them. About 6 GB of temporary files are written
(TMPDIR).

    python benchmarks/exchange.py --json exchange.json
"""

import argparse
import io
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq

_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_FLAT = pa.schema(
    [
        ("ds_name", pa.string()),
        ("image", _PICTURE),
        *(
            (name, pa.string())
            for name in (
                "question",
                "chosen",
                "rejected",
                "origin_dataset",
                "origin_split",
                "idx",
                "image_path",
            )
        ),
    ]
)
_GROUP = 100
_BYTES = 60_000
"""Size of a picture, bytes."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one process took."""

    seconds: float
    peak_mb: float
    """Peak resident memory of it and of its own processes, MB."""


def write_flat(path: Path, rows: int) -> None:
    """Write the flat set: photographs with a comment that makes each another file, padded to one size."""
    photographs = _photographs()
    with pq.ParquetWriter(path, _FLAT) as writer:
        for start in range(0, rows, _GROUP):
            made = [_flat_row(photographs, number) for number in range(start, min(rows, start + _GROUP))]
            writer.write_table(pa.Table.from_pylist(made, schema=_FLAT))


def _photographs() -> list[bytes]:
    import skimage.data
    from PIL import Image

    found = []
    for name in ("astronaut", "coffee", "chelsea", "rocket"):
        file = io.BytesIO()
        Image.fromarray(getattr(skimage.data, name)()).convert("RGB").resize((400, 300)).save(
            file, "JPEG", quality=90
        )
        found.append(file.getvalue())
    return found


def _flat_row(photographs: Sequence[bytes], number: int) -> dict[str, object]:
    data = photographs[number % len(photographs)]
    comment = str(number).encode().ljust(max(16, _BYTES - len(data) - 4), b" ")
    data = data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]
    return {
        "ds_name": "photographs",
        "image": {"bytes": data, "path": f"{number}.jpg"},
        "question": f"What can be seen in picture {number}, and what is it used for?",
        "chosen": f"Picture {number} shows a person or a thing in front of a plain background. " * 4,
        "rejected": f"Picture {number} shows a crowd in the rain, with umbrellas and a dog. " * 4,
        "origin_dataset": "photographs",
        "origin_split": '{"model": "none", "type": "description"}',
        "idx": str(number),
        "image_path": f"{number}.jpg",
    }


def plain(source: Path, out: Path) -> None:
    """Read and write with pyarrow alone."""
    files = sorted(source.rglob("*.parquet")) if source.is_dir() else [source]
    with pq.ParquetWriter(out, pq.read_schema(files[0])) as writer:
        for file in files:
            for batch in pq.ParquetFile(file).iter_batches(_GROUP):
                writer.write_batch(batch)


def bring_in(source: Path, out: Path) -> None:
    """Import the flat set."""
    from pairwright.importing import import_set

    import_set(source, layout="rlaif_v", out=out)


def send_out(source: Path, out: Path) -> None:
    """Export a run to TRL."""
    from pairwright import export

    export(source, "trl", out=out)


STEPS: dict[str, Callable[[Path, Path], None]] = {"plain": plain, "import": bring_in, "export": send_out}


def in_this_process(name: str, source: Path, out: Path) -> None:
    """Do a step and print what it took."""
    import pairwright.exporters._export
    import pairwright.importing  # noqa: F401  # imports are not timed

    start = time.perf_counter()
    STEPS[name](source, out)
    seconds = time.perf_counter() - start
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"seconds": seconds, "peak_mb": max(peaks) / 1024}))


def measured(name: str, source: Path, out: Path) -> Step:
    """Do a step in a process of its own, over what an earlier one left at ``out``."""
    if out.is_dir():
        shutil.rmtree(out)
    out.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--step", name, str(source), str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Step(**json.loads(done.stdout.splitlines()[-1]))


def one_round(work: Path, flat: Path) -> dict[str, Step]:
    """Do each step once, in turn: the flat set in plain, its import, the run in plain, its export."""
    run = work / "run"
    return {
        "plain import": measured("plain", flat, work / "plain.parquet"),
        "import": measured("import", flat, run),
        "plain export": measured("plain", run / "data", work / "plain.parquet"),
        "export": measured("export", run, work / "trl"),
    }


def main(rows: int, rounds: int, result: Path | None) -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory(prefix="exchange-") as temporary:
        work = Path(temporary)
        write_flat(work / "small.parquet", rows // 4)
        small = one_round(work, work / "small.parquet")
        write_flat(work / "flat.parquet", rows)
        found = [one_round(work, work / "flat.parquet") for _ in range(rounds)]
    told = {
        f"{what}_ratio": median(one[f"plain {what}"].seconds / one[what].seconds for one in found)
        for what in ("import", "export")
    }
    told["peak_growth"] = max(
        median(one[what].peak_mb for one in found) / small[what].peak_mb for what in ("import", "export")
    )
    print(f"{rows:,} rows, {rounds} rounds, medians")
    for name in found[0]:
        seconds = median(one[name].seconds for one in found)
        peak = median(one[name].peak_mb for one in found)
        print(
            f"{name:14} {seconds:8.2f} s {rows / seconds:9,.0f} rows/s {peak:7,.0f} MB ({small[name].peak_mb:,.0f} MB)"
        )
    for name, value in told.items():
        print(f"{name:14} {value:8.2f}")
    if result:
        result.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rows", type=int, default=20_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", type=Path, help="file for the results")
    options.add_argument("--step", nargs=3, metavar=("NAME", "SOURCE", "OUT"), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.step:
        in_this_process(given.step[0], Path(given.step[1]), Path(given.step[2]))
    else:
        main(given.rows, given.rounds, given.json)

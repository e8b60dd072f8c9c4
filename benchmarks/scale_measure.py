"""Measure what large runs are made of: a run's start, a shard, a row, a picture by perturbation, and what grows with the shards.

All times are processor time of the whole command, one process, so that other work on the machine counts as little as
possible; contenders take turns and the median counts. Photographs of 448 x 448 pixels as JPEG of quality 90 stand for the
pictures of a large run. What a resume, ``status`` and the join of two slices take with many shards is measured on folders
whose shards are links to one shard. Linux only.

    .venv/bin/python benchmarks/scale_measure.py --json benchmarks/measured/shards.json
"""

import argparse
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import mean, median

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from inputs import SIDE, write_photographs, write_pictures
from recording import machine, recorded_options, say, write_record
from watching import PAIRWRIGHT, Went, ended_well

from pairwright.card import write_card
from pairwright.runs import manifest
from pairwright.runs.commit import enter
from pairwright.runs.disk import temporary
from pairwright.runs.manifest import FileEntry, ShardEntry

PICTURE = 448
"""Width and height of the photographs, pixels."""

PERTURBATIONS: Mapping[str, str] = {
    "pixelate": "[{name: pixelate, params: {block: 32}}]",
    "gaussian_blur": "[{name: gaussian_blur, params: {radius: [20, 40]}}]",
    "random_resized_crop": "[{name: random_resized_crop}]",
    "jpeg": "[{name: jpeg}]",
    "random_pixel_mask": "[{name: random_pixel_mask}]",
    "diffusion_noise": "[{name: diffusion_noise}]",
}
"""Perturbations of the photographs, with their settings."""

_CHEAP = "[{name: pixelate, params: {block: 8}}]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    given = _given(arguments)
    told = json.loads(given.json.read_text()) if given.json and given.json.exists() else {}
    with tempfile.TemporaryDirectory(prefix="shards-") as name:
        folder = Path(name)
        parts: Mapping[str, Callable[[], object]] = {
            "small": lambda: _small(folder, given.rows, given.rounds),
            "photographs": lambda: _photographs(folder, given.photographs, given.rounds),
            "many_shards": lambda: [_many(folder, shards, given.rounds) for shards in given.shards],
        }
        measured = {part: parts[part]() for part in given.parts or parts}
    told |= {"machine": machine(), "note": given.note, **measured}
    print(json.dumps(told, indent=1))
    if given.json:
        write_record(given.json, told)
    return 0


def _small(folder: Path, rows: int, rounds: int) -> dict[str, float]:
    """Return what a run's start, a shard and a row take, by runs over small pictures.

    Seconds are of processor time, but for ``enter_s``: what it takes by the clock to enter a shard, names and manifest line
    forced to disk. ``card_shard_s`` and ``card_row_s`` are the share of the card in a shard and a row.
    """
    source, one = folder / "small.parquet", folder / "one.parquet"
    write_pictures(source, rows)
    write_pictures(one, 1)
    few, many = -(-rows // 250), -(-rows // 25)
    cards: dict[str, float] = {}

    def built(shard_rows: int, name: str) -> float:
        seconds = _built(folder, source, _CHEAP, shard_rows)
        cards[name] = _seconds(lambda: write_card(folder / "run"))
        return seconds

    times = _by_turns(
        rounds,
        {
            "one row": lambda: _built(folder, one, _CHEAP, 250),
            "many shards": lambda: built(25, "many shards"),
            "few shards": lambda: built(250, "few shards"),
        },
    )
    shard = (times["many shards"] - times["few shards"]) / (many - few)
    row = (times["few shards"] - times["one row"] - (few - 1) * shard) / (rows - 1)
    card_shard = (cards["many shards"] - cards["few shards"]) / (many - few)
    return {
        "side": SIDE,
        "rows": rows,
        "run_s": times["one row"] - shard - row,
        "shard_s": shard,
        "row_s": row,
        "card_shard_s": card_shard,
        "card_row_s": (cards["few shards"] - few * card_shard) / rows,
        "enter_s": _entering(folder / "run"),
    }


def _entering(out: Path) -> float:
    """Return the seconds, by the clock, that it takes to enter a shard."""
    first, times = manifest.read(out)[0], []
    for number in range(200):
        entry = _copied(first, 10_000 + number)
        for file, of in zip(entry.files, first.files, strict=True):
            shutil.copyfile(out / of.name, temporary(out / file.name))
        begun = time.perf_counter()
        enter(out, entry)
        times.append(time.perf_counter() - begun)
    return median(times)


def _photographs(folder: Path, rows: int, rounds: int) -> dict[str, object]:
    """Return what a photograph takes, all in all by perturbation, and in pieces."""
    source = folder / "photographs.parquet"
    pictures = write_squares(source, rows, folder)
    one = folder / "one.parquet"
    write_pictures(one, 1)
    written: dict[str, int] = {}

    def built(name: str) -> float:
        seconds = _built(folder, source, PERTURBATIONS[name], 250)
        written[name] = sum(path.stat().st_size for path in (folder / "run" / "visual_negative").iterdir())
        return seconds

    work = {name: partial(built, name) for name in PERTURBATIONS}
    times = _by_turns(rounds, {"start": lambda: _built(folder, one, _CHEAP, 250), **work})
    by_name = {
        name: {"row_s": (times[name] - times["start"]) / rows, "bytes_out": round(size / rows)}
        for name, size in written.items()
    }
    return {
        "side": PICTURE,
        "rows": rows,
        "bytes_in": round(mean(map(len, pictures))),
        "by_perturbation": by_name,
        "pieces": _pieces(pictures),
    }


def _built(folder: Path, source: Path, perturbations: str, shard_rows: int) -> float:
    """Return the processor seconds of a build in one process."""
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    return _went(_command(source, out, perturbations, shard_rows)).cpu_s


def _command(source: Path, out: Path, perturbations: str, shard_rows: int) -> list[str]:
    command = [
        *PAIRWRIGHT,
        "build",
        "image_dpo",
        "--source",
        str(source),
        "--out",
        str(out),
        "--workers",
        "1",
    ]
    return [*command, "--set", f"perturbations={perturbations}", "--set", f"output.shard_rows={shard_rows}"]


def _went(command: Sequence[str]) -> Went:
    return ended_well(command, every_s=0.1)


def _by_turns(rounds: int, work: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Return the median of each, done in turns."""
    found: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds):
        for name, measured in work.items():
            found[name].append(measured())
            say(f"round {number + 1}, {name}: {found[name][-1]:.2f} s")
    return {name: median(times) for name, times in found.items()}


def write_squares(path: Path, rows: int, folder: Path) -> list[bytes]:
    """Write a table of square photographs and return them."""
    write_photographs(folder / "wide.parquet", rows, 2)
    table = pq.read_table(folder / "wide.parquet")
    squares = [_square(image["bytes"]) for image in table["image"].to_pylist()]
    images = pa.array(
        [{"bytes": data, "path": f"{n}.jpg"} for n, data in enumerate(squares)], table["image"].type
    )
    pq.write_table(
        table.set_column(table.schema.get_field_index("image"), "image", images), path, row_group_size=100
    )
    return squares


def _square(jpeg: bytes) -> bytes:
    picture = _decoded(jpeg)
    top, left = ((side - PICTURE) // 2 for side in picture.shape[:2])
    cut = picture[top : top + PICTURE, left : left + PICTURE]
    return cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def _decoded(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def _pieces(pictures: Sequence[bytes]) -> dict[str, float]:
    """Return processor seconds of the pieces of the work alone: of a picture, and of 10^6 bytes."""
    cv2.setNumThreads(1)
    decoded, number = [_decoded(data) for data in pictures], len(pictures)
    megabytes = sum(map(len, pictures)) / 1e6
    table = pa.table({"bytes": pa.array(pictures, pa.binary())})
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95]
    decode_s = _seconds(lambda: [_decoded(data) for data in pictures])
    encode_s = _seconds(lambda: [cv2.imencode(".jpg", picture, quality) for picture in decoded])
    hash_s = _seconds(lambda: [sha256(data).digest() for data in pictures])
    parquet_s = _seconds(lambda: pq.write_table(table, io.BytesIO(), use_dictionary=False))
    return {
        "decode_s": decode_s / number,
        "encode_s": encode_s / number,
        "hash_s_per_mb": hash_s / megabytes,
        "parquet_s_per_mb": parquet_s / megabytes,
    }


def _seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return median(times)


def _many(folder: Path, shards: int, rounds: int) -> dict[str, float]:
    """Return what a finished run of so many shards takes: to find out that it is finished, ``status``, the join of two slices."""
    source, out = folder / "two.parquet", folder / f"many-{shards}"
    write_pictures(source, 2)
    build = _command(source, out, _CHEAP, 1)
    _went(build)
    _multiply(out, range(shards))
    resumes = [_went(build) for _ in range(rounds)]
    statuses = [_went([*PAIRWRIGHT, "status", str(out)]).cpu_s for _ in range(rounds)]
    size = (out / manifest.NAME).stat().st_size
    shutil.rmtree(out)
    joins = [_joined(source, out, shards) for _ in range(rounds)]
    shutil.rmtree(out)
    say(
        f"{shards:,} shards: resume {resumes[0].cpu_s:.2f} s, status {statuses[0]:.2f} s, join {joins[0]:.2f} s"
    )
    return {
        "shards": shards,
        "resume_s": median(went.cpu_s for went in resumes),
        "resume_mb": max(sample.memory_mb for went in resumes for sample in went.samples),
        "status_s": median(statuses),
        "join_s": median(joins),
        "manifest_bytes": size,
    }


def _joined(source: Path, out: Path, shards: int) -> float:
    """Return the processor seconds of joining two slices of so many shards together, the process that does it included."""
    shutil.rmtree(out, ignore_errors=True)
    build = _command(source, out, _CHEAP, 1)
    _went([*build, "--shard", "0/2"])
    first, second = (out / "slices" / f"{index}-of-2" for index in (0, 1))
    shutil.copytree(first, second)
    for index, place in enumerate((first, second)):
        _multiply(place, range(index, shards, 2))
        told = json.loads((place / "run.json").read_text())
        told |= {"total": shards, "slice": f"{index}/2"}
        (place / "run.json").write_text(json.dumps(told))
    return _went([*build, "--shard", "1/2"]).cpu_s


def _multiply(out: Path, numbers: range) -> None:
    """Make a small run one of these shards, which are all links to its first one."""
    first, *others = manifest.read(out)
    for file in (file for entry in others for file in entry.files):
        (out / file.name).unlink()
    kept = [out / file.name for file in first.files]
    for path in kept:
        path.rename(out / path.name)
    entries = [_copied(first, number) for number in numbers]
    for entry in entries:
        for path, file in zip(kept, entry.files, strict=True):
            os.link(out / path.name, out / file.name)
    for path in kept:
        (out / path.name).unlink()
    manifest.replace(out, entries)


def _copied(entry: ShardEntry, number: int) -> ShardEntry:
    def renamed(file: FileEntry) -> FileEntry:
        return replace(file, name=file.name.replace(f"-{entry.shard:05d}", f"-{number:05d}"))

    return replace(entry, shard=number, start=number, files=tuple(map(renamed, entry.files)))


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = recorded_options(__doc__)
    parser.add_argument("--rows", type=int, default=4000, help="small pictures (default 4000)")
    parser.add_argument("--photographs", type=int, default=400, help="photographs (default 400)")
    parser.add_argument(
        "--shards", type=int, nargs="+", default=[1000, 4000, 16_000], help="shards of folders"
    )
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=("small", "photographs", "many_shards"),
        help="measure these alone; the file keeps what it has of the others",
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")
    given = parser.parse_args(arguments)
    if given.quick:
        given.rows, given.photographs, given.shards, given.rounds = 300, 20, [20, 40], 1
    return given


if __name__ == "__main__":
    raise SystemExit(main())

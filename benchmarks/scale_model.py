"""Say what large runs take, by what small ones took: tables for ``docs/scale.md``, made of the files in ``measured/``.

Nothing is measured here, and no result is written in it: the costs come from the files that ``scale_measure.py``,
``scale_million.py`` and ``scale_judged.py`` wrote, and what nobody can measure here (prices, limits of accounts, speeds of
GPUs) is a parameter with an assumed value.

    .venv/bin/python benchmarks/scale_model.py                          # prints the tables
    .venv/bin/python benchmarks/scale_model.py --write docs/scale.md    # puts them in place
"""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from scale_costs import Assumed, Costs, Record, calls_of, costs_of, limits_of, million_s, soonest

MEASURED = Path(__file__).resolve().parent / "measured"
HOUR = 3600.0


def fit_table(costs: Costs, million: Record) -> list[list[str]]:
    """Return what was calculated for the run that was measured, and what was measured there."""
    goes, held = million["goes"], million["held"]
    shards = held["shards"]
    pairs = {
        "processor time of both goes, s": (
            million_s(costs, million),
            goes["first"]["cpu_s"] + goes["second"]["cpu_s"],
        ),
        "processor time of the resume that finds nothing to do, s": (
            costs.resume.at(shards),
            goes["resume"]["cpu_s"],
        ),
        "processor time of `status`, s": (costs.status.at(shards), goes["status"]["cpu_s"]),
        "manifest, bytes": (costs.manifest_bytes * shards, held["manifest_bytes"]),
    }
    rows = [["what", "calculated", "measured", "ratio"]]
    return rows + [
        [name, _number(one), _number(two), f"{one / two:.2f}"] for name, (one, two) in pairs.items()
    ]


def costs_table(costs: Costs) -> list[list[str]]:
    """Return the costs that all else is calculated from."""
    told = {
        "start and end of a process that builds": _ms(costs.run_s),
        "a shard: opening, closing, hashing and forcing its files to disk": _ms(costs.shard_s),
        "entering a shard (by the clock, on a local disk)": _ms(costs.enter_s),
        "a row with a picture of 64 × 64 pixels, pixelated": _ms(costs.small_row_s),
        **{f"a photograph of 448 × 448 pixels, `{name}`": _ms(value) for name, value in costs.row_s.items()},
        "the card (in the shard and the row above): a shard, and 1,000 rows": (
            f"{_ms(costs.card_shard_s)}, {_ms(1000 * costs.card_row_s)}"
        ),
        "opening a finished run: start, and for 1,000 shards": f"{_ms(costs.resume.start)}, {_ms(1000 * costs.resume.each)}",
        "`status`: start, and for 1,000 shards": f"{_ms(costs.status.start)}, {_ms(1000 * costs.status.each)}",
        "join of two slices: start, and for 1,000 shards": f"{_ms(costs.join.start)}, {_ms(1000 * costs.join.each)}",
        "memory of a process that opens a run: start, and for 1,000 shards": (
            f"{costs.resume_mb.start:.0f} MB, {1000 * costs.resume_mb.each:.2f} MB"
        ),
        "manifest: a shard with one file": f"{costs.manifest_bytes:.0f} bytes",
        "our side of a call with a small picture, and for each MB of picture": (
            f"{_ms(costs.call_s)}, {_ms(costs.sent_s_per_mb) if costs.sent_s_per_mb else 'not to be told from what varies'}"
        ),
        "response store: a call": f"{costs.store_bytes / 1e3:.1f} kB",
    }
    return [["what", "takes"], *([name, value] for name, value in told.items())]


def pieces_table(shards: Record) -> list[list[str]]:
    """Return the pieces of a photograph's way, each measured alone."""
    pieces = shards["photographs"]["pieces"]
    told = {
        "decoding it": _ms(pieces["decode_s"]),
        "encoding it as JPEG of quality 95": _ms(pieces["encode_s"]),
        "SHA-256 of 1 MB": _ms(pieces["hash_s_per_mb"]),
        "writing 1 MB of pictures as Parquet, in memory": _ms(pieces["parquet_s_per_mb"]),
    }
    return [["piece", "takes"], *([name, value] for name, value in told.items())]


def images_table(costs: Costs, assumed: Assumed) -> list[list[str]]:
    """Return what image negatives for the pictures take, by perturbation."""
    heads = [
        "perturbation",
        "core hours",
        *(f"hours, {n} node{'s' * (n > 1)}" for n in (1, 8, 64)),
        "USD",
        "TB written",
    ]
    rows = []
    for name, row_s in costs.row_s.items():
        seconds = assumed.pictures * row_s + assumed.pictures / assumed.shard_rows * costs.shard_s
        hours = [_number(seconds / HOUR / assumed.cores / nodes) for nodes in (1, 8, 64)]
        written = assumed.pictures * costs.bytes_out[name] / 1e12
        usd = seconds / HOUR * assumed.core_hour_usd
        rows.append([f"`{name}`", _number(seconds / HOUR), *hours, _number(usd), _number(written)])
    return [heads, *rows]


def shards_table(costs: Costs, assumed: Assumed) -> list[list[str]]:
    """Return what the run folder of the pictures takes, by the size of its shards."""
    sizes = sorted({250, 1000, assumed.shard_rows, 20_000})
    heads = ["rows in a shard", *(f"{size:,}" for size in sizes)]
    numbers = [-(-assumed.pictures // size) for size in sizes]
    enter = assumed.enter_s or costs.enter_s
    rates = [size * costs.row_s[soonest(costs)] / enter for size in sizes]
    return [
        heads,
        ["shards, and data files", *(f"{n:,}" for n in numbers)],
        ["manifest, MB", *(_number(n * costs.manifest_bytes / 1e6) for n in numbers)],
        ["opening the finished run, s", *(_number(costs.resume.at(n)) for n in numbers)],
        ["`status`, s", *(_number(costs.status.at(n)) for n in numbers)],
        ["join of the slices, s", *(_number(costs.join.at(n)) for n in numbers)],
        ["memory of the process that was started, MB", *(_number(costs.resume_mb.at(n)) for n in numbers)],
        [
            "card, minutes",
            *(_number((n * costs.card_shard_s + assumed.pictures * costs.card_row_s) / 60) for n in numbers),
        ],
        ["cores that one process can enter shards for", *(_number(rate) for rate in rates)],
    ]


def judged_table(costs: Costs, assumed: Assumed) -> list[list[str]]:
    """Return what judged prompts take, by the limit of the account."""
    calls, call_s = calls_of(assumed), costs.photograph_call_s
    most = 60 / call_s
    heads = ["requests per minute", "calls under way at 2 s each", "days", "tokens sent per minute, 10⁶"]
    rows = []
    for limit in sorted((500.0, 10_000.0, most, 100_000.0)):
        rate = min(limit, most)
        mark = " (most for one process)" if limit == most else ""
        days = f"{_number(calls / rate / 1440)}" + (" (bound by one process)" if limit > most else "")
        rows.append(
            [f"{limit:,.0f}{mark}", _number(rate / 30), days, _number(rate * assumed.prompt_tokens / 1e6)]
        )
    return [heads, *rows]


def judged_sums(costs: Costs, assumed: Assumed) -> list[list[str]]:
    """Return what judged prompts take in all, whatever the limit."""
    calls, call_s = calls_of(assumed), costs.photograph_call_s
    sent, received = calls * assumed.prompt_tokens, calls * assumed.completion_tokens
    usd = sent / 1e6 * assumed.prompt_usd + received / 1e6 * assumed.completion_usd
    told = {
        "calls": f"{calls / 1e6:,.0f} million",
        "tokens sent, received": f"{sent / 1e9:,.0f}, {received / 1e9:,.0f} thousand million",
        "money at the assumed prices": f"{usd:,.0f} USD",
        "processor time of our side, in one process": f"{_number(calls * call_s / HOUR)} h",
        "`responses.sqlite`": f"{calls * costs.store_bytes / 1e9:,.0f} GB",
        "other files of the run": f"{assumed.prompts * (costs.kept_bytes + 2 * costs.bytes_in) / 1e12:,.1f} TB",
        "shards of 250 prompts, manifest": (
            f"{assumed.prompts // 250:,}, {assumed.prompts / 250 * costs.manifest_bytes * 3 / 1e6:,.0f} MB"
        ),
    }
    return [["what", "is"], *([name, value] for name, value in told.items())]


def sampling_table(assumed: Assumed) -> list[list[str]]:
    """Return what sampling the answers on GPUs of one's own takes, by the assumed speed."""
    answers = assumed.prompts * assumed.answers
    seconds = answers / assumed.gpu_answers
    rows = [
        [f"{gpus}", _number(seconds / HOUR / gpus), _number(gpus * assumed.gpu_answers)]
        for gpus in (1, 8, 64, 512)
    ]
    total = _number(seconds / HOUR * assumed.gpu_hour_usd)
    return [["GPUs", "hours", f"answers per second (all in all {total} USD)"], *rows]


def limits_table(costs: Costs, million: Record, assumed: Assumed) -> list[list[str]]:
    """Return where it breaks first: which figure passes which limit at which size."""
    limits = limits_of(costs, million, assumed)
    rows = [[one.what, f"{_round(one.at)} {one.of}", one.way] for one in limits]
    return [["what passes its limit", "at", "way around"], *rows]


def memory_table(million: Record, judged: Record) -> list[list[str]]:
    """Return how memory went while runs were at work."""
    goes = {f"a million pictures, {name} go": million["goes"][name] for name in ("first", "second")}
    goes |= {f"{judged[name]['prompts']:,} judged prompts": judged[name] for name in ("tenth", "many")}
    rows = [
        [
            name,
            *(f"{one['memory'][key]:,.0f}" for key in ("early_mb", "late_mb", "most_mb", "most_open_files")),
        ]
        for name, one in goes.items()
    ]
    return [["run", "early, MB", "late, MB", "most, MB", "open files at most"], *rows]


def machine_line(record: Record) -> str:
    """Return in a line what something was measured on."""
    told, note = record["machine"], record.get("note")
    line = f"{told['date']}, {told['cores']} cores ({told['processor']}), {told['memory_gb']:.0f} GB, Python {told['python']}"
    return f"{line}; {note}" if note else line


def blocks(measured: Path, assumed: Assumed) -> dict[str, str]:
    """Return every generated part of the page by name.

    Raises:
        FileNotFoundError: a file of measurements is missing.
    """
    shards, million, judged = (
        json.loads((measured / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("shards", "million", "judged")
    )
    costs = costs_of(shards, judged)
    tables = {
        "costs": costs_table(costs),
        "pieces": pieces_table(shards),
        "fit": fit_table(costs, million),
        "memory": memory_table(million, judged),
        "images": images_table(costs, assumed),
        "shards": shards_table(costs, assumed),
        "judged": judged_table(costs, assumed),
        "judged_sums": judged_sums(costs, assumed),
        "sampling": sampling_table(assumed),
        "limits": limits_table(costs, million, assumed),
    }
    told = {name: markdown(rows) for name, rows in tables.items()}
    machines = {"shards": shards, "million": million, "judged": judged}
    return told | {
        "machines": "\n".join(f"- `{name}.json`: {machine_line(one)}" for name, one in machines.items())
    }


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first of them headings, as a table; columns of numbers are set right.

    >>> print(markdown([["a", "b"], ["x", "1"]]))
    | a | b |
    |---|---:|
    | x | 1 |
    """
    heads, *others = rows
    columns = list(zip(*others, strict=True))
    rule = "|" + "".join("---:|" if all(cell[0].isdigit() for cell in cells) else "---|" for cells in columns)
    return "\n".join([_line(heads), rule, *map(_line, others)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def filled(page: str, parts: Mapping[str, str]) -> str:
    """Return a page with every generated part put between its two marks.

    Raises:
        ValueError: the page has marks for a part that there is none of, or lacks those of one.
    """
    found = re.findall(r"<!-- scale_model: (\w+) -->", page)
    if sorted(found) != sorted(parts):
        raise ValueError(f"the page has {sorted(found)}, and there are {sorted(parts)}")
    for name, part in parts.items():
        mark = re.escape(f"<!-- scale_model: {name} -->")
        page = re.sub(
            f"({mark}\n).*?(<!-- end -->)",
            lambda m, part=part: f"{m[1]}\n{part}\n\n{m[2]}",
            page,
            flags=re.DOTALL,
        )
    return page


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.2f} ms" if seconds < 0.1 else f"{seconds:,.2f} s"


def _number(value: float) -> str:
    """Return a number in three digits or so.

    >>> _number(0.01234), _number(3.456), _number(78.9), _number(1234.6)
    ('0.012', '3.5', '79', '1,235')
    """
    digits = 3 if value < 0.1 else 2 if value < 1 else 1 if value < 10 else 0
    return f"{value:,.{digits}f}"


def _round(value: float) -> str:
    """Return a large number in two digits.

    >>> _round(2_500_000), _round(423_456_789), _round(870)
    ('2.5 million', '420 million', '870')
    """
    if value >= 1e6:
        return f"{float(f'{value / 1e6:.2g}'):,g} million"
    return f"{float(f'{value:.2g}'):,g}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name, value in _defaults().items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(value), default=value, help=f"default {value:,}"
        )
    parser.add_argument("--measured", type=Path, default=MEASURED, help="folder of the measurements")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables in their places in a page")
    given = vars(parser.parse_args(arguments))
    measured, page = given.pop("measured"), given.pop("write")
    parts = blocks(measured, Assumed(**given))
    if page:
        page.write_text(filled(page.read_text(encoding="utf-8"), parts), encoding="utf-8")
    else:
        print("\n\n".join(f"{name}\n\n{part}" for name, part in parts.items()))
    return 0


def _defaults() -> dict[str, int | float]:
    assumed = Assumed()
    return {name: getattr(assumed, name) for name in Assumed.__dataclass_fields__}


if __name__ == "__main__":
    raise SystemExit(main())

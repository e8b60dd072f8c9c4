"""What a large run is made of, and what it takes: the calculation behind ``scale_model.py``, which makes tables of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is not measured. Each can be given on the command line."""

    pictures: int = 100_000_000
    prompts: int = 10_000_000
    cores: int = 16
    """Cores of a node."""
    shard_rows: int = 4096
    """Rows of a shard of the large run of pictures; the default of recipes is 250."""
    core_hour_usd: float = 0.04
    gpu_hour_usd: float = 3.0
    answers: int = 2
    """Answers of a prompt, each a call of its own."""
    prompt_tokens: int = 1_000
    """Tokens sent with a call, the picture among them."""
    completion_tokens: int = 200
    """Tokens received."""
    prompt_usd: float = 0.5
    """USD for a million tokens sent."""
    completion_usd: float = 2.0
    """USD for a million tokens received."""
    gpu_answers: float = 20.0
    """Answers per second of one GPU."""
    enter_s: float = 0.0
    """Seconds to enter a shard on the shared file system; 0 takes what was measured on a local disk."""


@dataclass(frozen=True, slots=True)
class Line:
    """A cost that grows with something: at none of it, and for each."""

    start: float
    each: float

    def at(self, number: float) -> float:
        """Return the cost of so many."""
        return self.start + self.each * number


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured. Seconds are of one core."""

    run_s: float
    """Start and end of a process that builds."""
    shard_s: float
    small_row_s: float
    """A row with a picture of 64 x 64 pixels."""
    enter_s: float
    """Entering a shard, by the clock: the one thing that a single process does for all."""
    card_shard_s: float
    """Share of the card in a shard; it is part of ``shard_s`` too."""
    card_row_s: float
    """Share of the card in a row."""
    row_s: Mapping[str, float]
    """A photograph, by perturbation."""
    bytes_out: Mapping[str, float]
    bytes_in: float
    """Bytes of a photograph."""
    resume: Line
    resume_mb: Line
    status: Line
    join: Line
    manifest_bytes: float
    """Of a shard with one file."""
    call_s: float
    """Our side of a call with a small picture."""
    sent_s_per_mb: float
    """More of it for each megabyte of picture."""
    store_bytes: float
    """Of a call, in the response store."""
    kept_bytes: float
    """Of a prompt, in all other files of the run, with a small picture."""

    @property
    def photograph_call_s(self) -> float:
        """Our side of a call with a photograph."""
        return self.call_s + self.sent_s_per_mb * self.bytes_in / 1e6


class Limit(NamedTuple):
    """A figure that passes its limit at some size."""

    what: str
    at: float
    of: str
    """What ``at`` counts."""
    way: str
    """Around it."""


Record = Mapping[str, Any]


def costs_of(shards: Record, judged: Record) -> Costs:
    """Return the costs that the measuring programs wrote down."""
    small, photographs, many = shards["small"], shards["photographs"], shards["many_shards"]
    by_name = photographs["by_perturbation"]
    fewer, more, large = judged["tenth"], judged["many"], judged["large_pictures"]
    call_s = (more["cpu_s"] - fewer["cpu_s"]) / (more["calls"] - fewer["calls"])
    start_s = fewer["cpu_s"] - fewer["calls"] * call_s
    sent = large["source_bytes"] / large["prompts"] - more["source_bytes"] / more["prompts"]
    large_s = (large["cpu_s"] - start_s) / large["calls"]
    return Costs(
        run_s=small["run_s"],
        shard_s=small["shard_s"],
        small_row_s=small["row_s"],
        enter_s=small["enter_s"],
        card_shard_s=small["card_shard_s"],
        card_row_s=small["card_row_s"],
        row_s={name: one["row_s"] for name, one in by_name.items()},
        bytes_out={name: one["bytes_out"] for name, one in by_name.items()},
        bytes_in=photographs["bytes_in"],
        resume=fitted(many, "resume_s"),
        resume_mb=fitted(many, "resume_mb"),
        status=fitted(many, "status_s"),
        join=fitted(many, "join_s"),
        manifest_bytes=many[-1]["manifest_bytes"] / many[-1]["shards"],
        call_s=call_s,
        sent_s_per_mb=max(0.0, large_s - call_s) / (sent / 1e6),
        store_bytes=more["store_bytes"] / more["calls"],
        kept_bytes=more["other_bytes"] / more["prompts"],
    )


def fitted(seen: Sequence[Record], key: str) -> Line:
    """Return the line through what was seen with several numbers of shards, by least squares.

    >>> fitted([{"shards": 1000, "s": 3.0}, {"shards": 3000, "s": 7.0}], "s")
    Line(start=1.0, each=0.002)
    """
    numbers = [float(one["shards"]) for one in seen]
    values = [float(one[key]) for one in seen]
    mean_number, mean_value = sum(numbers) / len(seen), sum(values) / len(seen)
    spread = sum((number - mean_number) ** 2 for number in numbers)
    together = sum((n - mean_number) * (v - mean_value) for n, v in zip(numbers, values, strict=True))
    each = together / spread
    return Line(mean_value - each * mean_number, each)


def million_s(costs: Costs, million: Record) -> float:
    """Return the processor seconds that a run over small pictures should take, killed once and gone on with."""
    starts = 2 * million["workers"]
    rows, shards = million["rows"], million["held"]["shards"]
    return starts * costs.run_s + shards * costs.shard_s + rows * costs.small_row_s


def calls_of(assumed: Assumed) -> float:
    """Return the calls for all prompts: one for each answer, and two for each pair of them, one in each order."""
    compared = assumed.answers * (assumed.answers - 1) / 2
    return assumed.prompts * (assumed.answers + 2 * compared)


def growth(validated: Record, rows: int) -> float:
    """Return by how many bytes a row memory grew while a run was validated."""
    held = [sample[1] for sample in validated["second_mb_files_cpu"] if sample[1] > 0]
    start = held[len(held) // 20]
    return max(0.0, (max(held) - start) * 1e6 / rows)


def soonest(costs: Costs) -> str:
    """Return the perturbation that is done soonest: shards then come fastest."""
    return min(costs.row_s, key=lambda name: costs.row_s[name])


def limits_of(costs: Costs, million: Record, assumed: Assumed) -> list[Limit]:
    """Return where it breaks first: which figure passes which limit at which size."""
    return [*_limits_of_shards(costs, assumed), *_limits_of_calls(costs), *_limits_of_rows(million)]


def _limits_of_shards(costs: Costs, assumed: Assumed) -> list[Limit]:
    fast, enter = soonest(costs), assumed.enter_s or costs.enter_s
    return [
        Limit(
            "files in one folder of the Hub, 10,000",
            250 * 10_000,
            "rows at 250 a shard",
            "`output.shard_rows` up to 100,000",
        ),
        Limit(
            "opening a run takes a minute",
            (60 - costs.resume.start) / costs.resume.each,
            "shards",
            "larger shards, or several runs that `merge` brings together",
        ),
        Limit(
            "the process that was started holds 2 GB",
            (2000 - costs.resume_mb.start) / costs.resume_mb.each,
            "shards",
            "the same",
        ),
        Limit(
            "one process enters shards as fast as they come, at 250 rows",
            250 * costs.row_s[fast] / enter,
            f"cores on `{fast}`",
            "larger shards, or `--shard i/n`: each slice enters its own",
        ),
        Limit(
            "the card takes an hour",
            3600 / (costs.card_row_s + costs.card_shard_s / 250),
            "rows at 250 a shard",
            "it is written last, and again by the same command",
        ),
    ]


def _limits_of_calls(costs: Costs) -> list[Limit]:
    return [
        Limit(
            "one process on our side of calls is busy",
            60 / costs.call_s,
            "calls a minute, small pictures",
            "`--shard i/n`, with the limits divided",
        ),
        Limit(
            "`responses.sqlite` fills a disk of 1 TB",
            1e12 / costs.store_bytes,
            "calls",
            "slices have a store each",
        ),
    ]


def _limits_of_rows(million: Record) -> list[Limit]:
    """Return nothing where validating did not take more memory with the rows, or was not measured."""
    validated = million["goes"].get("validate")
    row_bytes = growth(validated, million["rows"]) if validated else None
    if not row_bytes:
        return []
    way = "validate files, or slices, by themselves"
    return [Limit("`validate` holds 16 GB of ids", 16e9 / row_bytes, "rows", way)]

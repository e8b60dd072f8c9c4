"""What a run folder holds, in numbers: the one source of ``pairwright show``, the report and the dataset card."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pairwright.annotators.pixels import MeasureName
from pairwright.runs import manifest
from pairwright.runs.candidates import Candidates, CandidateSummary, candidate_summary
from pairwright.runs.contents import MEASURES, Contents, Negatives, add_file
from pairwright.runs.files import Files, FilesIn
from pairwright.runs.manifest import Counts, FileEntry, ShardEntry
from pairwright.runs.measured import MeasuredSummary, measured_summary
from pairwright.runs.on_policy import RoundsSummary, rounds_summary
from pairwright.runs.readback import (
    RejectExample,
    RunInfo,
    is_torn,
    read_reject_examples,
    read_run,
)
from pairwright.runs.seen import SeenSpread, seen_spreads
from pairwright.runs.spread import Axis, Spread, axis_of
from pairwright.runs.style import StyleSummary, style_summary
from pairwright.runs.text_pairs import TextPairSummary, text_pair_summary
from pairwright.schemas.candidate_table import FOLDERS as CANDIDATES_FOLDERS
from pairwright.schemas.pair import FOLDERS
from pairwright.schemas.reasons import EXPLANATIONS

CANDIDATES = "candidates"
"""Config whose rows are prompts with all their answers, not pairs."""

CONFIGS: Mapping[str, tuple[str, ...]] = {
    "default": (FOLDERS["text"],),
    "visual_negative": (FOLDERS["image"],),
    CANDIDATES: CANDIDATES_FOLDERS,
}
"""Configs of the data set, each with its folders, the default one first."""

_SCOPES = ("row", "candidate", "pair", "negative")
"""Scopes of rejects in the order in which they are told."""

EXAMPLES = 3
"""Rejects shown of each reason."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many pairs have a value."""

    name: str | None
    """The value; None for pairs that have none."""
    pairs: int
    share: float
    """Part of all pairs, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Config:
    """One config of the data set."""

    name: str
    folders: tuple[str, ...]
    """Those in which it has files."""
    rows: int
    bytes: int
    files: tuple[FileEntry, ...]
    """Folder by folder, and in each shard by shard."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a perturbation's negatives."""

    name: str
    spread: Spread


@dataclass(frozen=True, slots=True)
class Drawn:
    """Values that were drawn for one parameter."""

    name: str
    unit: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PerturbationSummary:
    """The negatives of one perturbation."""

    name: str
    negatives: int
    """Changed pictures; a pair has one for each picture of its prompt."""
    parameters: tuple[Drawn, ...]
    measures: tuple[Measure, ...]
    """In pixels."""
    seen: tuple[SeenSpread, ...]
    """By encoders."""

    def measure(self, name: str) -> Spread | None:
        """Return the spread of one measure in pixels, or None where no negative has it."""
        return next((measure.spread for measure in self.measures if measure.name == name), None)


@dataclass(frozen=True, slots=True)
class RejectSummary:
    """The rejects of one reason."""

    scope: str
    """``row``: the whole source row, which gave no pair. ``negative``, ``candidate``, ``pair``: one of these, of any row."""
    reason: str
    count: int
    explanation: str
    examples: tuple[RejectExample, ...]


@dataclass(frozen=True, slots=True)
class Sides:
    """Smallest, median and largest side length, in pixels."""

    min: int
    median: int
    max: int


@dataclass(frozen=True, slots=True)
class PictureSummary:
    """Pictures of the prompts, each counted as often as it stands in a pair."""

    n: int
    shorter: Sides | None
    longer: Sides | None
    formats: tuple[tuple[str, int], ...]
    """(format, pictures), the most frequent first."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that a reader of a run is told."""

    folder: str
    """Name of the run folder, without its path."""
    run: RunInfo
    finished: bool
    shards: int
    """Finished shards."""
    rows: int
    """Source rows read by the finished shards: ``paired`` + ``rejected``."""
    paired: int
    """Rows that gave at least one pair."""
    rejected: int
    pairs: int
    kinds: tuple[tuple[str, int], ...]
    """(pair kind, pairs)."""
    configs: tuple[Config, ...]
    perturbations: tuple[PerturbationSummary, ...]
    text_pairs: TextPairSummary | None
    """Pairs of kind text; None where there are none."""
    candidates: CandidateSummary | None
    """What pairs were formed from, where that is kept."""
    rounds: RoundsSummary | None
    """Rounds of self-training; None for a run that knows one only."""
    style: StyleSummary | None
    """Whether style tells the sides apart; None where there are too few text pairs for it."""
    measured: MeasuredSummary | None
    """What pairs owe to their pictures; None where nobody measured it."""
    rejects: tuple[RejectSummary, ...]
    pictures: PictureSummary
    licenses: tuple[Share, ...]
    """Licences of rows and their pictures. A pair with two counts under both, so shares may add up to more than 1."""
    sources: tuple[Share, ...]
    languages: tuple[Share, ...]
    problems: tuple[str, ...]
    """What is wrong with the folder, one line each; empty for a sound one."""


def summarize(folder: str | Path, files: Files | None = None) -> Summary:
    """Return the summary of a run folder, finished or not.

    Reads the manifest and the small columns of every data file it names, a few thousand rows at a time; no picture
    is read. ``files`` are the data files, where they are not in the folder.

    Raises:
        RunError: the folder holds no run, or its records cannot be read.
    """
    folder = Path(folder)
    files = files or FilesIn(folder)
    run, shards = read_run(folder), manifest.read(folder)
    counts = manifest.total(shards)
    configs = _configs(shards)
    contents = Contents(default_license=run.license, candidates=Candidates(run.right_at))
    problems = _manifest_problems(folder, counts)
    for config in configs:
        problems += [problem for file in config.files if (problem := add_file(contents, files, file))]
    rejects, reject_problems = _rejects(files, shards)
    return Summary(
        folder=folder.resolve().name,
        run=run,
        finished=run.status == "finished",
        shards=len(shards),
        rows=counts.rows,
        paired=counts.paired,
        rejected=counts.rejected,
        pairs=sum(counts.pairs.values()),
        kinds=tuple(counts.pairs.items()),
        configs=configs,
        perturbations=_perturbations(contents),
        text_pairs=text_pair_summary(contents.text_pairs),
        candidates=candidate_summary(contents.candidates),
        rounds=rounds_summary(contents.rounds, contents.candidates.rounds, run.round),
        style=style_summary(folder, files),
        measured=measured_summary(contents.measured),
        rejects=rejects,
        pictures=_pictures(contents),
        licenses=_shares(contents.licenses, contents.rows),
        sources=_shares(contents.sources, contents.rows),
        languages=_shares(contents.languages, contents.rows),
        problems=(*problems, *reject_problems),
    )


def _manifest_problems(folder: Path, counts: Counts) -> list[str]:
    problems = []
    if is_torn(folder):
        problems.append("the last line of manifest.jsonl is cut short: its shard counts as not done")
    if counts.rows != counts.paired + counts.rejected:
        problems.append(
            f"the manifest counts {counts.rows:,} source rows, but {counts.paired:,} with pairs"
            f" and {counts.rejected:,} rejects"
        )
    return problems


def _configs(shards: Sequence[ShardEntry]) -> tuple[Config, ...]:
    configs = []
    for name, folders in CONFIGS.items():
        by_folder = {folder: manifest.parquet_files(shards, (folder,)) for folder in folders}
        there = tuple(folder for folder in folders if by_folder[folder])
        files = tuple(file for folder in there for file in by_folder[folder])
        if files:
            configs.append(
                Config(name, there, sum(x.rows for x in files), sum(x.bytes for x in files), files)
            )
    return tuple(configs)


def _perturbations(contents: Contents) -> tuple[PerturbationSummary, ...]:
    axes: Mapping[MeasureName, Axis] = {x: _axis(x, contents.negatives.values()) for x in MEASURES}
    made = []
    for name, negatives in sorted(contents.negatives.items()):
        spreads = ((measure, tally.spread(axes[measure])) for measure, tally in negatives.measures.items())
        made.append(
            PerturbationSummary(
                name=name,
                negatives=negatives.n,
                parameters=tuple(
                    Drawn(parameter, unit, low, high)
                    for parameter, (unit, low, high) in negatives.parameters.items()
                ),
                measures=tuple(Measure(measure, spread) for measure, spread in spreads if spread),
                seen=seen_spreads(negatives.seen, [one.seen for one in contents.negatives.values()]),
            )
        )
    return tuple(made)


def _axis(measure: MeasureName, negatives: Iterable[Negatives]) -> Axis:
    return MEASURES[measure].axis or axis_of(one.measures[measure] for one in negatives)


def _rejects(files: Files, shards: Sequence[ShardEntry]) -> tuple[tuple[RejectSummary, ...], tuple[str, ...]]:
    examples, problems = read_reject_examples(files, shards, EXAMPLES)
    explained: Mapping[str, str] = {str(reason): text for reason, text in EXPLANATIONS.items()}
    found = [
        RejectSummary(scope, reason, count, explained.get(reason, ""), examples[scope, reason])
        for (scope, reason), count in manifest.by_reason(manifest.total(shards).rejects).items()
    ]
    return tuple(sorted(found, key=_place)), problems


def _place(one: RejectSummary) -> tuple[int, int, str]:
    known = one.scope in _SCOPES
    return _SCOPES.index(one.scope) if known else len(_SCOPES), -one.count, one.reason


def _pictures(contents: Contents) -> PictureSummary:
    formats = sorted(contents.formats.items(), key=lambda pair: (-pair[1], pair[0]))
    return PictureSummary(
        n=contents.shorter.total(),
        shorter=_sides(contents.shorter),
        longer=_sides(contents.longer),
        formats=tuple(formats),
    )


def _sides(counts: Counter[int]) -> Sides | None:
    if not counts:
        return None
    middle, passed = (counts.total() + 1) // 2, 0
    for side in sorted(counts):
        passed += counts[side]
        if passed >= middle:
            return Sides(min(counts), side, max(counts))
    raise AssertionError("half of a count is never more than the count")


def _shares(counts: Counter[str | None], rows: int) -> tuple[Share, ...]:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0] is None, pair[0] or ""))
    return tuple(Share(name, count, count / rows) for name, count in ordered)

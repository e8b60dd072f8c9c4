"""Overwriting: one answer rewritten twice, topic by topic, once with what is right and once with what is wrong.

After TPO (Topic-level Preference Overwriting, arXiv 2411.17265). The claims of all answers of a row are put in topics. Of the
answers that speak of enough topics with a right and a wrong claim, the one that needs the fewest repairs is rewritten
with the best claim of each, and again with the worst. The two texts differ in these claims and in little else.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

from pydantic import Field

from pairwright.annotators import Case
from pairwright.annotators._open_questions import (
    Interview,
    OpenAnswers,
    OpenQuestions,
    interview_marks,
    prepare_interview,
)
from pairwright.annotators._topics import Grouper, Grouping, grouper_marks, prepare_grouper
from pairwright.builders import Asks, Run
from pairwright.builders._alternatives import Alternatives, asked_again, raise_failed
from pairwright.builders._at_once import at_once
from pairwright.builders._claiming import SPLITTER, Claiming
from pairwright.builders._parts import prepared
from pairwright.builders._roles import played
from pairwright.builders._text_pair import Group, Judged
from pairwright.builders._topics import (
    Statement,
    Topic,
    contested,
    fewest_repairs,
    said_of,
    statements,
    with_topics,
)
from pairwright.builders._writers import Writer
from pairwright.correctors import Rewritten, Task
from pairwright.correctors._asking import same_words
from pairwright.correctors._spans import changed
from pairwright.correctors._tips import Overwrite, RewriteBy, Tip, prepare_tips, tips_marks
from pairwright.pairings._forming import FormWithin, PairingSettings, prepare_within
from pairwright.samplers import Model
from pairwright.schemas.candidate import Candidate, Side
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.reject import Reject
from pairwright.schemas.seeds import generator
from pairwright.schemas.settings import Settings

OVERWRITE = "overwrite"
"""Where the block stands in the parameters, and what provenance calls the rule by which such pairs are formed."""

REWRITER = "overwrite.rewriter"
"""Where the model stands in the parameters."""

OVERWRITTEN, WHOLE_ANSWERS = ("overwritten",), ("whole_answers",)
"""Tags of pairs, by how they were made."""


class RewriterSettings(Model):
    """Who rewrites answers and answers open questions. Without ``model`` it is that of ``samplers.0``."""

    params: Overwrite = Overwrite()
    """How it is asked to rewrite."""


class Overwriting(Settings):
    """How answers are overwritten."""

    topics: Annotated[int, Field(ge=1)] = 3
    """Topics with both a right and a wrong claim that the answer must speak of. Where none speaks of so many, whole answers
    are paired."""
    grouping: Grouping = Grouping()
    """How claims are put in topics, by the splitter's model."""
    alternatives: bool = False
    """Whether each claim is made an open question, which the rewriter's model answers by the pictures: another claim of
    the same topic, and the labeler says whether it is right."""
    questions: OpenQuestions = OpenQuestions()
    """How open questions are asked for, of the splitter's model."""
    answers: OpenAnswers = OpenAnswers()
    """How the rewriter's model is asked to answer them."""
    rewriter: RewriterSettings = RewriterSettings()
    """Who rewrites the answer."""


@dataclass(frozen=True, slots=True)
class Overwritten:
    """What came of a row."""

    judged: Judged
    """With the topics of claims; where an answer was overwritten, with both texts as the last two candidates."""
    group: Group | None = None
    """The pair of both texts; None where nothing could be overwritten."""
    rejects: tuple[Reject, ...] = ()
    """Why not, and what was lost on the way, of scope ``pair``."""


@dataclass(frozen=True, slots=True)
class Overwriter:
    """All that was checked."""

    settings: Overwriting
    run: Run
    model: str | None
    """Name of the rewriter's model."""
    claiming: Claiming
    grouper: Grouper
    interview: Interview
    rewrite: RewriteBy
    form: FormWithin
    judged_by: tuple[Mapping[str, str], ...]
    """Who put claims in topics and asked openly, for provenance."""


def prepare_overwriting(
    settings: Overwriting,
    samplers: Sequence[Writer],
    pairing: PairingSettings,
    *,
    claiming: Claiming,
    run: Run,
) -> Overwriter:
    """Check the block once.

    Args:
        settings: the block.
        samplers: who writes candidates.
        pairing: how whole answers are paired.
        claiming: splitter and labeler.
        run: the run.

    Raises:
        ParameterError: a prompt cannot be used, or the block says how a model is reached but not which one.
    """
    try:
        grouper = prepare_grouper(settings.grouping)
    except ParameterError as error:
        raise ParameterError(f"{OVERWRITE}.grouping.{error}") from error
    try:
        interview = prepare_interview(settings.questions, settings.answers)
    except ParameterError as error:
        raise ParameterError(f"{OVERWRITE}.{error}") from error
    rewriter = overwriting_models(settings, samplers)[REWRITER]
    # The two texts were made to be a pair: of the recipe's pairing only the limits on length and the rounds apply.
    sides = pairing.model_copy(update={"rule": "sides", "params": {}, "similarity": 1.0})
    return Overwriter(
        settings,
        run,
        rewriter.model,
        claiming,
        grouper,
        interview,
        prepared(partial(prepare_tips, settings.rewriter.params), REWRITER),
        prepare_within(sides, run.round),
        tuple(_judged_by(settings, claiming, grouper, interview, rewriter.model)),
    )


def overwriting_models(settings: Overwriting, samplers: Sequence[Writer]) -> dict[str, Model]:
    """Return the model of the block, by where it stands in the parameters. Raises ParameterError as ``played``."""
    return {REWRITER: played(settings.rewriter, samplers, REWRITER)}


def overwriting_marks(settings: Overwriting) -> dict[str, str]:
    """Return the SHA-256 of each prompt file, by the key that names it. Raises ParameterError for one that cannot be read."""
    marks = {f"{REWRITER}.params.{key}": one for key, one in tips_marks(settings.rewriter.params).items()}
    marks |= {f"{OVERWRITE}.grouping.{key}": one for key, one in grouper_marks(settings.grouping).items()}
    asked = interview_marks(settings.questions, settings.answers)
    return marks | {f"{OVERWRITE}.{key}": one for key, one in asked.items()}


async def overwritten(
    bench: Overwriter, judged: Judged, among: Sequence[int], case: Case, asks: Asks
) -> Overwritten:
    """Return the pair of an answer overwritten twice, or why there is none.

    Args:
        bench: all that was checked.
        judged: the row with its candidates and their claims, which were judged.
        among: numbers of the candidates that may be overwritten; at least one.
        case: the row as models are shown it.
        asks: ways to ask the models.

    Raises:
        RowError: ``call_failed`` where a call failed that may succeed later: the row would give another pair.
    """
    said = statements(claim for one in judged.candidates for claim in one.claims)
    others = Alternatives()
    if bench.settings.alternatives:
        others = await asked_again(bench.interview, bench.claiming, REWRITER, said, case=case, asks=asks)
    everything = {**said, **{key: one.statement for key, one in others.found.items()}}
    try:
        _check_sides(bench.settings.topics, everything.values())
        numbers = await bench.grouper.group(case, [one.text for one in said.values()], asks[SPLITTER])
    except RowError as error:
        return _not_overwritten(judged, [*others.lost, _placed(error, f"{OVERWRITE}.grouping")])
    topics = dict(zip(said, numbers, strict=True))
    judged = replace(judged, candidates=tuple(with_topics(one, topics) for one in judged.candidates))
    topics |= {key: topics[one.of] for key, one in others.found.items()}
    try:
        two = await _rewritten_twice(bench, judged, among, contested(everything, topics), asks)
    except RowError as error:
        return _not_overwritten(judged, [*others.lost, _placed(error, REWRITER)])
    return _formed(bench, judged, two, others.lost)


async def _rewritten_twice(
    bench: Overwriter, judged: Judged, among: Sequence[int], topics: Sequence[Topic], asks: Asks
) -> tuple[Candidate, Candidate]:
    """Return an answer with the best claim of each topic, and with the worst. Raises RowError where there is no such text."""
    number = _answer(bench.settings.topics, judged, among, topics)
    own = _spoken_of(judged.candidates[number], topics)
    rewrites = [_Rewrite(number, "chosen", own), _Rewrite(number, "rejected", own)]
    texts = await at_once(partial(_text, bench, judged, one, asks) for one in rewrites)
    failed = sorted(
        (one for one in texts if isinstance(one, RowError)), key=lambda one: one.reason != "call_failed"
    )
    if failed:
        raise RowError(failed[0].reason, REWRITER, f"rewriting answer {number}: {failed[0].message}")
    better, worse = (one for one in texts if isinstance(one, Rewritten))
    if same_words(better.text, worse.text):
        raise RowError("equal_answers", REWRITER, f"both rewrites of answer {number} say the same")
    worse_spans, better_spans = changed(worse.text, better.text)
    made = zip(rewrites, (better, worse), (better_spans, worse_spans), strict=True)
    chosen, rejected = (
        replace(_candidate(bench, judged, rewrite, text), spans=spans) for rewrite, text, spans in made
    )
    return chosen, rejected


@dataclass(frozen=True, slots=True)
class _Rewrite:
    """One of the two texts that are to be made."""

    number: int
    """Of the answer that is rewritten."""
    side: Side
    topics: Sequence[Topic]

    def statement(self, topic: Topic) -> Statement:
        """Return what the text has to say of a topic."""
        return topic.best if self.side == "chosen" else topic.worst


def _answer(least: int, judged: Judged, among: Sequence[int], topics: Sequence[Topic]) -> int:
    """Return the number of the answer that is rewritten. Raises RowError ``few_topics`` where none speaks of enough topics."""
    counts = {
        number: len(_spoken_of(judged.candidates[number], topics))
        for number in among
        if judged.candidates[number].side == "any"
    }
    able = [number for number, count in counts.items() if count >= least]
    if not able:
        told = f"{len(topics)} topics have both a right and a wrong claim, and no answer speaks of more than {max(counts.values(), default=0)}"
        raise RowError("few_topics", f"{OVERWRITE}.topics", f"{told} of them; {least} are wanted")
    return fewest_repairs(judged.candidates, able)


def _spoken_of(answer: Candidate, topics: Sequence[Topic]) -> list[Topic]:
    return [one for one in topics if said_of(answer, one.number)]


async def _text(bench: Overwriter, judged: Judged, rewrite: _Rewrite, asks: Asks) -> Rewritten:
    row, answer = judged.row, judged.candidates[rewrite.number]
    tips = [Tip(said_of(answer, one.number), rewrite.statement(one).text) for one in rewrite.topics]
    task = Task(row.record_id, bench.run.seed, f"{OVERWRITE} {rewrite.side}", row.prompt, answer.text)
    return await bench.rewrite(task, tips, asks[REWRITER])


def _candidate(bench: Overwriter, judged: Judged, rewrite: _Rewrite, text: Rewritten) -> Candidate:
    answer = judged.candidates[rewrite.number]
    told = {
        "corrector": REWRITER,
        "prompt": text.prompt,
        "of": rewrite.number,
        "original": answer.text,
        "tips": [_told(answer, rewrite, topic) for topic in rewrite.topics],
    }
    params = json.dumps(told, ensure_ascii=False)
    return Candidate(text.text, bench.model, rewrite.side, params=params, round=bench.run.round)


def _told(answer: Candidate, rewrite: _Rewrite, topic: Topic) -> dict[str, object]:
    statement = rewrite.statement(topic)
    return {
        "topic": topic.number,
        "said": list(said_of(answer, topic.number)),
        "to_say": statement.text,
        "probability": statement.probability,
        "from": "alternative" if statement.alternative else "answers",
    }


def _formed(
    bench: Overwriter, judged: Judged, two: tuple[Candidate, Candidate], lost: Sequence[RowError]
) -> Overwritten:
    """Return the pair of both texts, which stand behind all other candidates, so that nobody's number changes."""
    everyone = (*judged.line.followed_by_the_rest(judged.candidates), *two)
    first = len(everyone) - 2
    rng = generator(bench.run.seed, judged.row.record_id, "pairing")
    formed = bench.form(everyone, [(first, first + 1)], rng)
    if formed.why_none:
        why = RowError(formed.why_none.reason, REWRITER, formed.why_none.message)
        return _not_overwritten(judged, [*lost, why])
    with_both = replace(
        judged,
        line=replace(judged.line, candidates=everyone),
        candidates=everyone,
        judged_by=(*judged.judged_by, *bench.judged_by),
    )
    rejects = tuple(_reject(judged, one) for one in lost)
    return Overwritten(with_both, Group(formed, OVERWRITTEN, margins=False), rejects)


def _not_overwritten(judged: Judged, faults: Sequence[RowError]) -> Overwritten:
    """Return a row whose whole answers are paired. Raises RowError where the last fault may be gone at the next run."""
    raise_failed(faults[-1])
    told = f"{faults[-1].message}; whole answers are paired"
    last = RowError(faults[-1].reason, faults[-1].field, told)
    return Overwritten(judged, rejects=tuple(_reject(judged, one) for one in (*faults[:-1], last)))


def _reject(judged: Judged, fault: RowError) -> Reject:
    row = judged.row
    return Reject(row.record_id, fault.reason, "pair", fault.field, fault.message, row.source_id)


def _check_sides(topics: int, said: Iterable[Statement]) -> None:
    """Check that there may be enough topics with both. Raises RowError ``few_topics``: then nobody is asked for them."""
    sides = [one.right for one in said]
    right, wrong = sides.count(True), sides.count(False)
    if min(right, wrong) < topics:
        told = f"{right} right and {wrong} wrong claims; {topics} topics with both are wanted"
        raise RowError("few_topics", f"{OVERWRITE}.topics", told)


def _placed(error: RowError, place: str) -> RowError:
    return RowError(error.reason, error.field or place, error.message)


def _judged_by(
    settings: Overwriting, claiming: Claiming, grouper: Grouper, interview: Interview, rewriter: str | None
) -> Iterator[Mapping[str, str]]:
    splitter = claiming.judged_by[0]["name"]
    yield {"name": splitter, "kind": f"{OVERWRITE}.grouping", "prompt": grouper.mark}
    if settings.alternatives:
        asking, answering = interview.marks
        yield {"name": splitter, "kind": f"{OVERWRITE}.questions", "prompt": asking}
        yield {"name": rewriter or REWRITER, "kind": f"{OVERWRITE}.answers", "prompt": answering}

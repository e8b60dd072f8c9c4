"""Counting text pairs and candidates: who wrote, by how much answers differ, and what was said of them."""

import json
import random
import string
import tracemalloc
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairwright.pairings._lengths import length
from pairwright.runs.contents import Contents, add_file
from pairwright.runs.endpoints import bare_endpoint, public_host, public_name
from pairwright.runs.files import FilesIn
from pairwright.runs.know_before import warnings
from pairwright.runs.manifest import FileEntry
from pairwright.runs.spread import MOST_POINTS, Tally, axis_of
from pairwright.runs.summary import summarize
from pairwright.runs.text_pairs import MOST_SHOWN, words
from pairwright.runs.wording import rejects_about, unparsed
from pairwright.schemas.candidate import Comparison
from pairwright.schemas.candidate_table import CANDIDATES_SCHEMA
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.reject import Reject


def test_text_pairs_are_counted_by_model_margin_and_length(judged_run):
    pairs = summarize(judged_run).text_pairs
    assert pairs is not None
    assert {(one.chosen, one.rejected): one.pairs for one in pairs.models} == {
        ("writer-b", None): 2,
        ("writer-b", "writer-a"): 1,
        ("writer-a", "writer-b"): 1,
    }
    assert pairs.margin is not None
    assert (pairs.margin.n, pairs.margin.min, pairs.margin.max) == (4, 1.0, 3.5)
    assert (pairs.words_chosen.max, pairs.words_rejected.max) == (18, 3)
    assert (pairs.chosen_longer, pairs.equally_long) == (0.5, 0.5)
    assert [(judge.name, judge.kind, judge.prompt, judge.pairs) for judge in pairs.judges] == [
        ("judge-vlm", "listwise", "listwise v1 #0c1d2e3f", 4)
    ]
    assert pairs.rules == (("best_worst", 4),)


def test_more_models_than_are_shown_are_counted_together(make_judged_run, judged, candidate):
    results = [
        judged([candidate("a b", 1.0, model=f"m{n}"), candidate("c d", 2.0, model=f"n{n}")], number=n)
        for n in range(MOST_SHOWN + 5)
    ]
    pairs = summarize(make_judged_run(results)).text_pairs
    assert pairs is not None
    assert (len(pairs.models), pairs.more_models) == (MOST_SHOWN, 5)


@pytest.mark.parametrize(
    ("chosen", "rejected", "warned"),
    [("one two three four five six", "one two three four five", False), ("a b c d e f g", "a b c d e", True)],
)
def test_longer_chosen_answers_are_warned_of_above_a_fifth(
    make_judged_run, judged, candidate, chosen, rejected, warned
):
    built = judged([candidate(chosen, 2.0), candidate(rejected, 1.0)])
    told = warnings(summarize(make_judged_run([built])))
    assert bool(told) == warned
    if warned:
        assert told[0].startswith(
            "Chosen answers are 40 % longer than rejected ones on average (7 and 5 words)"
        )


def test_candidates_are_counted_by_model_with_win_rates(judged_run):
    told = summarize(judged_run).candidates
    assert told is not None
    assert (told.prompts, told.answers, told.scored) == (5, 12, 11)
    by_name = {one.model: one for one in told.models}
    assert by_name["writer-a"].mean_score == pytest.approx((2.0 * 2 + 3.0 + 1.5 + 4.0) / 5)
    # writer-b: over both others in two prompts, a tie and a win in the third, below one in the fourth
    assert (by_name["writer-b"].win_rate, by_name["writer-b"].met) == (pytest.approx(5.5 / 7), 7)
    assert by_name[None].win_rate == 0.0
    assert dict(told.finishes) == {"stop": 4, "length": 2}
    assert [(one.scorer, one.aspect, one.answers, one.low, one.high, one.right) for one in told.rated] == [
        ("judge-vlm", "helpfulness", 11, 1.0, 5.0, None),
        ("judge-vlm", "visual_faithfulness", 11, 1.0, 5.0, None),
    ]


def test_answers_without_scores_win_by_verdicts(make_judged_run, judged, candidate):
    answers = [
        candidate("a", None, model="x"),
        candidate("b", None, model="y"),
        candidate("c", None, model="x"),
    ]
    outcomes = ["first", "tie", "second", "cannot_judge"]
    said = [Comparison(0, 1, outcome, "j") for outcome in outcomes] + [Comparison(0, 2, "first", "j")]
    told = summarize(make_judged_run([judged(answers, comparisons=said)])).candidates
    assert told is not None
    assert {one.model: (one.win_rate, one.met) for one in told.models} == {"x": (0.5, 3), "y": (0.5, 3)}
    [compared] = told.compared
    assert (compared.decided, compared.ties, compared.cannot_judge, compared.verdicts) == (3, 1, 1, 5)


@pytest.mark.parametrize(("right_at", "right"), [(None, 2), (0.9, 1)])
def test_verifiers_tell_right_wrong_and_unparsable(make_judged_run, judged, candidate, right_at, right):
    def checked(text: str, value: float):
        return replace(
            candidate(text, value), judgements=(Judgement("candidate", "anls", "correct", value, 0.0, 1.0),)
        )

    reject = Reject("questions.jsonl:0", "answer_unparsable", "candidate", "verifiers", "answer 4: no answer")
    built = judged(
        [checked("a", 1.0), checked("b", 0.6), checked("c", 0.0), candidate("d", None)], rejects=[reject]
    )
    folder = make_judged_run([built])
    if right_at is not None:
        told = json.loads((folder / "run.json").read_text())
        told["recipe"]["parameters"]["right_at"] = right_at
        (folder / "run.json").write_text(json.dumps(told))
    summary = summarize(folder)
    assert summary.candidates is not None
    [rated] = summary.candidates.rated
    assert (rated.answers, rated.right, unparsed(summary)) == (3, right, 1)


def test_agreement_counts_answers_of_which_both_prefer_one(make_judged_run, judged, candidate):
    def heard(text: str, judge: float, person: float):
        said = [
            Judgement("candidate", name, "overall", value) for name, value in (("j", judge), ("p", person))
        ]
        return replace(candidate(text, judge), judgements=tuple(said))

    answers = [heard("a", 3.0, 2.0), heard("b", 2.0, 1.0), heard("c", 1.0, 1.5)]
    said = [Comparison(1, 0, "second", "q"), Comparison(0, 2, "tie", "q")]
    told = summarize(make_judged_run([judged(answers, comparisons=said)])).candidates
    assert told is not None
    # j and p: a over b, a over c alike, b and c not; q prefers a over b, as both do, and ties say nothing
    assert {(one.one, one.other): (one.agreed, one.compared) for one in told.agreeing} == {
        ("j", "p"): (2, 3),
        ("j", "q"): (1, 1),
        ("p", "q"): (1, 1),
    }


def test_the_lower_place_in_a_ranking_is_the_better_one(make_judged_run, judged, candidate):
    def placed(text: str, fit: float, rank: float):
        said = [Judgement("candidate", "clip", "image_text", fit, -100.0, 100.0)]
        said.append(Judgement("candidate", "sentence_tree", "rank", rank, 0.0, 1.0))
        return replace(candidate(text, -rank), judgements=tuple(said))

    answers = [placed("a", 30.0, 0.2), placed("b", 20.0, 0.6), placed("c", 10.0, 1.0)]
    told = summarize(make_judged_run([judged(answers)])).candidates
    assert told is not None
    [one] = told.agreeing
    assert (one.agreed, one.compared) == (3, 3)


def test_no_text_of_a_candidate_is_read(judged_run, monkeypatch):
    asked = {}
    iterate = pq.ParquetFile.iter_batches

    def spy(self, *args, columns=None, **kwargs):
        for batch in iterate(self, *args, columns=columns, **kwargs):
            if "candidates" in batch.schema.names:
                asked.update({field.name: field.type for field in batch.schema})
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    summarize(judged_run)
    assert set(asked) == {"candidates", "comparisons", "annotations"}
    read = str(asked)
    assert "score" in read
    assert "text" not in read
    assert "rationale" not in read


def test_memory_does_not_follow_the_prompts(judged_run, tmp_path):
    path = next((judged_run / "candidates").glob("*.parquet"))
    row = pq.read_table(path).slice(0, 1).to_pylist()[0] | {"images": [], "images_meta": []}
    rng = random.Random(0)
    (tmp_path / "candidates").mkdir()

    def peak(rows: int) -> int:
        made = []
        for _ in range(rows):
            answers = [one | {"score": rng.gauss(0, 1e6), "judgements": []} for one in row["candidates"]]
            made.append(row | {"candidates": answers})
        file = tmp_path / "candidates" / "many.parquet"
        pq.write_table(pa.Table.from_pylist(made, schema=CANDIDATES_SCHEMA), file)
        contents = Contents(default_license=None)
        tracemalloc.start()
        entry = FileEntry("candidates/many.parquet", rows, file.stat().st_size, "")
        assert add_file(contents, FilesIn(tmp_path), entry) is None
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert contents.candidates.prompts == rows
        return most

    assert peak(27_000) < 1.3 * peak(9_000)


def test_a_missing_file_of_candidates_and_one_of_another_schema_are_named(judged_run):
    first, second = sorted((judged_run / "candidates").glob("*.parquet"))
    first.unlink()
    pq.write_table(pa.table({"text": ["a"]}), second)
    problems = summarize(judged_run).problems
    assert problems[0].startswith("candidates/train-00000-00.parquet is missing")
    assert "train-00001-00.parquet has no column annotations, candidates, comparisons" in problems[1]


def test_rejects_are_told_by_their_scopes(judged_run, small_run):
    summary = summarize(judged_run)
    assert [reject.scope for reject in summary.rejects] == ["row", "candidate", "pair"]
    assert rejects_about(summary) == (
        "Source rows that gave no pair; and candidates that were refused and pairs that were left out, "
        "of rows with pairs and without."
    )
    assert "negatives that were refused" in rejects_about(summarize(small_run))


@pytest.mark.parametrize(
    ("endpoint", "bare", "host"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1", "api.openai.com"),
        ("https://API.openai.com.:443/v1", "https://API.openai.com.:443/v1", "api.openai.com"),
        ("https://me:secret@a.example.org/v1?key=k#f", "https://a.example.org/v1", "a.example.org"),
        ("http://api.openai.com/v1", "http://api.openai.com/v1", None),
        ("https://api.openai.com:8443", "https://api.openai.com:8443", None),
        ("https://8.8.8.8/v1", "https://8.8.8.8/v1", None),
        ("https://[2001:db8::1]/v1", "https://[2001:db8::1]/v1", None),
        ("https://gpu01/v1", "https://gpu01/v1", None),
        ("https://gpu01.lan/v1", "https://gpu01.lan/v1", None),
        ("https://box.internal", "https://box.internal", None),
        ("http://localhost:8000", "http://localhost:8000", None),
        ("the cluster", "the cluster", None),
        ("https://me:secret@host:port/", "an address that cannot be read", None),
        ("https://[me:secret", "an address that cannot be read", None),
    ],
)
def test_endpoints_are_told_without_keys_and_only_public_ones_in_public(endpoint, bare, host):
    assert bare_endpoint(endpoint) == bare
    assert public_host(endpoint) == host


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("/home/me/models/llava", "llava"),
        ("C:\\models\\llava", "llava"),
        ("org/model", "org/model"),
        ("~/llava", "llava"),
        ("panel of /srv/a/b, org/c", "panel of b, org/c"),
    ],
)
def test_names_of_models_lose_their_folders(name, public):
    assert public_name(name) == public


LETTERS = string.printable + "äéßñÅ€’‘“”–…中文字かなカナ한국ПриветΑω²½१٣ا😀\u0301"


@settings(deadline=None)
@given(st.text(st.sampled_from(LETTERS), max_size=80))
def test_words_are_counted_as_pairing_counts_them(text):
    assert words(pa.array([text])) == [length(text)]


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=40))
def test_a_tally_takes_any_number(values):
    tally = Tally(1e-6)
    for value in values:
        tally.add(value)
    spread = tally.spread(axis_of([tally]))
    kept = [value for value in values if abs(value) < 1e100]
    assert tally.undefined == len(values) - len(kept)
    assert (spread is None) == (not kept)
    if spread:
        assert (spread.min, spread.max, sum(spread.bins)) == (min(kept), max(kept), len(kept))


def test_a_tally_grows_coarser_instead_of_larger():
    tally = Tally(1e-6)
    values = [random.Random(number).random() for number in range(50_000)]
    for value in values:
        tally.add(value)
    spread = tally.spread(axis_of([tally]))
    assert len(tally.counts) <= MOST_POINTS
    assert spread is not None
    assert spread.median == pytest.approx(sorted(values)[25_000], abs=4 * tally.step)

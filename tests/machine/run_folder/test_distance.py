"""How far answers are from a reference: against values computed by hand, in the terminal, in the report, in bounded memory."""

import json
import math
import sys
import tracemalloc
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pairwright
from pairwright.cli import main
from pairwright.runs import distance as module
from pairwright.runs.distance import distance_of
from pairwright.runs.sampled_rows import sampled_rows
from pairwright.runs.vocabulary import jensen_shannon, kolmogorov_smirnov, type_token, unseen
from pairwright.schemas.candidate import Comparison
from pairwright.schemas.errors import MissingExtraError, ParameterError, SourceError

COUNTS = st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 9), min_size=1)


def test_divergence_is_that_computed_by_hand() -> None:
    # P = (1/2, 1/2, 0), Q = (0, 1/4, 3/4), M = (1/4, 3/8, 3/8)
    by_hand = (0.5 * math.log2(2) + 0.5 * math.log2(4 / 3)) / 2
    by_hand += (0.25 * math.log2(2 / 3) + 0.75 * math.log2(2)) / 2
    assert jensen_shannon({"a": 5, "b": 5}, {"b": 1, "c": 3}) == pytest.approx(by_hand, abs=1e-15)
    assert jensen_shannon({}, {"a": 1}) is None


@given(COUNTS, COUNTS)
def test_divergence_is_symmetric_and_bounded(one: dict[str, int], other: dict[str, int]) -> None:
    found = jensen_shannon(one, other)
    assert found == jensen_shannon(dict(reversed(other.items())), one)
    assert found is not None
    assert 0 <= found <= 1 + 1e-12
    assert (found < 1e-12) == all(
        one.get(word, 0) * sum(other.values()) == other.get(word, 0) * sum(one.values())
        for word in one.keys() | other.keys()
    )


def test_distance_of_lengths_is_that_computed_by_hand() -> None:
    # Shares up to 1, 2, 3, 5 words: 1/4 2/4 4/4 4/4 against 0 1/5 1/5 5/5
    assert kolmogorov_smirnov(Counter([1, 2, 3, 3]), Counter([2, 5, 5, 5, 5])) == pytest.approx(0.8)
    assert kolmogorov_smirnov({3: 2}, {3: 7}) == 0.0


@given(st.lists(st.integers(1, 9), min_size=1), st.lists(st.integers(1, 9), min_size=1))
def test_distance_of_lengths_is_the_largest_gap(one: list[int], other: list[int]) -> None:
    gaps = [
        abs(np.mean(np.array(one) <= value) - np.mean(np.array(other) <= value)) for value in range(1, 10)
    ]
    assert kolmogorov_smirnov(Counter(one), Counter(other)) == pytest.approx(max(gaps))


@given(COUNTS, st.integers(1, 12))
def test_type_token_ratio_is_the_mean_over_all_draws(words: dict[str, int], size: int) -> None:
    total = sum(words.values())
    if size > total:
        assert type_token(words, size) is None
        return
    kinds = sum(1 - math.comb(total - count, size) / math.comb(total, size) for count in words.values())
    assert type_token(words, size) == pytest.approx(kinds / size)


def test_type_token_ratio_of_many_words_is_exact_enough() -> None:
    words = {f"w{number}": 1 + number % 7 for number in range(200_000)}
    assert type_token(words, sum(words.values())) == pytest.approx(len(words) / sum(words.values()))
    assert type_token(words, 1) == pytest.approx(1.0, abs=1e-9)


def test_unseen_words_count_as_often_as_they_are_used() -> None:
    assert unseen({"a": 1, "b": 2, "c": 1}, {"a": 9, "c": 1}) == 0.5
    assert unseen({}, {"a": 1}) is None


@pytest.fixture
def gold_run(make_judged_run, judged, candidate):
    """Two prompts with a gold answer of four words, and two answers of a model; judged by scores and side by side."""

    def built(number: int, gold_score: float):
        answers = [
            candidate("A Red cup stands.", gold_score, model="a person"),
            candidate("A red cup stands on a table.", 3.0, round=1),
            candidate("Blue.", 1.5, round=1),
        ]
        said = [Comparison(1, 0, "first", "q"), Comparison(0, 2, "first", "q"), Comparison(2, 1, "tie", "q")]
        made = judged(answers, comparisons=said, number=number)
        return replace(made, candidates=(replace(made.candidates[0], chosen="A Red cup stands.\n"),))

    return make_judged_run([built(0, 4.0), built(1, 3.0)], name="gold")


def test_answers_are_held_against_the_gold_ones(gold_run) -> None:
    found = distance_of(gold_run)
    assert found is not None
    assert (found.reference, found.texts.texts, found.texts.words) == ("the rows' own gold answers", 2, 8)
    sides = {side.name: side for side in found.sides}
    assert {name: side.texts.texts for name, side in sides.items()} == {
        "chosen": 2,
        "rejected": 2,
        "written": 4,
    }
    written = sides["written"]
    # 7, 1, 7, 1 words; 16 in all, of which on, table and blue, twice each, are not among the gold ones
    assert (written.texts.median_words, written.texts.mean_words) == (4.0, 4.0)
    assert (written.apart.length_ratio, written.apart.length_distance) == (1.0, 0.5)
    assert written.apart.unseen == pytest.approx(6 / 16)
    gold = Counter({"a": 2, "red": 2, "cup": 2, "stands": 2})
    own = Counter({"a": 4, "red": 2, "cup": 2, "stands": 2, "on": 2, "table": 2, "blue": 2})
    assert written.apart.divergence == jensen_shannon(own, gold)
    assert found.equal_size == 2  # the two rejected answers have a word each
    assert written.texts.type_token == type_token(own, 2)
    assert found.within is not None
    assert (found.within.divergence, found.within.length_ratio) == (0.0, 1.0)


def test_judges_are_asked_of_gold_against_written_answers(gold_run) -> None:
    found = distance_of(gold_run)
    assert found is not None
    orders = {order.scorer: order for order in found.gold_order}
    # By scores: 4 over 3 and 1.5; 3 with 3 and over 1.5.
    judge = orders["judge-vlm"]
    assert (judge.gold, judge.own, judge.ties) == (3, 0, 1)
    assert (judge.prefers_gold, judge.agrees) == (3.5 / 4, 1.0)
    # Side by side, in both prompts: once the written one, once the gold one.
    assert (orders["q"].gold, orders["q"].own, orders["q"].agrees) == (2, 2, 0.5)


def test_another_source_may_be_the_reference(gold_run, tmp_path) -> None:
    path = tmp_path / "captions.jsonl"
    rows = [
        {"question": "?", "answer": "Blue skies."},
        {"question": "?"},
        {"question": "?", "answer": "Red."},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = distance_of(gold_run, str(path))
    assert found is not None
    assert (found.reference, found.texts.texts, found.skipped) == (str(path), 2, 1)
    rejected = next(side for side in found.sides if side.name == "rejected")
    assert rejected.apart.unseen == 0.0
    assert rejected.apart.length_ratio == pytest.approx(1 / 1.5)
    assert distance_of(gold_run, str(gold_run)).texts.texts == 2  # chosen answers of the run's own pairs


def test_right_answers_are_a_reference_on_demand(judged_run, small_run) -> None:
    assert distance_of(judged_run) is None  # ground_truth alone is no answer text
    found = distance_of(judged_run, "gold")
    assert found is not None
    assert found.reference == "the rows' own right answers (ground_truth)"
    assert [side.name for side in found.sides] == ["chosen", "rejected"]
    assert distance_of(small_run) is None


def test_a_reference_without_answers_is_refused(
    judged_run, small_run, make_run, image_pair, tmp_path
) -> None:
    with pytest.raises(ParameterError, match="have no gold answers of their own"):
        distance_of(small_run, "gold")
    path = tmp_path / "questions.csv"
    path.write_text("question,note\nWhat?,x\n")
    with pytest.raises(SourceError, match=r"no answers in 1 rows \(no column was taken for answers\)"):
        distance_of(judged_run, str(path))
    with pytest.raises(SourceError, match="no such file"):
        distance_of(judged_run, str(tmp_path / "none.csv"))
    path.write_text("question,answer\nWhat?,A cat.\n")
    with pytest.raises(ParameterError, match="no text pairs and no written answers"):
        distance_of(make_run(([image_pair()], []), name="images"), str(path))


def test_a_run_without_any_answer_of_its_own_is_shown_without_distances(
    make_judged_run, judged, candidate
) -> None:
    made = judged([candidate("A cup.", None)])
    rows = [replace(made, candidates=(replace(made.candidates[0], chosen="A gold answer."),))]
    assert distance_of(make_judged_run(rows)) is None


def test_a_missing_package_is_named_before_anything_is_read(gold_run, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        MissingExtraError,
        match=r'--embedder needs the package transformers: pip install "pairwright\[transformers\]"',
    ):
        distance_of(gold_run, embedder="some-encoder")


def test_it_is_told_in_terminal_report_and_json(gold_run, judged_run, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")

    def shown(*arguments: str) -> str:
        with pytest.raises(SystemExit) as end:
            main(["show", *arguments])
        assert not end.value.code
        return " ".join(capsys.readouterr().out.split())

    told = shown(str(gold_run))
    assert "how far from a reference reference its halves chosen rejected written" in told
    assert "unseen words 0 %" in told
    assert "prefers the gold answer in 88 % of 4 (3 gold, 0 written, 1 tie, counted half)" in told
    assert json.loads(shown(str(gold_run), "--json"))["distance"]["sides"][2]["apart"]["length_ratio"] == 1.0
    page = pairwright.write_report(gold_run).read_text()
    assert '<h2 id="distance">' in page
    assert "prefers the gold answer in 88 % of 4" in page
    assert "how far from" not in shown(str(judged_run))
    assert json.loads(shown(str(judged_run), "--json"))["distance"] is None
    assert 'id="distance"' not in pairwright.write_report(judged_run).read_text()
    assert "right answers (ground_truth)" in shown(str(judged_run), "--reference", "gold")


def test_of_a_large_run_whole_shards_at_equal_distances_are_looked_at(
    make_judged_run, judged, candidate, monkeypatch
) -> None:
    def built(number: int):
        made = judged(
            [candidate(f"answer {number} here", 2.0, round=1), candidate("no", 1.0, round=1)], number=number
        )
        return replace(made, candidates=(replace(made.candidates[0], chosen="A gold answer."),))

    folder = make_judged_run(*([built(10 * shard + row) for row in range(10)] for shard in range(8)))
    monkeypatch.setattr(module, "MOST_ROWS", 20)
    found = distance_of(folder)
    assert found is not None
    assert (found.pairs_looked_at, found.pairs) == (20, 80)
    assert found.texts.texts == 20
    rows = sampled_rows(folder, ("data",), ("chosen_text",), 20)
    assert rows.names == ("data/train-00002-00.parquet", "data/train-00006-00.parquet")
    texts = [
        text
        for batch in sampled_rows(folder, ("data",), ("chosen_text",), 4).batches()
        for text in batch["chosen_text"].to_pylist()
    ]
    assert texts == ["answer 40 here", "answer 43 here", "answer 46 here", "answer 49 here"]


def test_memory_does_not_follow_the_run(make_judged_run, judged, candidate, monkeypatch) -> None:
    def peak(name: str, shards: int) -> int:
        def built(number: int):
            texts = [f"{number} " + " ".join(f"w{(number * step) % 999}" for step in range(60)), "no"]
            made = judged([candidate(text, len(text), round=1) for text in texts], number=number)
            return replace(made, candidates=(replace(made.candidates[0], chosen=texts[0]),))

        rows = ([built(100 * shard + row) for row in range(100)] for shard in range(shards))
        folder = make_judged_run(*rows, name=name)
        tracemalloc.start()
        assert distance_of(folder) is not None
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    monkeypatch.setattr(module, "MOST_ROWS", 300)
    assert peak("large", 20) < 1.3 * peak("small", 5)


def test_style_that_tells_the_sides_apart_is_told_and_warned_of(
    make_judged_run, judged, candidate, judged_run, capsys
) -> None:
    def built(number: int, end: str):
        texts = [(f"This is answer {number}{end}", 4.0), (f"That is answer {number}.", 2.0)]
        return judged(
            [candidate(text, score) for text, score in texts], number=number, question=f"What {number}?"
        )

    assert pairwright.summarize(judged_run).style is None
    loud = make_judged_run([built(number, "!") for number in range(60)], name="loud")
    summary = pairwright.summarize(loud)
    assert summary.style is not None
    assert (summary.style.accuracy, summary.style.looked_at, summary.style.pairs) == (1.0, 60, 60)
    with pytest.raises(SystemExit):
        main(["show", str(loud)])
    told = " ".join(capsys.readouterr().out.split())
    assert "finds the chosen answer of 100 % of pairs (50 % is chance; 60 of 60 pairs looked at)" in told
    assert "warning: Style alone finds the chosen answer" in told
    assert "Style alone" in pairwright.write_report(loud).read_text()

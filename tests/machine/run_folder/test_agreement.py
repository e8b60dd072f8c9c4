"""How far people agree: published examples, and a run with votes."""

import json
from collections import Counter
from io import StringIO

import numpy as np
import pytest

from pairwright.commands.show import parts
from pairwright.importing import import_set
from pairwright.report import write_report
from pairwright.runs.agreement import Voting, add_votes, agreement_summary, cohen, fleiss
from pairwright.runs.summary import summarize


def said(*votes: tuple[str, str]) -> list[dict]:
    return [{"scorer": who, "outcome": outcome, "first": 0, "second": 1} for who, outcome in votes]


def voted(*rows: list[dict]) -> Voting:
    voting = Voting()
    for row in rows:
        add_votes(voting, [{"judgements": []}, {"judgements": []}], row, [])
    return voting


def test_krippendorffs_alpha_is_that_of_his_example():
    """Two observers, ten units, two values: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), B: 0.095."""
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    words = ("first", "second")
    rows = [said(("meg", words[one]), ("owen", words[other])) for one, other in zip(meg, owen, strict=True)]
    summary = agreement_summary(voted(*rows))
    assert summary.alpha == pytest.approx(0.095, abs=5e-4)
    assert summary.units == 10
    assert (summary.cohen[0].both, summary.cohen[0].agreed) == (10, 6)


def test_fleiss_kappa_agrees_with_its_definition():
    rng = np.random.default_rng(3)
    table = rng.multinomial(5, [0.5, 0.2, 0.3], size=40)
    shares = table.sum(0) / table.sum()
    each = ((table**2).sum(1) - 5) / (5 * 4)
    expected = (each.mean() - (shares**2).sum()) / (1 - (shares**2).sum())
    kappa, votes = fleiss(Counter(tuple(map(int, unit)) for unit in table))
    assert (kappa, votes) == (pytest.approx(expected), 5)


def test_people_who_always_say_the_same_one_thing_have_no_kappa():
    assert cohen(Counter({("first", "first"): 7})) is None
    assert fleiss(Counter({(3, 0, 0): 4})) == (None, 3)
    assert agreement_summary(voted(said(("ann", "first"), ("bob", "first")))).alpha is None


def test_one_person_alone_has_no_agreement():
    assert agreement_summary(voted(said(("ann", "first")))) is None


def test_votes_in_the_other_order_are_the_same_votes():
    turned = [{"scorer": "bob", "outcome": "second", "first": 1, "second": 0}]
    assert agreement_summary(voted([*said(("ann", "first")), *turned])).cohen[0].agreed == 1


def test_ratings_agree_as_intervals():
    voting = Voting()
    for one, other in [(1, 1), (2, 2), (3, 3), (3, 3), (2, 2), (1, 2)]:
        told = [
            {"scorer": who, "aspect": "help", "value": float(value)}
            for who, value in (("ann", one), ("bob", other))
        ]
        add_votes(voting, [{"judgements": told}], [], [])
    [rated] = agreement_summary(voting).ratings
    assert (rated.aspect, rated.answers) == ("help", 6)
    # 1 - observed / expected disagreement of squared differences: 2 of 12 values in units that differ by 1
    values = np.array([1, 1, 2, 2, 3, 3, 3, 3, 2, 2, 1, 2], dtype=float)
    expected = ((values[:, None] - values[None]) ** 2).sum() / (12 * 11)
    assert rated.alpha == pytest.approx(1 - (2 * 1 / 12) / expected)


@pytest.fixture
def voted_run(tmp_path):
    """A run of twenty tasks with three people: ann and bob alike but for five, eve always for the answer on the left."""
    tasks = []
    for number in range(20):
        ann = "answer_1" if number % 2 else "answer_2"
        bob = ann if number >= 5 else "tie"
        people = [("ann", ann, 4.0), ("bob", bob, 8.0), ("eve", "answer_1", 1.0)]
        tasks.append(
            {
                "id": number,
                "data": {"question": f"What is {number}?", "answer_1": "One thing.", "answer_2": "Another."},
                "annotations": [
                    {
                        "completed_by": who,
                        "lead_time": seconds,
                        "result": [{"from_name": "preference", "value": {"choices": [choice]}}],
                    }
                    for who, choice, seconds in people
                ],
            }
        )
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(tasks))
    import_set(path, out=tmp_path / "run", layout="label_studio", workers=1)
    return tmp_path / "run"


def test_a_run_tells_how_its_people_vote(voted_run):
    told = summarize(voted_run).candidates.agreement
    assert told.units == 20
    assert told.fleiss_votes == 3
    people = {one.annotator: one for one in told.people}
    assert (people["ann"].votes, people["ann"].left, people["ann"].seconds) == (20, 0.5, 4.0)
    assert (people["bob"].ties, people["bob"].seconds) == (5, 8.0)
    assert people["eve"].left == 1.0
    two = {(one.one, one.other): one for one in told.cohen}
    assert (two["ann", "bob"].both, two["ann", "bob"].agreed) == (20, 15)


def test_show_and_report_tell_it_in_words(voted_run):
    from rich.console import Console

    console = Console(width=200, record=True, file=StringIO())
    for part in parts(summarize(voted_run)):
        console.print(part)
    shown = console.export_text()
    page = write_report(voted_run).read_text(encoding="utf-8")
    for sentence in ("Fleiss' kappa", "Cohen's kappa", "the same vote on 75 % of 20 pairs of answers"):
        assert sentence in shown
        assert sentence in page.replace("&#39;", "'")
    assert "for the answer shown first 100 %" in shown

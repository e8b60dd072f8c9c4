"""Candidates in line: none is lost, and those that may run stand first."""

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pairwright.builders._candidates import in_line
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.special_tokens import special_token

Rows = Callable[..., SourceRow]

TEXTS = st.sampled_from(["A cup.", " a  cup.", "A dog.", "", " \n", "It ends </s>", "<image>", "Yes"])
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        TEXTS,
        finish=st.sampled_from([None, "stop", "length", "filtered", "repetition", "aborted"]),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gold=CANDIDATES, own=CANDIDATES, written=CANDIDATES, truncated=st.sampled_from(["drop", "keep"]))
def test_every_candidate_has_one_place(
    row: Rows, gold: list[Candidate], own: list[Candidate], written: list[Candidate], truncated: Any
) -> None:
    line = in_line(
        row(candidates=tuple(own)), gold=gold, written=written, truncated=truncated, similarity=1.0
    )
    everyone = [*gold, *own, *written]
    assert Counter((one.text, one.finish) for one in line.candidates) == Counter(
        (one.text.strip(), one.finish) for one in everyone
    )
    assert 0 <= line.different <= line.usable == len(everyone) - len(line.rejects)
    usable = line.candidates[: line.usable]
    assert all(one.text and special_token(one.text) is None for one in usable)
    assert not {"filtered", "aborted"} & {one.finish for one in usable}
    assert truncated == "keep" or not {"length", "repetition"} & {one.finish for one in usable}
    different = [" ".join(one.text.split()).casefold() for one in usable[: line.different]]
    assert len(set(different)) == len(different)
    assert {" ".join(one.text.split()).casefold() for one in usable} == set(different)
    numbers = [int(one.message.split()[1].rstrip(":")) for one in line.rejects]
    assert sorted(numbers) == list(range(line.usable, len(everyone)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gold=CANDIDATES, own=st.lists(TEXTS, min_size=2, max_size=8))
def test_comparisons_follow_their_candidates(row: Rows, gold: list[Candidate], own: list[str]) -> None:
    texts = [f"{number}{text}" for number, text in enumerate(own)]  # told apart by their number
    two = list(combinations(range(len(texts)), 2))
    source = row(
        candidates=tuple(Candidate(text) for text in texts),
        comparisons=tuple(Comparison(first, second, "tie", "ann") for first, second in two),
    )
    line = in_line(source, gold=gold)
    found = [(line.candidates[one.first].text, line.candidates[one.second].text) for one in line.comparisons]
    assert found == [(texts[first].strip(), texts[second].strip()) for first, second in two]

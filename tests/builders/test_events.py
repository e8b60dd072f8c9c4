"""The judge that counts events at work: in the builder judged, in a jury, and in its recipe."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pairwright.builders import Built
from pairwright.recipe import load_recipe
from pairwright.schemas.arrow import to_table
from pairwright.schemas.image import Image
from pairwright.schemas.request import Request
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.validate import check_table

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]

EVENTS = ("A man walks a dog.", "The dog is brown.", "It rains.", "A red bus stands there.")
SHORT, LONG = "A man.", "A man walks a brown dog in the rain. A cat sleeps."
HEARD = {SHORT: ("rmmm", ()), LONG: ("rrrm", ("A cat sleeps.",)), "A cat.": ("mmmm", ("A cat.",))}
REFERENCE = "In the rain, a man walks a brown dog past a red bus."


def _counting(model: Any, heard: Mapping[str, tuple[str, tuple[str, ...]]]) -> Any:
    words = {word[0]: word for word in ("right", "wrong", "missing")}

    def write(request: Request) -> list[str]:
        text = str(request.messages[-1].parts[-1])
        answer = re.search(r"=== begin answer A \w+ ===\n(.*?)\n=== end", text, re.DOTALL)
        if answer is None:
            return [json.dumps({"events": EVENTS})]
        letters, invented = heard[answer[1]]
        cells = {str(n): {"verdict": words[letter]} for n, letter in enumerate(letters, 1)}
        return [json.dumps({"events": cells, "invented": invented})]

    return model(write)


PARAMETERS: dict[str, Any] = {
    "samplers": [{"model": "w", "n": 2}],
    "judge": {"kind": "events", "model": "reader"},
    "score": {"aggregate": "sum"},
}


def test_claims_of_the_judge_stay_with_the_candidates(build: Build, row: Rows, model: Any) -> None:
    judge = _counting(model, HEARD)
    built = build(
        "judged", PARAMETERS, row(evidence=REFERENCE), {"samplers.0": model([SHORT, LONG]), "judge": judge}
    )
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected) == (LONG, SHORT)  # though it says one thing that is not there
    assert (pair.score_chosen, pair.score_rejected) == (-0.5, -0.75)
    kept = {one.text: [claim.finding for claim in one.claims] for one in built.candidates[0].candidates}
    assert kept == {
        SHORT: ["right", "missing", "missing", "missing"],
        LONG: ["right", "right", "right", "missing", "invented"],
    }
    assert len(judge.requests) == 3


def test_an_answer_of_which_nothing_can_be_read_keeps_the_claims_that_it_had(
    build: Build, row: Rows, model: Any
) -> None:
    first = build(
        "judged",
        PARAMETERS,
        row(evidence=REFERENCE),
        {"samplers.0": model([SHORT, LONG]), "judge": _counting(model, HEARD)},
    )
    mute = {**HEARD, SHORT: ("rrrrrrr", ())}
    again = PARAMETERS | {"samplers": []}
    built = build("judged", again, first.candidates[0], {"judge": _counting(model, mute)})
    assert [one.reason for one in built.rejects] == ["cannot_judge", "cannot_judge"]
    assert [len(one.claims) for one in built.candidates[0].candidates] == [4, 5]


def test_a_jury_keeps_the_claims_of_its_first_judge(build: Build, row: Rows, model: Any) -> None:
    other = {SHORT: ("mmmm", ()), LONG: ("rrrr", ())}
    asks = {
        "samplers.0": model([SHORT, LONG]),
        "judge": _counting(model, HEARD),
        "jury.0": _counting(model, other),
    }
    parameters = PARAMETERS | {"jury": [PARAMETERS["judge"] | {"model": "second"}]}
    built = build("judged", parameters, row(evidence=REFERENCE), asks)
    kept = built.candidates[0].candidates
    assert [one.score for one in kept] == [-0.875, -0.25]
    assert [claim.finding for claim in kept[0].claims] == ["right", "missing", "missing", "missing"]


def test_a_row_without_reference_costs_nothing(build: Build, row: Rows, model: Any) -> None:
    writer = model([SHORT, LONG])
    built = build("judged", PARAMETERS, row(), {"samplers.0": writer, "judge": model([])})
    assert [(one.scope, one.reason) for one in built.rejects] == [("row", "no_evidence")]
    assert writer.requests == []


def test_a_reference_that_tells_of_nothing_is_a_reject_of_the_row(
    build: Build, row: Rows, model: Any
) -> None:
    asks = {"samplers.0": model([SHORT, LONG]), "judge": model([json.dumps({"events": []})])}
    built = build("judged", PARAMETERS, row(evidence="I like it."), asks)
    assert [(one.scope, one.reason) for one in built.rejects] == [("row", "no_claims")]


@pytest.mark.parametrize("winner", [LONG, SHORT])
def test_it_may_give_the_second_opinion(
    build: Build, row: Rows, model: Any, comparing_judge: Any, winner: str
) -> None:
    parameters = {
        "samplers": [{"model": "w", "n": 2}],
        "judge": {"kind": "pairwise", "model": "judge"},
        "pairing": {"rule": "preferences"},
        "second_opinion": PARAMETERS["judge"],
    }
    asks = {
        "samplers.0": model([SHORT, LONG]),
        "judge": comparing_judge([winner, SHORT, LONG]),
        "second_opinion": _counting(model, HEARD),
    }
    built = build("judged", parameters, row(evidence=REFERENCE), asks)
    assert [pair.chosen for pair in built.pairs] == ([LONG] if winner == LONG else [])


def test_video_salmonn2_counts_against_the_caption(row: Rows, model: Any, picture: Image) -> None:
    recipe = load_recipe("video_salmonn2", ["samplers.0.model=policy", "judge.model=reader"])
    texts = [SHORT, LONG, "A cat.", "A man walks.", "A dog.", "It rains."]
    heard = HEARD | {"A man walks.": ("rmmm", ()), "A dog.": ("wmmm", ()), "It rains.": ("mmrm", ())}
    writer, judge = model(texts), _counting(model, heard)
    built = asyncio.run(
        recipe.construct_asking()(row(ground_truth=REFERENCE), {"samplers.0": writer, "judge": judge})
    )
    assert check_table(to_table(built.pairs)) == []
    [request] = writer.requests
    assert (request.n, request.sampling.temperature) == (6, 1.0)
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected) == (LONG, "A cat.")
    assert (pair.score_chosen, pair.score_rejected) == (-0.5, -1.25)
    assert len(judge.requests) == 7  # the caption once, then each answer
    assert REFERENCE in str(judge.requests[0].messages)
    assert not any(picture in one.messages[-1].parts for one in judge.requests)


def test_video_salmonn2_wants_a_caption(row: Rows) -> None:
    recipe = load_recipe("video_salmonn2", ["samplers.0.model=policy", "judge.model=reader"])
    built = asyncio.run(recipe.construct_asking()(row(), {}))
    assert [one.reason for one in built.rejects] == ["no_evidence"]

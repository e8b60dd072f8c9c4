"""The next round of self-training, row by row: who is judged, and of which round a rewritten answer is."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from pairwright.builders import ROOM, Run
from pairwright.builders._candidates import in_line
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.source_row import SourceRow

Rows = Callable[..., SourceRow]


def test_answers_of_earlier_rounds_stand_behind_those_that_are_judged(row: Rows) -> None:
    old = (Candidate("A cat.", round=1, score=5), Candidate("A dog.", round=1, score=3))
    source = row(candidates=old)
    written = [Candidate("A cup.", round=2), Candidate("a cat.", round=2), Candidate(" ", round=2)]
    line = in_line(source, gold=[Candidate("A mug.")], written=written, similarity=1.0, latest=2)
    assert [one.text for one in line.candidates] == ["A mug.", "A cup.", "a cat.", "A cat.", "A dog.", ""]
    assert (line.different, line.usable) == (3, 5)
    everyone = in_line(source, gold=[Candidate("A mug.")], written=written, similarity=1.0)
    assert [one.text for one in everyone.candidates[: everyone.different]] == [
        "A mug.",
        "A dog.",
        "A cup.",
        "a cat.",
    ]


def test_what_is_made_of_an_old_answer_is_of_its_round(row: Rows, model: Any, rewriter: Any) -> None:
    old, old_mended = "A dog sleeps beside a spoon.", "A cup stands beside a spoon."
    new, new_mended = "A pot of tea stands on a tray.", "A cup of coffee stands on a saucer."
    part = ROOM.get("corrected")
    settings = part.settings.model_validate(
        {"of": "own", "samplers": [{"model": "policy"}], "correctors": [{"kind": "minimal", "model": "e"}]}
    )
    asks = {"samplers.0": model([new]), "correctors.0": rewriter({old: old_mended, new: new_mended})}
    source = row(candidates=(Candidate(old, "policy-1", round=1),))
    built = asyncio.run(part.prepare(settings, Run("t", 0, "0", 2))(source, asks))  # type: ignore[arg-type, misc]
    told = {pair.chosen: json.loads(pair.provenance or "") for pair in built.pairs}
    rounds = {text: (one["chosen"]["round"], one["rejected"]["round"]) for text, one in told.items()}
    assert rounds == {old_mended: (1, 1), new_mended: (2, 2)}


def test_what_goes_on_from_an_old_answer_is_of_its_round(row: Rows, model: Any) -> None:
    old, new = "A dog sleeps beside a spoon.", "A pot of tea stands on a tray."
    part = ROOM.get("no_image_continuation")
    settings = part.settings.model_validate({"samplers": [{"model": "policy"}]})
    asks = {"samplers.0": model([new]), "continuer": model([" in the snow."])}
    source = row(candidates=(Candidate(old, "policy-1", round=1),))
    built = asyncio.run(part.prepare(settings, Run("t", 0, "0", 2))(source, asks))  # type: ignore[arg-type, misc]
    told = {pair.chosen: json.loads(pair.provenance or "") for pair in built.pairs}
    rounds = {text: (one["chosen"]["round"], one["rejected"]["round"]) for text, one in told.items()}
    assert rounds == {old: (1, 1), new: (2, 2)}


@pytest.mark.parametrize("kind", ["pairwise", "pointwise"])
def test_a_second_opinion_of_the_round_before_is_not_told_twice(
    row: Rows, model: Any, comparing_judge: Any, rating_judge: Any, kind: str
) -> None:
    cup, mug, dog, cat = "A white cup.", "A blue mug stands here.", "A dog sleeps.", "The cat is grey."
    part = ROOM.get("corrupted_input")
    samplers = [{"model": "w", "side": "chosen"}, {"model": "w", "images": "none"}]
    aspects = [{"name": "fit", "description": "how well it fits", "levels": []}]
    params = {"aspects": aspects} if kind == "pointwise" else {}
    opinion = {"kind": kind, "model": "j", "params": params}
    settings = part.settings.model_validate({"samplers": samplers, "guards": [], "second_opinion": opinion})
    source = row()
    for number, (good, bad) in enumerate(((cup, dog), (mug, cat)), 1):
        rated = {one: {"fit": 5} for one in (cup, mug)} | {one: {"fit": 5 - number} for one in (dog, cat)}
        judge = comparing_judge([cup, mug, dog, cat]) if kind == "pairwise" else rating_judge(rated)
        asks = {"samplers.0": model([good]), "samplers.1": model([bad]), "second_opinion": judge}
        built = asyncio.run(part.prepare(settings, Run("t", 0, "0", number))(source, asks))  # type: ignore[arg-type, misc]
        source = built.candidates[0]
    assert [(pair.chosen, pair.rejected) for pair in built.pairs] == [
        (cup, dog),
        (cup, cat),
        (mug, dog),
        (mug, cat),
    ]
    said = [[(one.target, one.value) for one in pair.scores] for pair in built.pairs]
    # What it says now takes the place of what it said then: the dog had 4.
    assert said == [[("pair", 1.0)] if kind == "pairwise" else [("chosen", 5.0), ("rejected", 3.0)]] * 4
    assert len(source.comparisons) == (4 if kind == "pairwise" else 0)

"""Pictures beside rejected answers, made again from what the config ``candidates`` says of them."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pairwright.builders import Built
from pairwright.builders._kept import kept_pictures
from pairwright.perturbations import ROOM as PERTURBATIONS
from pairwright.perturbations import Perturbation
from pairwright.schemas.errors import RowError
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow

Rows = Callable[..., SourceRow]
Build = Callable[..., Built]

CHANGES = [name for name in PERTURBATIONS.names() if isinstance(PERTURBATIONS.get(name), Perturbation)]
CUP, DOG = "A cup of coffee on a wooden table.", "A dog sleeps on a red sofa."


@pytest.fixture
def run(row: Rows, build: Build, model: Any, picture: Image) -> Callable[[str], Built]:
    """Return a way to build a row with two pictures whose rejected answer stands beside changed ones."""

    def made(name: str) -> Built:
        samplers = [{"model": "w", "side": "chosen"}, {"model": "w", "images": {"name": name}}]
        given = row(prompt=Prompt("<image><image>\nWhat differs?", (picture, picture)))
        asks = {"samplers.0": model([CUP]), "samplers.1": model([DOG])}
        return build("corrupted_input", {"samplers": samplers, "keep_image": True}, given, asks)

    return made


@pytest.mark.parametrize("name", CHANGES)
def test_pairs_formed_anew_have_the_same_pictures(run: Any, build: Build, name: str) -> None:
    first = run(name)
    again = build("paired", {"pairing": {"rule": "sides"}}, first.candidates[0], {})
    [pair], [same] = first.pairs, again.pairs
    assert same.kind == "both"
    assert same.rejected_images == pair.rejected_images
    assert [one.data for one in same.rejected_images] == [one.data for one in pair.rejected_images]
    assert (same.id, same.scores) == (pair.id, pair.scores)


def test_another_picture_is_told(run: Any, build: Build) -> None:
    kept = run("gaussian_blur").candidates[0]

    def changed(change: Callable[[dict[str, Any]], object]) -> SourceRow:
        told = json.loads(kept.candidates[1].params or "")
        change(told)
        return replace(
            kept, candidates=(kept.candidates[0], replace(kept.candidates[1], params=json.dumps(told)))
        )

    for change, message in (
        (lambda told: told["images"][1]["params"].update(radius=3.0), "gaussian_blur gives another picture"),
        (lambda told: told["images"].pop(), "1 changed pictures of 2"),
        (lambda told: told["images"][0].update(perturbation="blur"), "no 'blur'"),
        (lambda told: told["images"][0]["params"].update(radius=-1), "outside"),
        (lambda told: told.update(images="none"), "images: "),
    ):
        built = build("paired", {"pairing": {"rule": "sides"}}, changed(change), {})
        [reject] = built.rejects
        assert (reject.scope, reject.reason) == ("row", "bad_value")
        assert message in reject.message
    with pytest.raises(RowError):
        kept_pictures(kept.prompt, changed(lambda told: told["images"].pop()).candidates)


def test_what_was_not_kept_stays_away(row: Rows, build: Build, model: Any) -> None:
    samplers = [{"model": "w", "side": "chosen"}, {"model": "w", "images": {"name": "downscale"}}]
    asks = {"samplers.0": model([CUP]), "samplers.1": model([DOG])}
    kept = build("corrupted_input", {"samplers": samplers}, row(), asks).candidates[0]
    [pair] = build("paired", {"pairing": {"rule": "sides"}}, kept, {}).pairs
    assert (pair.kind, pair.rejected_images) == ("text", None)


def test_a_later_round_has_the_pictures_of_earlier_ones(run: Any, build: Build, model: Any) -> None:
    first = run("downscale")
    samplers = [{"model": "w2", "side": "chosen"}, {"model": "w2", "images": {"name": "downscale"}}]
    asks = {"samplers.0": model([CUP]), "samplers.1": model(["A cat climbs up a green tree."])}
    settings = {"samplers": samplers, "keep_image": True}
    built = build("corrupted_input", settings, first.candidates[0], asks)
    assert {(pair.rejected, pair.kind) for pair in built.pairs} == {
        (DOG, "both"),
        ("A cat climbs up a green tree.", "both"),
    }

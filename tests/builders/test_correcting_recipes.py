"""The recipes that have answers corrected or spoilt: each with the numbers that are published, pairs word by word."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pairwright.builders import Built
from pairwright.recipe import load_recipe
from pairwright.schemas.image import Image
from pairwright.schemas.pair import Pair
from pairwright.schemas.request import Request
from pairwright.schemas.source_row import SourceRow

Rows = Callable[..., SourceRow]
Construct = Callable[..., Built]

EVIDENCE = "1 cup; 1 saucer; 1 spoon"
GOLD = "A white cup of coffee stands on a saucer. A spoon lies beside it."
OWN = "A white cup of tea stands on a saucer. A cat watches it."
MENDED = "A white cup of coffee stands on a saucer. A spoon lies beside it, alone."
POLICY = ["samplers.0.model=policy"]
NOISED = "A heap of red leaves lies on the ground."


def _said(built: Built) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in built.pairs]


def _reasons(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def _marked(pair: Pair) -> tuple[list[str], list[str]]:
    return (
        [pair.chosen[one.start : one.end] for one in pair.chosen_spans],
        [pair.rejected[one.start : one.end] for one in pair.rejected_spans],
    )


def _pictures(request: Request) -> int:
    return sum(isinstance(part, Image) for message in request.messages for part in message.parts)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("ha_dpo", {"samplers.0", "correctors.0", "style"}),
        ("opa_dpo", {"samplers.0", "correctors.0"}),
        ("bpo", {"samplers.0", "correctors.0", "correctors.1"}),
    ],
)
def test_a_model_corrects_itself_where_no_other_is_named(name: str, places: set[str]) -> None:
    address = "http://127.0.0.1:8000/v1"
    models = load_recipe(name, ["samplers.0.model=policy", f"samplers.0.base_url={address}"]).models()
    assert set(models) == places
    assert {(one.model, one.base_url) for one in models.values()} == {("policy", address)}


def test_ha_dpo_corrects_by_the_annotations_and_evens_the_style(
    row: Rows, model: Any, rewriter: Any, construct: Construct
) -> None:
    styled = {
        OWN: [f"Way {n}: a cup of tea on a saucer, and a cat that watches." for n in range(3)],
        MENDED: [f"Way {n}: a cup of coffee on a saucer, and a spoon that lies there." for n in range(3)],
    }
    writer, editor, stylist = model([OWN]), rewriter({OWN: MENDED}), rewriter(styled)
    asks = {"samplers.0": writer, "correctors.0": editor, "style": stylist}
    built = construct(load_recipe("ha_dpo", POLICY), row(evidence=EVIDENCE), asks)
    assert _said(built) == [(styled[MENDED][n], styled[OWN][n]) for n in range(3)]
    assert built.rejects == ()
    assert [(one.n, one.sampling.temperature) for one in writer.requests] == [(1, 1.0)]
    [asked] = editor.requests
    assert EVIDENCE in str(asked.messages[-1].parts[-1])
    assert (_pictures(asked), asked.sampling.temperature) == (0, 0.0)
    assert len(stylist.requests) == 6
    assert len({one.sampling.seed for one in stylist.requests}) == 6
    assert {one.sampling.temperature for one in stylist.requests} == {0.7}
    assert _marked(built.pairs[0]) == (
        ["coffee", "spoon", "lies there"],
        ["tea", "cat", "watches"],
    )


def test_ha_dpo_wants_annotations(row: Rows, construct: Construct) -> None:
    assert _reasons(construct(load_recipe("ha_dpo", POLICY), row(), {})) == [("row", "no_evidence")]


def test_ha_dpo_leaves_out_what_goes_round_in_circles(
    row: Rows, model: Any, rewriter: Any, construct: Construct
) -> None:
    loop = "A cat sits there. " * 6
    asks = {
        "samplers.0": model([loop]),
        "correctors.0": rewriter({loop.strip(): MENDED}),
        "style": rewriter({}),
    }
    built = construct(load_recipe("ha_dpo", POLICY), row(evidence=EVIDENCE), asks)
    assert _reasons(built)[-1] == ("row", "repetition")


def _report(sentences: Mapping[str, tuple[str, int, str]], added: str = "") -> str:
    told = {
        number: {"reason": "seen", "error": error, "score": score, "text": text}
        for number, (error, score, text) in sentences.items()
    }
    return json.dumps({"sentences": told, "added": added})


def test_opa_dpo_mends_sentences_with_their_weights(row: Rows, model: Any, construct: Construct) -> None:
    report = _report(
        {
            "1": ("language_comprehension", 2, "A white cup of coffee stands on a saucer."),
            "2": ("image_recognition", 1, "A spoon lies beside it, alone."),
        }
    )
    writer, editor = model([OWN]), model([report])
    asks = {"samplers.0": writer, "correctors.0": editor}
    built = construct(load_recipe("opa_dpo", POLICY), row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, OWN), (MENDED, OWN)]
    assert built.rejects == ()
    [drawn] = [one.sampling for one in writer.requests]
    assert (drawn.temperature, drawn.top_p, drawn.top_k) == (1.0, 0.95, 30)
    [asked] = editor.requests
    assert GOLD in str(asked.messages[-1].parts[-1])
    assert (_pictures(asked), asked.sampling.temperature, asked.sampling.max_tokens) == (1, 0.0, 3000)
    gold, mended = built.pairs
    weights = [(2.0, "language_comprehension"), (3.0, "image_recognition")]
    assert [(one.weight, one.label) for one in mended.chosen_spans] == weights
    assert [(one.weight, one.label) for one in mended.rejected_spans] == weights
    assert gold.rejected_spans == mended.rejected_spans
    assert gold.chosen_spans == ()
    assert _marked(mended)[1] == ["A white cup of tea stands on a saucer.", "A cat watches it."]


def test_opa_dpo_drops_what_has_no_fault(row: Rows, model: Any, construct: Construct) -> None:
    report = _report({"1": ("correct", 4, ""), "2": ("correct", 4, "")})
    asks = {"samplers.0": model([OWN]), "correctors.0": model([report])}
    built = construct(load_recipe("opa_dpo", POLICY), row(chosen=GOLD), asks)
    assert _reasons(built) == [("candidate", "no_correction"), ("row", "no_correction")]


def test_opa_dpo_keeps_the_reference_where_the_report_cannot_be_used(
    row: Rows, model: Any, construct: Construct
) -> None:
    asks = {"samplers.0": model([OWN]), "correctors.0": model(lambda request: ["no report"])}
    built = construct(load_recipe("opa_dpo", POLICY), row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, OWN)]
    assert _reasons(built) == [("candidate", "bad_rewrite")]


def test_povid_spoils_the_gold_answer_before_the_picture(
    row: Rows, rewriter: Any, construct: Construct
) -> None:
    spoilt = GOLD.replace("A spoon", "A spoon and a cake").replace("lies", "lie")
    spoiler = rewriter({GOLD: spoilt})
    recipe = load_recipe("povid", ["correctors.0.model=gpt"])
    assert set(recipe.models()) == {"correctors.0"}
    built = construct(recipe, row(chosen=GOLD), {"correctors.0": spoiler})
    assert _said(built) == [(GOLD, spoilt)]
    [asked] = spoiler.requests
    assert _pictures(asked) == 1
    system = str(asked.messages[0].parts[0])
    assert all(f"- {kind}: " in system for kind in ("objects", "relations", "attributes", "reasoning"))
    assert "- counts: " not in system


def test_povid_with_answers_from_the_noised_picture(
    row: Rows, model: Any, rewriter: Any, construct: Construct
) -> None:
    sampler = "{model: policy, side: rejected, images: {name: diffusion_noise, params: {step: 500}}}"
    recipe = load_recipe("povid", ["correctors.0.model=gpt", f"samplers=[{sampler}]"])
    for answer, said in [(NOISED, [(GOLD, NOISED)]), ("The picture is too blurry to see anything.", [])]:
        asks = {"samplers.0": model([answer]), "correctors.0": rewriter({})}
        built = construct(recipe, row(chosen=GOLD), asks)
        assert _said(built) == said
    assert {"damage_talk", "no_correction"} <= {one.reason for one in built.rejects}


def test_bpo_sets_the_gold_answer_over_three_negatives(
    row: Rows, model: Any, rewriter: Any, construct: Construct, picture: Image
) -> None:
    other, spoilt = "A glass of beer stands on a mat. A fork lies beside it.", GOLD.replace("white", "blue")
    writer, similar, errors = model([NOISED]), rewriter({GOLD: other}), rewriter({GOLD: spoilt})
    asks = {"samplers.0": writer, "correctors.0": similar, "correctors.1": errors}
    built = construct(load_recipe("bpo", POLICY), row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, NOISED), (GOLD, other), (GOLD, spoilt)]
    assert {pair.kind for pair in built.pairs} == {"text"}
    [asked] = writer.requests
    assert (asked.sampling.temperature, asked.sampling.max_tokens) == (0.2, 1024)
    [shown] = [part for part in asked.messages[-1].parts if isinstance(part, Image)]
    assert shown.sha256 != picture.sha256
    [told] = json.loads(built.pairs[0].provenance or "")["rejected"]["params"]["images"]
    assert (told["perturbation"], told["params"]["step"]) == ("diffusion_noise", 900)
    for request in (*similar.requests, *errors.requests):
        assert _pictures(request) == 0
        assert (request.sampling.temperature, request.sampling.top_p) == (0.8, 0.95)
    assert "similar" in str(similar.requests[0].messages[0].parts[0])
    assert "- objects: " in str(errors.requests[0].messages[0].parts[0])


def test_bpo_leaves_out_answers_that_speak_of_the_noise(
    row: Rows, model: Any, rewriter: Any, construct: Construct
) -> None:
    asks = {
        "samplers.0": model(["The image shows colorful static noise."]),
        "correctors.0": rewriter({}),
        "correctors.1": rewriter({GOLD: GOLD.replace("white", "blue")}),
    }
    built = construct(load_recipe("bpo", POLICY), row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, GOLD.replace("white", "blue"))]
    assert {("pair", "damage_talk"), ("candidate", "no_correction")} == set(_reasons(built))

"""The builder of corrected answers, row by row."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pairwright.builders import ROOM, Built, Run
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.pair import Pair
from pairwright.schemas.request import Answer, Request
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.span import Span

Build = Callable[..., Built]
Rows = Callable[..., SourceRow]

GOLD = "A cup of coffee is beside a spoon."
DOG, DOG_MENDED = "A dog sleeps beside a spoon.", "A cup stands beside a spoon."
TEA, TEA_MENDED = "A pot of tea stands on a tray.", "A cup of coffee stands on a saucer."
RIGHT = "There is coffee in the cup."
MENDED = {DOG: DOG_MENDED, TEA: TEA_MENDED}
SPOILT = {GOLD: "A cup of coffee is beside a fork."}

MINIMAL = {"kind": "minimal", "model": "editor"}
INJECT = {"kind": "inject", "model": "spoiler"}
STYLE = {"kind": "style_match", "model": "stylist"}
WRITER = {"model": "policy", "n": 2}
NOISED = {
    "model": "policy",
    "images": {"name": "diffusion_noise", "params": {"step": 900}},
    "side": "rejected",
}
OWN = {"of": "own", "samplers": [WRITER], "correctors": [MINIMAL]}
SPOIL = {"of": "chosen", "correctors": [INJECT]}


def _said(built: Built) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in built.pairs]


def _reasons(built: Built) -> list[tuple[str, str]]:
    return [(one.scope, one.reason) for one in built.rejects]


def _marked(pair: Pair) -> tuple[list[str], list[str]]:
    """Return the words in the spans of both sides."""
    return (
        [pair.chosen[one.start : one.end] for one in pair.chosen_spans],
        [pair.rejected[one.start : one.end] for one in pair.rejected_spans],
    )


def _told(pair: Pair, side: str) -> Any:
    return json.loads(pair.provenance or "")[side]


def _failing(reason: Any) -> Callable[[Request], list[str]]:
    def write(request: Request) -> list[str]:
        raise RowError(reason, None, "no answer at nine tries")

    return write


def test_own_answers_are_corrected_and_each_pairs_with_its_own_correction(
    build: Build, row: Rows, model: Any, rewriter: Any
) -> None:
    editor = rewriter(MENDED)
    asks = {"samplers.0": model([f" {DOG}\n", TEA]), "correctors.0": editor}
    built = build("corrected", OWN, row(), asks)
    assert _said(built) == [(DOG_MENDED, DOG), (TEA_MENDED, TEA)]
    assert built.rejects == ()
    pair = built.pairs[0]
    assert (pair.chosen_model, pair.rejected_model, pair.kind) == ("editor", "policy", "text")
    assert _marked(pair) == (["cup stands"], ["dog sleeps"])
    assert len({request.sampling.seed for request in editor.requests}) == 2
    kept = built.candidates[0].candidates
    assert [(one.text, one.side) for one in kept] == [
        (DOG, "rejected"),
        (TEA, "rejected"),
        (DOG_MENDED, "chosen"),
        (TEA_MENDED, "chosen"),
    ]
    assert [one.spans for one in kept[:3:2]] == [pair.rejected_spans, pair.chosen_spans]


def test_provenance_tells_how_a_correction_was_made(
    build: Build, row: Rows, model: Any, rewriter: Any
) -> None:
    asks = {"samplers.0": model([DOG, TEA]), "correctors.0": rewriter(MENDED)}
    [_, pair] = build("corrected", OWN, row(), asks).pairs
    told, before = _told(pair, "chosen"), _told(pair, "rejected")
    prompt = told["params"].pop("prompt")
    assert prompt.startswith("minimal v1 #")
    assert told == {
        "round": 1,
        "params": {
            "corrector": "correctors.0",
            "kind": "minimal",
            "of": 1,
            "variant": 0,
            "notes": {"errors": [{"wrong": "that", "right": "this"}]},
            "before": before["params"],
        },
    }
    assert before["params"]["sampler"] == "samplers.0"


def test_candidates_of_the_source_are_corrected(build: Build, row: Rows, rewriter: Any) -> None:
    given = row(
        candidates=(
            Candidate(DOG, "older", score=2.0),
            Candidate(TEA, "older", side="rejected"),
            Candidate(RIGHT, side="chosen"),
        )
    )
    built = build("corrected", {"correctors": [MINIMAL]}, given, {"correctors.0": rewriter(MENDED)})
    assert _said(built) == [(DOG_MENDED, DOG), (TEA_MENDED, TEA)]


def _second_round(first: Built, row: SourceRow) -> SourceRow:
    """Return a row as the next round's source has it: with the answers of the first one."""
    return replace(row, candidates=first.candidates[0].candidates)


@pytest.mark.parametrize(("rounds", "asked"), [("all", 2), ("latest", 1)])
def test_the_next_round_corrects_answers_and_not_corrections(
    row: Rows, model: Any, rewriter: Any, rounds: str, asked: int
) -> None:
    part = ROOM.get("corrected")
    parameters = OWN | {"style": STYLE, "pairing": {"rounds": rounds}}
    settings = part.settings.model_validate(parameters)
    stylist = rewriter({DOG: "A dog, asleep.", DOG_MENDED: "A cup, upright."})
    asks = {"samplers.0": model([DOG, DOG]), "correctors.0": rewriter(MENDED), "style": stylist}
    first = asyncio.run(part.prepare(settings, Run("t", 0, "0", 1))(row(), asks))  # type: ignore[arg-type, misc]
    assert _said(first) == [("A cup, upright.", "A dog, asleep.")]
    editor = rewriter(MENDED)
    asks |= {"samplers.0": model([TEA, TEA]), "correctors.0": editor, "style": rewriter({})}
    second = asyncio.run(part.prepare(settings, Run("t", 0, "0", 2))(_second_round(first, row()), asks))  # type: ignore[arg-type, misc]
    assert len(editor.requests) == asked
    old = {(DOG_MENDED, DOG)} if rounds == "all" else set()
    assert set(_said(second)) == {(TEA_MENDED, TEA), *old}


def test_the_corrector_is_the_first_samplers_model_if_none_is_named() -> None:
    part = ROOM.get("corrected")
    parameters = OWN | {"correctors": [{"kind": "minimal"}, MINIMAL], "style": {"kind": "style_match"}}
    models = part.models(part.settings.model_validate(parameters))  # type: ignore[union-attr]
    assert {place: one.model for place, one in models.items()} == {
        "samplers.0": "policy",
        "correctors.0": "policy",
        "correctors.1": "editor",
        "style": "policy",
    }


def test_the_gold_answer_stands_over_its_spoilt_text(build: Build, row: Rows, rewriter: Any) -> None:
    built = build("corrected", SPOIL, row(chosen=GOLD), {"correctors.0": rewriter(SPOILT)})
    [pair] = built.pairs
    assert (pair.chosen, pair.rejected) == (GOLD, SPOILT[GOLD])
    assert (pair.chosen_model, pair.rejected_model) == (None, "spoiler")
    assert _marked(pair) == (["spoon"], ["fork"])
    assert _told(pair, "rejected")["params"]["before"] == {"from": "chosen"}


def test_each_variant_has_spans_of_its_own(build: Build, row: Rows, rewriter: Any) -> None:
    spoilt = ["A cup of coffee is beside a fork.", "A glass of coffee is beside a spoon."]
    spoiler = rewriter({GOLD: spoilt})
    built = build("corrected", SPOIL | {"variants": 2}, row(chosen=GOLD), {"correctors.0": spoiler})
    assert _said(built) == [(GOLD, spoilt[0]), (GOLD, spoilt[1])]
    assert [_marked(pair) for pair in built.pairs] == [(["spoon"], ["fork"]), (["cup"], ["glass"])]
    assert built.candidates[0].candidates[0].spans == ()  # other ones in each pair
    assert [_told(pair, "rejected")["params"]["variant"] for pair in built.pairs] == [0, 1]
    assert len({one.sampling.seed for one in spoiler.requests}) == 2


def test_two_correctors_spoil_the_same_answer(build: Build, row: Rows, rewriter: Any) -> None:
    fork, glass = "A cup of coffee is beside a fork.", "A glass of coffee is beside a spoon."
    asks = {"correctors.0": rewriter({GOLD: fork}), "correctors.1": rewriter({GOLD: glass})}
    parameters = SPOIL | {"correctors": [INJECT, INJECT | {"params": {"mode": "similar_image"}}]}
    built = build("corrected", parameters, row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, fork), (GOLD, glass)]
    assert [_told(pair, "rejected")["params"]["corrector"] for pair in built.pairs] == [
        "correctors.0",
        "correctors.1",
    ]


def test_answers_written_for_the_other_side_join(build: Build, row: Rows, model: Any, rewriter: Any) -> None:
    writer = model([DOG])
    parameters = SPOIL | {"samplers": [NOISED]}
    asks = {"samplers.0": writer, "correctors.0": rewriter(SPOILT)}
    built = build("corrected", parameters, row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, DOG), (GOLD, SPOILT[GOLD])]
    # what the corrector did to the gold answer says nothing of an answer that was not made of it
    assert [_marked(pair) for pair in built.pairs] == [([], []), (["spoon"], ["fork"])]
    assert _told(built.pairs[0], "rejected")["params"]["images"][0]["perturbation"] == "diffusion_noise"
    assert built.pairs[0].kind == "text"


def test_the_gold_answer_stands_over_own_ones_too(build: Build, row: Rows, model: Any, rewriter: Any) -> None:
    asks = {"samplers.0": model([DOG, TEA]), "correctors.0": rewriter(MENDED)}
    built = build("corrected", OWN | {"also_gold": True}, row(chosen=GOLD), asks)
    # gold is answer 0; a correction never stands over an answer that it was not made of
    assert _said(built) == [(GOLD, DOG), (GOLD, TEA), (DOG_MENDED, DOG), (TEA_MENDED, TEA)]
    assert _marked(built.pairs[0]) == ([], ["dog sleeps"])


def test_an_own_answer_without_a_fault_is_not_rejected(
    build: Build, row: Rows, model: Any, rewriter: Any
) -> None:
    asks = {"samplers.0": model([DOG, RIGHT]), "correctors.0": rewriter(MENDED)}
    built = build("corrected", OWN | {"also_gold": True}, row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, DOG), (DOG_MENDED, DOG)]
    assert _reasons(built) == [("candidate", "no_correction")]
    asks = {"samplers.0": model([RIGHT, "So it is."]), "correctors.0": rewriter(MENDED)}
    built = build("corrected", OWN | {"also_gold": True}, row(chosen=GOLD), asks)
    assert _said(built) == []
    assert _reasons(built) == [*[("candidate", "no_correction")] * 2, ("row", "no_correction")]


def test_a_rewrite_that_cannot_be_used_costs_its_own_pair(
    build: Build, row: Rows, model: Any, rewriter: Any
) -> None:
    asks = {"samplers.0": model([DOG, TEA]), "correctors.0": rewriter(MENDED | {DOG: "It is <image>."})}
    built = build("corrected", OWN | {"also_gold": True}, row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, DOG), (GOLD, TEA), (TEA_MENDED, TEA)]
    [reject] = built.rejects
    assert (reject.scope, reject.reason, reject.field) == ("candidate", "bad_rewrite", "correctors.0")
    assert reject.message.startswith("rewriting answer 1: the rewritten text holds '<image>'")


def test_a_failed_call_is_tried_again_with_its_row(
    build: Build, row: Rows, model: Any, rewriter: Any
) -> None:
    asks = {
        "samplers.0": model([DOG]),
        "correctors.0": rewriter(SPOILT),
        "correctors.1": model(_failing("call_failed")),
    }
    parameters = SPOIL | {"samplers": [NOISED], "correctors": [INJECT, INJECT]}
    built = build("corrected", parameters, row(chosen=GOLD), asks)
    assert built.pairs == ()
    assert _reasons(built) == [("row", "call_failed")]
    assert built.rejects[0].message == "rewriting answer 0: no answer at nine tries"
    assert [one.text for one in built.candidates[0].candidates] == [GOLD, DOG]
    asks["samplers.0"], asks["correctors.1"] = model(_failing("call_failed")), rewriter(SPOILT)
    built = build("corrected", parameters, row(chosen=GOLD), asks)
    assert _reasons(built)[-1] == ("row", "call_failed")
    assert asks["correctors.1"].requests == []


def test_a_refused_call_costs_its_own_answer(build: Build, row: Rows, model: Any, rewriter: Any) -> None:
    asks = {"correctors.0": rewriter(SPOILT), "correctors.1": model(_failing("call_refused"))}
    built = build("corrected", SPOIL | {"correctors": [INJECT, INJECT]}, row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, SPOILT[GOLD])]
    assert _reasons(built) == [("candidate", "call_refused")]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ([Answer(DOG, "length"), Answer(TEA, "length")], "answer_cut"),
        (["", ""], "empty_answer"),
        ([RIGHT, RIGHT], "no_correction"),
    ],
)
def test_a_row_without_a_pair_says_why(
    build: Build, row: Rows, model: Any, rewriter: Any, written: list[Any], reason: str
) -> None:
    asks = {"samplers.0": model(written), "correctors.0": rewriter(MENDED)}
    built = build("corrected", OWN, row(), asks)
    assert [one.reason for one in built.rejects if one.scope == "row"] == [reason]


def test_a_gold_answer_that_cannot_be_used_is_not_rewritten(
    build: Build, row: Rows, model: Any, rewriter: Any
) -> None:
    spoiler = rewriter(SPOILT)
    built = build("corrected", SPOIL, row(chosen="A cup <image>."), {"correctors.0": spoiler})
    assert _reasons(built) == [("row", "special_token")]
    assert spoiler.requests == []
    asks = {"samplers.0": model([DOG, TEA]), "correctors.0": rewriter(MENDED)}
    built = build("corrected", OWN | {"also_gold": True}, row(chosen="A cup <image>."), asks)
    assert _said(built) == [(DOG_MENDED, DOG), (TEA_MENDED, TEA)]


def test_own_answers_may_be_spoilt_too(build: Build, row: Rows, model: Any, rewriter: Any) -> None:
    asks = {
        "samplers.0": model([DOG_MENDED, TEA_MENDED]),
        "correctors.0": rewriter({DOG_MENDED: DOG, TEA_MENDED: TEA}),
    }
    parameters = OWN | {"correctors": [INJECT], "also_gold": True}
    built = build("corrected", parameters, row(chosen=GOLD), asks)
    assert _said(built) == [(GOLD, DOG), (GOLD, TEA), (DOG_MENDED, DOG), (TEA_MENDED, TEA)]


def test_gold_answers_may_be_made_better(build: Build, row: Rows, rewriter: Any) -> None:
    parameters = {"of": "chosen", "correctors": [MINIMAL]}
    given = row(chosen=DOG, candidates=(Candidate(TEA_MENDED, side="chosen"), Candidate(TEA)))
    built = build("corrected", parameters, given, {"correctors.0": rewriter(MENDED)})
    assert _said(built) == [(TEA_MENDED, DOG), (DOG_MENDED, DOG)]


def test_an_own_answer_that_is_the_gold_one_is_not_rewritten(
    build: Build, row: Rows, model: Any, rewriter: Any
) -> None:
    editor = rewriter(MENDED)
    asks = {"samplers.0": model([GOLD, GOLD]), "correctors.0": editor}
    built = build("corrected", OWN | {"also_gold": True}, row(chosen=GOLD), asks)
    assert editor.requests == []
    assert built.rejects[-1].message == (
        "there is no answer to rewrite; answer 1 repeats answer 0; answer 2 repeats answer 0"
    )
    assert _reasons(built) == [*[("candidate", "repeated_answer")] * 2, ("row", "too_few_answers")]


def test_repeated_answers_are_rewritten_once(build: Build, row: Rows, model: Any, rewriter: Any) -> None:
    editor = rewriter(MENDED)
    asks = {"samplers.0": model([DOG, f"{DOG} "]), "correctors.0": editor}
    built = build("corrected", OWN, row(), asks)
    assert _said(built) == [(DOG_MENDED, DOG)]
    assert len(editor.requests) == 1
    assert _reasons(built) == [("candidate", "repeated_answer")]


def test_two_answers_may_have_the_same_correction(build: Build, row: Rows, model: Any, rewriter: Any) -> None:
    asks = {"samplers.0": model([DOG, TEA]), "correctors.0": rewriter({DOG: RIGHT, TEA: RIGHT})}
    assert _said(build("corrected", OWN, row(), asks)) == [(RIGHT, DOG), (RIGHT, TEA)]


def test_the_cap_is_over_all_pairs_of_a_row(build: Build, row: Rows, model: Any, rewriter: Any) -> None:
    asks = {"samplers.0": model([DOG, TEA]), "correctors.0": rewriter(MENDED)}
    built = build("corrected", OWN | {"pairing": {"per_prompt": 1}}, row(), asks)
    assert len(built.pairs) == 1
    assert _said(built)[0] in [(DOG_MENDED, DOG), (TEA_MENDED, TEA)]
    assert _reasons(built) == [("pair", "over_cap")]


STYLED = {
    DOG: ["A dog is asleep beside a spoon.", "Next to a spoon, a dog sleeps."],
    DOG_MENDED: ["A cup is standing beside a spoon.", "Next to a spoon, a cup stands."],
}


def _styled(build: Build, row: SourceRow, asks: Mapping[str, Any], **more: Any) -> Built:
    return build("corrected", OWN | {"style": STYLE, "style_variants": 2} | more, row, asks)


def test_both_sides_are_brought_to_one_style(build: Build, row: Rows, model: Any, rewriter: Any) -> None:
    stylist = rewriter(STYLED)
    asks = {"samplers.0": model([DOG, RIGHT]), "correctors.0": rewriter(MENDED), "style": stylist}
    built = _styled(build, row(), asks)
    # variant with variant, never across; nothing is spent on an answer that has no correction
    assert _said(built) == [(STYLED[DOG_MENDED][n], STYLED[DOG][n]) for n in range(2)]
    assert len(stylist.requests) == 4
    assert [_marked(pair) for pair in built.pairs] == [
        (["cup", "standing"], ["dog", "asleep"]),
        (["cup stands"], ["dog sleeps"]),
    ]
    pair = built.pairs[1]
    assert (pair.chosen_model, pair.rejected_model) == ("stylist", "stylist")
    told = _told(pair, "chosen")["params"]
    assert (told["corrector"], told["kind"], told["of"], told["variant"]) == ("style", "style_match", 2, 1)
    assert told["before"]["kind"] == "minimal"
    assert _told(pair, "rejected")["params"]["before"]["sampler"] == "samplers.0"
    kept = [one.text for one in built.candidates[0].candidates]
    assert kept == [DOG, RIGHT, DOG_MENDED, *STYLED[DOG], *STYLED[DOG_MENDED]]


def test_spans_behind_the_style_keep_the_correctors_weight(
    build: Build, row: Rows, model: Any, rewriter: Any
) -> None:
    light = {**MINIMAL, "params": {"weight": 3}}
    asks = {"samplers.0": model([DOG, RIGHT]), "correctors.0": rewriter(MENDED), "style": rewriter(STYLED)}
    built = _styled(build, row(), asks, correctors=[light])
    spans = [one for pair in built.pairs for one in (*pair.chosen_spans, *pair.rejected_spans)]
    assert [one.weight for one in spans] == [3.0] * 6


def test_variants_that_are_the_same_are_one_pair(build: Build, row: Rows, model: Any, rewriter: Any) -> None:
    greedy = rewriter({text: said[0] for text, said in STYLED.items()})
    asks = {"samplers.0": model([DOG, DOG]), "correctors.0": rewriter(MENDED), "style": greedy}
    built = _styled(build, row(), asks)
    assert _said(built) == [(STYLED[DOG_MENDED][0], STYLED[DOG][0])]
    assert [one.message for one in built.rejects] == [
        "answer 1 repeats answer 0",
        "answers 6 over 4 repeat answers 5 over 3",
    ]


def test_a_text_that_has_the_style_stays(build: Build, row: Rows, model: Any, rewriter: Any) -> None:
    asks = {"samplers.0": model([DOG, DOG]), "correctors.0": rewriter(MENDED), "style": rewriter({})}
    built = _styled(build, row(), asks, style_variants=1)
    assert _said(built) == [(DOG_MENDED, DOG)]
    assert _marked(built.pairs[0]) == (["cup stands"], ["dog sleeps"])


def test_the_gold_answer_goes_through_the_style_too(
    build: Build, row: Rows, model: Any, rewriter: Any
) -> None:
    styled = {GOLD: "Coffee, in short.", DOG: "A dog there.", DOG_MENDED: "A cup there."}
    asks = {"samplers.0": model([DOG, DOG]), "correctors.0": rewriter(MENDED), "style": rewriter(styled)}
    built = _styled(build, row(chosen=GOLD), asks, style_variants=1, also_gold=True)
    assert _said(built) == [("Coffee, in short.", "A dog there."), ("A cup there.", "A dog there.")]


def test_a_side_that_the_style_loses_costs_its_pair(
    build: Build, row: Rows, model: Any, rewriter: Any
) -> None:
    broken = {DOG: ["Fine as it is, a dog.", ""], DOG_MENDED: ["Fine as it is, a cup.", "A cup, then."]}
    stylist = rewriter(broken)
    asks = {"samplers.0": model([DOG, DOG]), "correctors.0": rewriter(MENDED), "style": stylist}
    parameters = {"style": STYLE | {"params": {"attempts": 1}}}
    built = _styled(build, row(), asks, **parameters)
    assert _said(built) == [("Fine as it is, a cup.", "Fine as it is, a dog.")]
    assert ("candidate", "bad_rewrite") in _reasons(built)
    asks["style"] = rewriter({DOG: "", DOG_MENDED: ""})
    built = _styled(build, row(), asks, **parameters)
    assert _reasons(built)[-1] == ("row", "bad_rewrite")
    assert "(4 of 4 failed rewrites)" in built.rejects[-1].message


def test_a_row_that_lacks_what_a_corrector_goes_by_costs_nothing(build: Build, row: Rows) -> None:
    evidence = OWN | {"correctors": [MINIMAL | {"params": {"look": "evidence"}}]}
    assert _reasons(build("corrected", evidence, row(), {})) == [("row", "no_evidence")]
    reference = OWN | {"correctors": [{"kind": "sentences", "model": "e"}]}
    assert _reasons(build("corrected", reference, row(), {})) == [("row", "no_ground_truth")]
    assert _reasons(build("corrected", SPOIL, row(), {})) == [("row", "no_answer")]
    opinion = OWN | {"second_opinion": {"kind": "pairwise", "model": "j", "params": {"look": "evidence"}}}
    assert _reasons(build("corrected", opinion, row(), {})) == [("row", "no_evidence")]


def test_a_second_opinion_and_guards_look_at_the_pairs(
    build: Build, row: Rows, model: Any, rewriter: Any, comparing_judge: Any
) -> None:
    parameters = OWN | {
        "second_opinion": {"kind": "pairwise", "model": "elder"},
        "guards": [{"kind": "near_equal", "params": {"above": 0.8}}],
    }
    near = "A dog sleeps beside a fork."
    asks = {
        "samplers.0": model([DOG, TEA]),
        "correctors.0": rewriter({DOG: near, TEA: TEA_MENDED}),
        "second_opinion": comparing_judge([TEA, TEA_MENDED]),
    }
    parameters["guards"][0]["params"] = {"above": 0.6}
    built = build("corrected", parameters, row(), asks)
    assert built.pairs == ()
    assert {one.reason for one in built.rejects} == {"near_equal", "rejected_as_good"}


def test_spans_move_with_the_white_space_that_is_taken_off(
    build: Build, row: Rows, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pairwright.correctors import ROOM as CORRECTORS
    from pairwright.correctors import Corrector, Rewritten, Task
    from pairwright.schemas.settings import Settings

    async def correct(task: Task, ask: Any) -> Rewritten:
        return Rewritten("\n A cup. ", (Span(4, 7, 5.0), Span(8, 9, 5.0)), (Span(2, 5, 5.0),), notes="so")

    part = Corrector(Settings, lambda settings: correct, "better", "", "")
    get = type(CORRECTORS).get
    monkeypatch.setattr(
        type(CORRECTORS),
        "get",
        lambda room, name: part if name == "spaced" and room is CORRECTORS else get(room, name),
    )
    parameters = OWN | {"correctors": [{"kind": "spaced", "model": "e"}]}
    built = build(
        "corrected",
        parameters,
        row(),
        {"samplers.0": model(["A dog.", "A dog."])} | {"correctors.0": model([])},
    )
    [pair] = built.pairs
    assert _marked(pair) == (["cup"], ["dog"])
    assert _told(pair, "chosen")["params"]["notes"] == "so"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"correctors": [{"kind": "style_match"}]}, r"correctors\.0\.kind: style_match makes an answer no better"),
        ({"style": {"kind": "minimal"}}, r"style\.kind: minimal makes an answer better; here stands one of style"),
        ({"correctors": [MINIMAL, INJECT]}, r"correctors\.1\.kind: inject makes answers worse, and correctors\.0"),
        ({"correctors": [{"kind": "minimol"}]}, r"correctors\.0\.kind: no 'minimol' .* 'minimal'"),
        ({"correctors": [{"kind": "minimal", "base_url": "http://a/v1"}]}, r"correctors\.0\.base_url: set "),
        ({"style_variants": 2}, r"style_variants: there is no style"),
        ({"of": "chosen", "samplers": [], "also_gold": True}, r"also_gold: with of: chosen"),
        ({"of": "chosen"}, r"samplers\.0\.side: the gold answer is rewritten, .* expected chosen"),
        ({"samplers": [NOISED]}, r"samplers\.0\.side: answers of a sampler are rewritten \(side any\); expected any"),
        ({"samplers": [WRITER | {"side": "chosen"}], "also_gold": True}, r"samplers\.0\.side: .* any or rejected"),
        ({"pairing": {"rule": "margin"}}, r"pairing\.rule: margin goes by scores"),
    ],
)  # fmt: skip
def test_what_could_give_no_pair_is_told_before_anything_is_paid(
    parameters: dict[str, Any], message: str
) -> None:
    part = ROOM.get("corrected")
    with pytest.raises(ParameterError, match=message):
        part.prepare(part.settings.model_validate(OWN | parameters), Run("t", 0, "0"))


def test_prompt_files_belong_to_the_run() -> None:
    part = ROOM.get("corrected")
    settings = part.settings.model_validate(OWN | {"style": STYLE})
    marks = part.marks(settings)  # type: ignore[union-attr, misc]
    assert set(marks) == {"correctors.0.params.prompt", "style.params.prompt"}

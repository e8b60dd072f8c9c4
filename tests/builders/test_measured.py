"""measured: pairs as they are, with what a blind judge, blind answers, texts, likelihoods and encoders say of them."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pairwright.annotators import Encode
from pairwright.builders import ROOM, Built, EncodingBuilder, Neighbours, Run
from pairwright.recipe import load_recipe
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.errors import ParameterError, RecipeError, RowError
from pairwright.schemas.image import Image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import pair_id
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Request, Token
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.span import Span

TEXTLESS: dict[str, Any] = {"text": ()}
JUDGE: dict[str, Any] = {"blind": {"judge": {"model": "j"}, **TEXTLESS}}
Said = list[tuple[str, str, str, float | None]]
Measured = Callable[..., Built]


@pytest.fixture
def measured(row: Callable[..., SourceRow], alone: Neighbours) -> Measured:
    """Return a way to measure one pair."""

    def run(
        parameters: Mapping[str, Any],
        asks: Mapping[str, Any] = {},
        encodes: Sequence[Encode] = (),
        **fields: Any,
    ) -> Built:
        part = ROOM.get("measured")
        assert isinstance(part, EncodingBuilder)
        settings = part.settings.model_validate(parameters)
        construct = part.prepare(settings, Run("test", 0, "0"))
        source = row(**{"chosen": "A cup.", "rejected": "A cat.", **fields})

        async def built() -> Built:
            return await construct(
                source, alone, asks, dict(zip(part.encoders(settings), encodes, strict=True))
            )

        made = asyncio.run(built())
        assert len([one for one in made.rejects if one.scope == "row"]) == 1 - len(made.pairs)
        return made

    return run


@pytest.fixture(scope="module")
def other_picture() -> Image:
    import numpy as np

    return read_image(encode(np.full((8, 8, 3), 200, np.uint8), "png"))


def said(built: Built) -> Said:
    return [(one.target, one.scorer, one.aspect, one.value) for one in built.pairs[0].scores]


def told(built: Built) -> list[tuple[str, str | None, str]]:
    return [(one.reason, one.field, one.message) for one in built.rejects]


class Likely:
    """A model that tells how likely a given answer is: -1 for each word, and more where it is shown a picture."""

    def __init__(self, gain: Mapping[str, float]) -> None:
        self.gain = gain
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> tuple[Answer, ...]:
        self.requests.append(request)
        assert request.scored is not None
        pictures = [p.sha256 for m in request.messages for p in m.parts if not isinstance(p, str)]
        gained = self.gain.get(request.scored, 0.0) if pictures else 0.0
        words = request.scored.split()
        tokens = tuple(Token(word, -1.0 + gained) for word in words)
        return (Answer(request.scored, "stop", tokens),)


def test_the_pair_stays_as_it_is(measured: Measured, row: Any) -> None:
    spans = (Span(2, 5, 5.0),)
    mine = Judgement("chosen", "someone", "taste", 4.0, 1.0, 5.0, "good")
    fields: dict[str, Any] = {
        "pair_id": "0123456789abcdef0123456789abcdef",
        "scores": (mine, Judgement("pair", "text", "longer", 0.0)),
        "score_chosen": 4.0,
        "chosen_model": "m",
        "rejected_model": "n",
        "chosen_spans": spans,
        "provenance": '{"builder": "judged", "rule": "margin"}',
        "ground_truth": "cup",
    }
    (pair,) = measured({"blind": {"text": ["length"]}}, **fields).pairs
    source = row(chosen="A cup.", rejected="A cat.", **fields)
    assert (pair.id, pair.chosen, pair.rejected, pair.kind) == (
        "0123456789abcdef0123456789abcdef",
        "A cup.",
        "A cat.",
        "text",
    )
    for name in ("prompt", "source", "source_id", "license", "language", "tags", "extra", "ground_truth"):
        assert getattr(pair, name) == getattr(source, name)
    assert (pair.chosen_spans, pair.score_chosen, pair.chosen_model) == (spans, 4.0, "m")
    assert pair.scores == (
        mine,
        Judgement(
            "pair", "text", "longer", 0.5, 0.0, 1.0, "2 words over 2"
        ),  # in place of what was said before
    )
    note = json.loads(pair.provenance or "")
    assert note == {
        "builder": "judged",
        "rule": "margin",
        "measured": [{"recipe": "test", "pairwright": "0", "seed": 0, "by": {}}],
    }
    again = measured({"blind": {"text": ["length"]}}, **{**fields, "provenance": pair.provenance}).pairs[0]
    assert len(json.loads(again.provenance or "")["measured"]) == 2
    foreign = measured({"blind": {"text": ["length"]}}, provenance="[1]").pairs[0]
    assert json.loads(foreign.provenance or "")["of_source"] == "[1]"
    assert foreign.id == pair_id("t.jsonl:0", source.prompt, "A cup.", "A cat.", None)


def test_a_row_that_is_no_pair_is_a_reject(measured: Measured, model: Any) -> None:
    judge = model([])
    for side in ("chosen", "rejected"):
        built = measured(JUDGE, {"blind.judge": judge}, **{side: None})
        assert [(reason, field) for reason, field, _ in told(built)] == [("no_answer", side)]
    assert judge.requests == []


def test_the_judge_is_shown_no_picture(
    measured: Measured, comparing_judge: Any, shown_answers: Any, picture: Image
) -> None:
    judge = comparing_judge(["A cup.", "A cat."])
    built = measured(JUDGE, {"blind.judge": judge}, prompt=Prompt("<image>\nWhat is it?", (picture,)))
    assert said(built) == [("pair", "j", "blind_decided", 1.0), ("pair", "j", "blind_preference", 1.0)]
    assert built.pairs[0].scores[0].rationale == "first shown as A: seen\nfirst shown as B: seen"
    first, second = judge.requests
    assert [list(shown_answers(one).values()) for one in (first, second)] == [
        ["A cup.", "A cat."],
        ["A cat.", "A cup."],
    ]
    for request in judge.requests:
        assert all(isinstance(part, str) for message in request.messages for part in message.parts)
        assert "<image>" not in str(request.messages)
        assert "The picture is withheld from you on purpose" in request.messages[0].parts[0]
    note = json.loads(built.pairs[0].provenance or "")["measured"][0]["by"]
    digest = note.pop("blind.judge.params.prompt")
    assert note == {"blind.judge": {"model": "j", "kind": "pairwise", "params": {"prompt": "blind"}}}
    assert load_recipe("blind_test").marks()["blind.judge.params.prompt"].startswith(digest)


@pytest.mark.parametrize(
    ("order", "decided", "preference"),
    [(["A cat.", "A cup."], 0.0, -1.0), ([], 0.0, 0.0)],
)
def test_what_is_not_decided_for_the_chosen_side(
    measured: Measured, comparing_judge: Any, order: list[str], decided: float, preference: float
) -> None:
    built = measured(JUDGE, {"blind.judge": comparing_judge(order)})
    assert [value for *_, value in said(built)] == [decided, preference]


def test_a_judge_that_only_likes_a_place_cannot_judge(measured: Measured, model: Any) -> None:
    judge = model([json.dumps({"rationale": "the first", "verdict": "A"})])
    built = measured(JUDGE, {"blind.judge": judge})
    assert [value for *_, value in said(built)] == [None, None]
    assert (built.pairs[0].scores[0].rationale or "").startswith("the two orders disagree: first, second")
    band = {**JUDGE, "accept": {"blind_decided": {"max": 0}}}
    assert told(measured(band, {"blind.judge": judge})) == [
        ("outside_band", "accept.blind_decided", "blind_decided has no value for this pair")
    ]
    band = {**JUDGE, "accept": {"blind_decided": {"max": 0, "undefined": "keep"}}}
    assert measured(band, {"blind.judge": judge}).pairs


def test_what_is_decided_blind_can_be_left_out(measured: Measured, comparing_judge: Any) -> None:
    judge = comparing_judge(["A cup.", "A cat."])
    band = {**JUDGE, "accept": {"blind_decided": {"max": 0}}}
    assert told(measured(band, {"blind.judge": judge})) == [
        ("outside_band", "accept.blind_decided", "blind_decided 1 is above 0")
    ]


def test_nobody_is_asked_about_what_is_outside_for_nothing(measured: Measured, model: Any) -> None:
    judge = model([])
    parameters = {"blind": {"judge": {"model": "j"}, "text": ["length"]}, "accept": {"longer": {"max": 0}}}
    built = measured(parameters, {"blind.judge": judge}, chosen="A big cup.")
    assert told(built) == [("outside_band", "accept.longer", "longer 1 is above 0")]
    assert judge.requests == []


def test_nobody_is_asked_where_only_the_pictures_differ(
    measured: Measured, model: Any, other_picture: Image
) -> None:
    judge = model([])
    parameters = {"blind": {"judge": {"model": "j"}, "fluency": {"sampler": "vllm", "model": "f"}}}
    built = measured(
        parameters,
        {"blind.judge": judge, "blind.fluency": judge},
        rejected=None,
        rejected_images=(other_picture,),
    )
    assert judge.requests == []
    assert (built.pairs[0].kind, built.pairs[0].rejected) == ("image", "A cup.")
    assert said(built) == [("pair", "j", "blind_decided", 0.0), ("pair", "j", "blind_preference", 0.0)]


def test_judges_that_rate_are_judges_too(measured: Measured, rating_judge: Any) -> None:
    parameters = {"blind": {"judge": {"model": "j", "kind": "pointwise"}, **TEXTLESS}}
    values = {"A cup.": {"help": 4, "faith": 4}, "A cat.": {"help": 5, "faith": 2}}
    parameters["blind"]["judge"]["params"] = {
        "aspects": [{"name": "help", "description": "helps"}, {"name": "faith", "description": "is true"}]
    }
    built = measured(parameters, {"blind.judge": rating_judge(values)})
    assert [value for *_, value in said(built)] == [1.0, 0.5]
    assert built.pairs[0].scores[0].rationale == "4 for the chosen and 3.5 for the rejected answer"


def test_a_call_that_failed_makes_the_row_a_reject(measured: Measured, picture: Image) -> None:
    async def failing(request: Request) -> tuple[Answer, ...]:
        raise RowError("call_failed", None, "no answer")

    async def refusing(request: Request) -> tuple[Answer, ...]:
        raise RowError("call_refused", None, "too long")

    everyone = {
        "blind": {
            "judge": {"model": "j"},
            "answers": {"model": "a", "verifier": {"kind": "exact"}},
            "fluency": {"sampler": "vllm", "model": "f"},
            **TEXTLESS,
        },
        "dependence": {"sampler": "vllm", "model": "d"},
    }
    places = ("blind.judge", "blind.answers", "blind.fluency", "dependence")
    for failed in places:
        asks = {place: failing if place == failed else refusing for place in places}
        assert [reason for reason, *_ in told(measured(everyone, asks, ground_truth="cup"))] == [
            "call_failed"
        ]
    built = measured(everyone, dict.fromkeys(places, refusing), ground_truth="cup")
    assert {value for *_, value in said(built)} == {None}
    assert {one.rationale for one in built.pairs[0].scores if one.rationale} == {"too long"}


def test_blind_answers_are_checked(measured: Measured, model: Any) -> None:
    sampler = model(["A cup", "cup", Answer("cup", "length"), "a dog"])
    answers = {
        "model": "a",
        "n": 4,
        "temperature": 0.5,
        "ask": "{question}\nGuess.",
        "verifier": {"kind": "exact"},
    }
    parameters = {"blind": {"answers": answers, **TEXTLESS}}
    built = measured(parameters, {"blind.answers": sampler}, ground_truth="Cup")
    (score,) = built.pairs[0].scores
    assert (score.target, score.scorer, score.aspect, score.value) == ("pair", "a", "blind_right", 0.5)
    assert score.rationale == "2 of 4 right; said: A cup, cup, a dog"
    (request,) = sampler.requests
    assert (request.n, request.sampling.temperature) == (4, 0.5)
    assert request.messages[-1].parts == ("What is it?\nGuess.",)
    greedy = {"blind": {"answers": {**answers, "temperature": 0}, **TEXTLESS}}
    measured(greedy, {"blind.answers": model(["cup"])}, ground_truth="cup")
    built = measured(parameters, {"blind.answers": sampler})
    assert (said(built)[0][3], len(sampler.requests)) == (None, 1)
    gold = {"blind": {"answers": {**answers, "reference": "chosen"}, **TEXTLESS}}
    assert said(measured(gold, {"blind.answers": sampler}))[0][3] == 0.5
    band = {**parameters, "accept": {"blind_right": {"max": 0.25}}}
    assert told(measured(band, {"blind.answers": sampler}, ground_truth="cup")) == [
        ("outside_band", "accept.blind_right", "blind_right 0.5 is above 0.25")
    ]


@pytest.mark.parametrize(
    ("chosen", "rejected", "value", "words"),
    [
        ("A big red cup.", "A cat.", 1.0, "4 words over 2"),
        ("Yes", "Not at all", 0.0, "1 word over 3"),
        ("A cup!", "A cat", 0.5, "2 words over 2"),
    ],
)
def test_the_longer_answer(measured: Measured, chosen: str, rejected: str, value: float, words: str) -> None:
    built = measured({"blind": {"text": ["length"]}}, chosen=chosen, rejected=rejected)
    (score,) = built.pairs[0].scores
    assert (score.scorer, score.aspect, score.value, score.rationale) == ("text", "longer", value, words)


def test_the_more_likely_text(measured: Measured) -> None:
    fluency = Likely({})
    parameters = {"blind": {"fluency": {"sampler": "vllm", "model": "f"}, **TEXTLESS}}

    async def ask(request: Request) -> tuple[Answer, ...]:
        (answer,) = await fluency(request)
        better = request.scored == "A cat."
        return (
            replace(
                answer, tokens=tuple(Token(t.text, t.logprob - 0.5 * better) for t in answer.tokens or ())
            ),
        )

    built = measured(parameters, {"blind.fluency": ask})
    assert said(built) == [("pair", "f", "fluent", 1.0)]
    assert built.pairs[0].scores[0].rationale == "-1.000 over -1.500 per token"
    assert all(not isinstance(p, Image) for r in fluency.requests for m in r.messages for p in m.parts)


def test_the_image_dependence_of_both_answers(measured: Measured, picture: Image) -> None:
    model = Likely({"A cup.": 0.75, "A black cat.": 0.25})
    parameters = {"blind": TEXTLESS, "dependence": {"sampler": "vllm", "model": "d"}}
    built = measured(parameters, {"dependence": model}, rejected="A black cat.")
    assert said(built) == [
        ("chosen", "d", "logprob", -0.5),
        ("chosen", "d", "dependence", 0.75),
        ("chosen", "d", "dependence_sum", 1.5),
        ("rejected", "d", "logprob", -2.25),
        ("rejected", "d", "dependence", 0.25),
        ("rejected", "d", "dependence_sum", 0.75),
        ("pair", "d", "dependence_margin", 0.75),
    ]
    assert built.pairs[0].scores[1].rationale == "-0.500 with the picture, -2.000 without, 2 tokens"
    assert [request.scored for request in model.requests] == [
        "A cup.",
        "A cup.",
        "A black cat.",
        "A black cat.",
    ]
    pictures = [[p for m in r.messages for p in m.parts if isinstance(p, Image)] for r in model.requests]
    assert pictures == [[picture], [], [picture], []]
    assert {request.sampling.seed for request in model.requests} == {None}
    for band, message in {
        "dependence": "dependence 0.75 is below 1",
        "dependence_rejected": "dependence_rejected 0.25 is below 1",
        "dependence_margin": "dependence_margin 0.75 is below 1",
    }.items():
        bounded = {**parameters, "accept": {band: {"min": 1}}}
        assert told(measured(bounded, {"dependence": model}, rejected="A black cat.")) == [
            ("outside_band", f"accept.{band}", message)
        ]


def test_dependence_on_the_rejected_pictures(
    measured: Measured, picture: Image, other_picture: Image
) -> None:
    model = Likely({})
    parameters = {
        "blind": TEXTLESS,
        "dependence": {"sampler": "vllm", "model": "d", "without": "rejected"},
    }
    built = measured(parameters, {"dependence": model}, rejected=None, rejected_images=(other_picture,))
    assert [(target, aspect) for target, _, aspect, _ in said(built)] == [
        ("chosen", "logprob"),
        ("chosen", "dependence"),
        ("chosen", "dependence_sum"),
    ]
    pictures = [[p for m in r.messages for p in m.parts if isinstance(p, Image)] for r in model.requests]
    assert pictures == [[picture], [other_picture]]
    built = measured(parameters, {"dependence": model})
    assert built.pairs[0].scores[1] == Judgement(
        "chosen", "d", "dependence", None, rationale="the row has no rejected pictures"
    )
    assert len(said(built)) == 7
    assert len(model.requests) == 2
    built = measured(parameters, {"dependence": model}, prompt=Prompt("What is it?"))
    assert built.pairs[0].scores[0].rationale == "the prompt has no picture to depend on"


def test_encoders_measure_rejected_pictures(
    measured: Measured, scripted: Any, picture: Image, other_picture: Image
) -> None:
    encoder = scripted({"A cup.": 30.0})
    encoder.turned[other_picture.sha256] = 60.0
    name = "ViT-B-32/first"
    parameters = {
        "blind": TEXTLESS,
        "encoders": [{"params": {"model": "ViT-B-32", "pretrained": "first"}}],
    }
    built = measured(parameters, {}, [encoder], rejected_images=(other_picture,))
    assert said(built)[0] == ("rejected_images[0]", name, "image_image", 50.0)
    assert said(built)[1][:3] == ("rejected_images[0]", name, "image_text_drop")
    band = {**parameters, "accept": {"image_image": {"max": 40}}}
    assert told(measured(band, {}, [encoder], rejected_images=(other_picture,))) == [
        ("outside_band", "accept.image_image", "image_image 50 is above 40")
    ]
    assert said(measured(parameters, {}, [encoder])) == []
    two = Prompt("<image><image>\nWhat differs?", (picture, picture))
    built = measured(band, {}, [encoder], prompt=two, rejected_images=(picture, other_picture))
    assert told(built)[0][2] == "image_image 50 is above 40"  # of the second one; the first is no negative
    built = measured(parameters, {}, [encoder], prompt=two, rejected_images=(picture, other_picture))
    assert {target for target, *_ in said(built)} == {"rejected_images[1]"}


def settled(
    measured: Measured, pairs: Sequence[tuple[str, str]], accept: Mapping[str, Any] = {}
) -> list[Built]:
    """Measure pairs, each about another picture or none, and settle them as one shard."""
    part = ROOM.get("measured")
    assert isinstance(part, EncodingBuilder)
    parameters = {"blind": {"text": ["frequency"]}, "accept": accept}
    built = [
        measured(
            parameters,
            chosen=chosen,
            rejected=rejected,
            record_id=f"t:{number}",
            prompt=Prompt(f"Is it {number}?"),
        )
        for number, (chosen, rejected) in enumerate(pairs)
    ]
    assert part.settle is not None
    settle = part.settle(part.settings.model_validate(parameters))
    assert settle is not None
    return settle(built)


def test_the_more_usual_answer(measured: Measured) -> None:
    pairs = [("Yes.", "no"), ("yes", "No!")] * 4
    pairs += [("no", "yes"), ("A very long answer it is", "no"), ("red", "blue"), ("red", "no")]
    made = settled(measured, pairs)
    found = [one.pairs[0].scores[0] for one in made]
    assert {(one.target, one.scorer, one.aspect) for one in found} == {("pair", "text", "frequent")}
    assert [one.value for one in found[:8]] == [1.0] * 8
    assert [one.value for one in found[8:]] == [0.0, None, 0.5, 0.5]
    assert found[0].rationale == "'yes' chosen 7 of 8 times elsewhere; 'no' chosen 1 of 9 times elsewhere"
    assert found[8].rationale == "'no' chosen 0 of 9 times elsewhere; 'yes' chosen 8 of 8 times elsewhere"
    made = settled(measured, pairs, {"frequent": {"min": 0.5, "undefined": "keep"}})
    assert [len(one.pairs) for one in made] == [1] * 8 + [0, 1, 1, 1]
    assert [(x.record_id, x.reason, x.scope, x.field, x.message) for x in made[8].rejects] == [
        ("t:8", "outside_band", "row", "accept.frequent", "frequent 0 is below 0.5")
    ]
    made = settled(measured, pairs, {"frequent": {"max": 0}})
    assert [len(one.pairs) for one in made] == [0] * 8 + [1, 0, 0, 0]


@pytest.mark.parametrize("number", [10, 11])
def test_in_a_balanced_set_no_answer_is_more_usual(measured: Measured, number: int) -> None:
    """Without this pair the other answer is always one ahead, which is chance."""
    pairs = [("yes", "no"), ("no", "yes")] * number
    assert {one.pairs[0].scores[0].value for one in settled(measured, pairs)} == {0.5}


def test_pairs_about_the_same_picture_do_not_count(measured: Measured) -> None:
    same = [("yes", "no")] * 2
    part = ROOM.get("measured")
    parameters = {"blind": {"text": ["frequency"]}}
    built = [measured(parameters, chosen=a, rejected=b, record_id=f"t:{n}") for n, (a, b) in enumerate(same)]
    assert part.settle is not None
    settle = part.settle(part.settings.model_validate(parameters))
    assert settle is not None
    assert [one.pairs[0].scores[0].value for one in settle(built)] == [None, None]


def test_rejects_and_image_pairs_pass_a_shard_unchanged(measured: Measured, other_picture: Image) -> None:
    part = ROOM.get("measured")
    parameters = {"blind": {"text": ["frequency"]}}
    built = [
        measured(parameters, rejected=None),
        measured(parameters, rejected=None, rejected_images=(other_picture,)),
        measured(parameters, chosen="yes", rejected="no", prompt=Prompt("?")),
    ]
    assert part.settle is not None
    settle = part.settle(part.settings.model_validate(parameters))
    assert settle is not None
    assert settle(built)[:2] == built[:2]
    assert part.settle(part.settings.model_validate({"blind": {"text": ["length"]}})) is None


VLLM = {"sampler": "vllm", "model": "m"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"blind": TEXTLESS}, "nothing is measured: set blind, dependence or encoders"),
        (
            {"accept": {"blind_decided": {"max": 0}}},
            "accept.blind_decided: nothing measures it; set blind.judge",
        ),
        ({"accept": {"dependence": {"min": 0}}}, "accept.dependence: nothing measures it; set dependence"),
        (
            {"blind": {"text": ["frequency"]}, "accept": {"longer": {"max": 0.5}}},
            "accept.longer: nothing measures it; set blind.text: length",
        ),
        (
            {"blind": {"judge": {"kind": "exact"}}},
            "blind.judge.kind: exact checks by rule; take a judge, or blind.answers",
        ),
        (
            {"blind": {"judge": {"params": {"look": "evidence"}}}},
            "blind.judge.params.look: whoever reads what the picture shows is not blind",
        ),
        (
            {"blind": {"judge": {"params": {"reference": "use"}}}},
            "blind.judge.params.reference: whoever is told the right answer is not blind",
        ),
        (
            {"blind": {"answers": {"verifier": {"kind": "pairwise"}}}},
            "blind.answers.verifier.kind: pairwise asks a model; the builder judged takes it",
        ),
        (
            {"dependence": {"model": "gpt-4o"}},
            "dependence.base_url: api.openai.com does not tell how likely a given answer is; name a server of vLLM",
        ),
        ({"blind": {"fluency": {"sampler": "vlm"}}}, "blind.fluency.sampler: no 'vlm' among samplers"),
        (
            {"dependence": {**VLLM, "calls": {"batch": True}}},
            "dependence.calls.batch: how likely a given answer is, is asked call by call; leave batch out",
        ),
        (
            {"encoders": [{}], "accept": {"drop_agreement": {"min": 1}}},
            "accept.drop_agreement: one encoder agrees with itself; give several encoders",
        ),
    ],
)
def test_what_cannot_be_measured_is_an_error_beforehand(parameters: dict[str, Any], message: str) -> None:
    part = ROOM.get("measured")
    settings = part.settings.model_validate(parameters)
    with pytest.raises(ParameterError) as error:
        part.prepare(settings, Run("test", 0, "0"))
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    "change",
    [
        "accept={blind_decide: {max: 0}}",
        "accept={longer: {}}",
        "accept={longer: {max: 0, undefined: drop}}",
        "blind.text=[length, length]",
        "blind.text=[style]",
        "blind.answers={verifier: {kind: exact}, ask: Guess.}",
    ],
)
def test_misspelt_settings_are_errors(change: str) -> None:
    with pytest.raises(RecipeError):
        load_recipe("blind_test", [change])


def test_the_recipe_asks_a_judge_in_both_orders(
    comparing_judge: Any, row: Callable[..., SourceRow], alone: Neighbours
) -> None:
    recipe = load_recipe("blind_test", ["blind.judge.model=j"])
    assert list(recipe.models()) == ["blind.judge"]
    judge = comparing_judge(["A cup.", "A cat."])

    async def built() -> Built:
        source = row(chosen="A cup.", rejected="A cat.")
        return await recipe.construct_encoding()(source, alone, {"blind.judge": judge}, {})

    settle = recipe.settle()
    assert settle is not None
    (made,) = settle([asyncio.run(built())])
    assert len(judge.requests) == 2
    assert said(made) == [
        ("pair", "text", "longer", 0.5),
        ("pair", "j", "blind_decided", 1.0),
        ("pair", "j", "blind_preference", 1.0),
        ("pair", "text", "frequent", None),
    ]
    assert list(recipe.marks()) == ["blind.judge.params.prompt"]

"""Blocks of a recipe that do not fit each other: told before anything is paid."""

import sys
from pathlib import Path
from typing import Any

import pytest

from pairwright.annotators._prompts import packaged
from pairwright.builders import ROOM, ModelBuilder, Run
from pairwright.builders._writers import Writer
from pairwright.pairings import ROOM as PAIRINGS
from pairwright.samplers import Model, checked
from pairwright.schemas.errors import ParameterError, UnknownPartError

EXACT = {"kind": "exact"}
EXTERNAL = {"kind": "external"}
PAIRWISE = {"kind": "pairwise", "model": "p"}
WRITERS = [{"model": "w", "n": 2}]


def rating(*aspects: str, kind: str = "listwise", **params: Any) -> dict[str, Any]:
    described = [{"name": name, "description": "what it is"} for name in aspects]
    return {"kind": kind, "model": "m", "params": {"aspects": described, **params}}


def prepared(builder: str, parameters: dict[str, Any]) -> None:
    part = ROOM.get(builder)
    part.prepare(part.settings.model_validate({"samplers": WRITERS} | parameters), Run("test", 0, "0"))


JURY = {"judge": rating("help"), "jury": [rating("truth")]}
UNFIT = [
    # rule and judge
    ("judged", {"judge": rating("help"), "pairing": {"rule": "ranks"}}, r"pairing\.rule: ranks goes by ranks, and judge.kind"),
    ("judged", {"judge": EXACT, "pairing": {"rule": "ranks"}}, r"pairing\.rule: ranks .*1 is the best rank"),
    ("judged", {"judge": PAIRWISE, "pairing": {"rule": "ranks"}}, r"pairing\.rule: ranks goes by ranks, .* compares"),
    ("judged", {"judge": PAIRWISE, "pairing": {"rule": "sides", "params": {"min_margin": 1}}},
     r"pairing\.params\.min_margin: sides goes by scores, and judge.kind pairwise compares; leave it out"),
    ("judged", {"judge": PAIRWISE}, r"pairing\.rule: best_worst goes by scores, .* take preferences"),
    ("judged", {"judge": EXACT, "pairing": {"rule": "preferences"}}, r"pairing\.rule: preferences goes by comparisons"),
    ("judged", {"judge": rating("help"), "pairing": {"rule": "sides"}}, r"pairing\.rule: sides .* samplers\.0\.side"),
    ("verified", {"verifiers": [EXACT], "pairing": {"rule": "ranks"}}, r"pairing\.rule: ranks .*verifiers\.0\.kind exact"),
    ("verified", {"verifiers": [EXACT, EXTERNAL], "pairing": {"rule": "ranks"}}, r"pairing\.rule: ranks"),
    ("verified", {"verifiers": [EXTERNAL], "pairing": {"rule": "ranks"}}, r"pairing\.rule: ranks"),
    ("verified", {"verifiers": [EXACT], "pairing": {"rule": "preferences"}}, r"pairing\.rule: preferences goes by comparisons"),
    ("verified", {"verifiers": [EXACT], "pairing": {"rule": "sides"}}, r"pairing\.rule: sides .* samplers\.0\.side"),
    # judges
    ("judged", JURY, r"^jury: of 2 judges too few for the vote majority rate help \(judge\), truth \(jury\.0\)"),
    ("judged", {"judge": rating("help", "truth"), "jury": [rating("help")]}, r"too few .* rate truth \(judge\)"),
    ("judged", {"judge": rating("help", "truth"), "jury": [rating("help", "truth"), rating("help")], "vote": "unanimous"},
     r"too few for the vote unanimous rate truth"),
    ("judged", {"judge": rating("help"), "jury": [rating("help", scale=[0, 10])]},
     r"^jury\.0\.params: help is rated from 0 to 10, and by judge from 1 to 5"),
    ("judged", {"judge": EXACT, "jury": [EXTERNAL]}, r"jury\.0\.params: correct is rated from no bound to no bound, and by judge from 0 to 1"),
    ("judged", {"judge": rating("help"), "jury": [PAIRWISE], "pairing": {"rule": "sides"}},
     r"^jury\.0\.kind: pairwise gives comparisons, and judge\.kind listwise gives scores"),
    # weights
    ("judged", {"judge": rating("help"), "score": {"weights": {"hepl": 1}}}, r"^score\.weights: no 'hepl' .*Did you mean 'help'"),
    ("judged", JURY | {"score": {"weights": {"help": 1}}}, r"too few .* rate help \(judge\)"),
    ("judged", {"judge": PAIRWISE, "pairing": {"rule": "preferences"}, "score": {"weights": {"truth": 1}}}, r"^score\.weights: .*compares"),
]  # fmt: skip


@pytest.mark.parametrize(("builder", "parameters", "message"), UNFIT)
def test_what_could_give_no_pair_is_refused(builder: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        prepared(builder, parameters)


@pytest.mark.parametrize(
    ("builder", "parameters"),
    [
        ("judged", {"judge": EXTERNAL, "pairing": {"rule": "ranks"}}),
        ("judged", JURY | {"jury": [rating("help", kind="pointwise")]}),
        ("judged", {"judge": rating("help", "truth"), "jury": [rating("help"), rating("truth", "help")]}),
        ("judged", {"judge": rating("help", "truth"), "jury": [rating("help")], "score": {"weights": {"help": 2}}}),
        ("judged", {"judge": PAIRWISE, "jury": [PAIRWISE], "pairing": {"rule": "preferences"}}),
        ("judged", {"judge": PAIRWISE, "pairing": {"rule": "sides"}, "samplers": []}),
        ("judged", {"judge": PAIRWISE, "pairing": {"rule": "sides"}, "samplers": [{"model": "w", "side": "rejected"}]}),
        ("judged", {"judge": EXACT, "jury": [{"kind": "iou"}]}),
        ("verified", {"verifiers": [EXACT], "pairing": {"rule": "sides", "params": {"min_margin": 1}}, "gold": "chosen"}),
        ("verified", {"verifiers": [EXACT, {"kind": "iou"}], "pairing": {"rule": "margin"}}),
    ],
)  # fmt: skip
def test_what_fits_is_taken(builder: str, parameters: dict[str, Any]) -> None:
    prepared(builder, parameters)


@pytest.mark.parametrize("rule", PAIRINGS.names())
def test_every_rule_fits_one_judge_at_least(rule: str) -> None:
    judge = {"preferences": PAIRWISE, "ranks": EXTERNAL}.get(rule, rating("help"))
    writers = [{"model": "w", "side": "chosen"}, {"model": "w", "side": "rejected"}]
    prepared("judged", {"judge": judge, "pairing": {"rule": rule}, "samplers": writers})


def marks(parameters: dict[str, Any]) -> dict[str, str]:
    part = ROOM.get("judged")
    assert isinstance(part, ModelBuilder)
    assert part.marks is not None
    return dict(part.marks(part.settings.model_validate(parameters)))


def test_a_changed_prompt_file_is_another_mark(tmp_path: Path) -> None:
    prompt = tmp_path / "mine.md"
    text = "---\nname: mine\nversion: 1\njudge: pointwise\n---\n# System\nRate it.\n# User\n{{ question }}\n"
    prompt.write_text(text, encoding="utf-8")
    own = rating("help", kind="pointwise", prompt=str(prompt))
    parameters = {"judge": rating("help"), "jury": [own, EXACT]}
    before = marks(parameters)
    assert list(before) == ["judge.params.prompt", "jury.0.params.prompt"]
    assert {len(one) for one in before.values()} == {64}
    assert marks(parameters) == before
    prompt.write_text(text + "Be strict.\n", encoding="utf-8")
    after = marks(parameters)
    assert after["judge.params.prompt"] == before["judge.params.prompt"]
    assert after["jury.0.params.prompt"] != before["jury.0.params.prompt"]
    prompt.unlink()
    with pytest.raises(ParameterError, match=r"jury\.0\.params\.prompt: .*cannot be read"):
        marks(parameters)


@pytest.mark.parametrize("kind", ["listwise", "pairwise", "pointwise"])
def test_packaged_prompts_have_marks_too(kind: str) -> None:
    assert kind in packaged()
    [(key, digest)] = marks({"judge": {"kind": kind}}).items()
    assert (key, len(digest)) == ("judge.params.prompt", 64)
    named = marks({"judge": {"kind": kind, "params": {"prompt": kind}}})
    assert named == {key: digest}


def test_code_of_the_user_is_told_before_it_is_imported() -> None:
    """The module does not exist, which only importing it could find out."""
    runs = {"kind": "external", "params": {"function": "no_such_module_anywhere:score"}}
    told = {
        "judged": ({"judge": EXACT, "jury": [runs]}, "jury.0"),
        "verified": ({"verifiers": [EXACT, runs, EXTERNAL]}, "verifiers.1"),
    }
    for builder, (parameters, place) in told.items():
        part = ROOM.get(builder)
        assert isinstance(part, ModelBuilder)
        assert part.runs_code is not None
        settings = part.settings.model_validate(parameters)
        assert dict(part.runs_code(settings)) == {place: "no_such_module_anywhere:score"}
        with pytest.raises(ParameterError, match="cannot be imported"):
            prepared(builder, parameters)
    assert "no_such_module_anywhere" not in sys.modules


def test_a_misspelt_sampler_names_its_key() -> None:
    with pytest.raises(
        UnknownPartError, match=r"^sampler: no 'openia' among samplers\. Did you mean 'openai'"
    ):
        checked(Model(sampler="openia", model="m"))
    with pytest.raises(UnknownPartError, match=r"^sampler: "):
        checked(Writer(sampler="openia", model="m"))

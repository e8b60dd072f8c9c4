"""The pages name everything there is, tell its true defaults, and their examples run."""

import asyncio
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
import yaml
from pydantic.fields import FieldInfo

from pairwright.annotators import ROOM as ANNOTATORS
from pairwright.annotators import Case, Judge, Measurer, Verdict, Verifier
from pairwright.annotators._claims import Splitting
from pairwright.annotators._extract import PLACES, Extraction, Place
from pairwright.annotators._judging import Judging
from pairwright.annotators._prompts import Head, View, packaged, read_prompt
from pairwright.annotators._ratings import Aspect, rubric_of, rules_of
from pairwright.annotators._sides import form_of
from pairwright.annotators._yes_no import Labelling
from pairwright.builders import ROOM as BUILDERS
from pairwright.builders._checking import checked_all, prepare_checker
from pairwright.builders._correcting import CorrectorSettings, prepare_corrector
from pairwright.builders._guarding import Guarded, prepare_guards
from pairwright.builders._jury import JudgeSettings, prepare_jury
from pairwright.builders._overwriting import Overwriting
from pairwright.builders._second_opinion import SecondOpinion
from pairwright.cli import VERBS
from pairwright.correctors import ROOM as CORRECTORS
from pairwright.correctors._asking import SHELF, CorrectorHead, RewriteView, Rewriting
from pairwright.correctors._spans import changed
from pairwright.guards import ROOM as GUARDS
from pairwright.guards import Contrast, Guard
from pairwright.pairings import ROOM as PAIRINGS
from pairwright.pairings._forming import PairingSettings
from pairwright.recipe import OutputSettings, packaged_names
from pairwright.responses.settings import Budget
from pairwright.samplers import ROOM as SAMPLERS
from pairwright.samplers import CallSettings, Model
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import ParameterError
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.reasons import EXPLANATIONS
from pairwright.schemas.request import Answer, Request

ROOT = Path(__file__).resolve().parents[2]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
README = (ROOT / "README.md").read_text(encoding="utf-8")

JUDGING = PAGES["judging"]
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", JUDGING, re.MULTILINE | re.DOTALL)
MINE, YES_NO = [text for language, text in BLOCKS if language == "markdown"]
CODE = {
    name: next(text for language, text in BLOCKS if language == "python" and start in text)
    for name, start in {"mentions": '"""Mentions: ', "yes_no": '"""Yes or no: '}.items()
}


def section(page: str, title: str) -> str:
    """Return what stands under a heading, down to the next heading of any level, without its code blocks."""
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", prose, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title!r}"
    return found[1]


def told(text: str) -> dict[str, str]:
    """Return key and default of every row of the tables in a text."""
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE))


def shown(field: FieldInfo) -> str | None:
    """Return a default as the tables write it; None where they use words of their own."""
    if field.is_required():
        return "required"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if isinstance(field.default, int | float):
        return f"{field.default:g}"
    return f"`{field.default}`" if isinstance(field.default, str) else None


def assert_told(text: str, fields: dict[str, FieldInfo]) -> None:
    """Check that the tables in a text have these keys and no others, with their defaults."""
    rows = told(text)
    assert sorted(rows) == sorted(fields)
    for key, field in fields.items():
        assert shown(field) in (None, rows[key]), key
        assert field.default not in (None, (), {}) or not re.match(r"[`\d]", rows[key]), key


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_in_the_readme(verb: str) -> None:
    assert f"pairwright {verb}" in README or f".{verb}(" in README


@pytest.mark.parametrize("name", packaged_names())
def test_every_recipe_has_its_page(name: str) -> None:
    assert f"## {name}\n" in PAGES["recipes"]
    assert f"`{name}`" in README


def test_every_parameter_is_in_the_page() -> None:
    for name in BUILDERS.names():
        told = section(PAGES["builders"], f"`{name}`")
        for key in BUILDERS.get(name).settings.model_fields:
            assert f"| `{key}` |" in told, f"{name}: {key}"
    for key in OutputSettings.model_fields:
        assert f"`output.{key}`" in PAGES["recipes"], key


def test_the_block_of_overwriting_is_told() -> None:
    assert_told(section(PAGES["builders"], "Overwriting"), dict(Overwriting.model_fields))


@pytest.mark.parametrize("reason", EXPLANATIONS)
def test_every_reason_is_explained_in_a_page(reason: str) -> None:
    assert f"`{reason}`" in "".join(PAGES.values())


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md"]), ids=lambda path: path.name
)
def test_links_lead_somewhere(path: Path) -> None:
    for target, part in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", path.read_text(encoding="utf-8")):
        page = path.parent / target if target else path
        assert page.exists(), f"{path.name}: {target}"
        if part:
            headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
            assert part in {anchor(heading) for heading in headings}, f"{path.name}: {target}#{part}"


def anchor(heading: str) -> str:
    """Return the name by which a heading is linked to, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_models_and_calls_are_told() -> None:
    page = PAGES["models"]
    assert_told(page.partition("## Samplers")[0], dict(Model.model_fields))
    assert_told(section(page, "Calls").partition("| reject |")[0], dict(CallSettings.model_fields))
    assert_told(section(page, "Before and while it spends"), dict(Budget.model_fields))


@pytest.mark.parametrize("name", SAMPLERS.names())
def test_every_sampler_is_told_with_its_options(name: str) -> None:
    page = PAGES["models"]
    assert f"| `{name}` |" in section(page, "Samplers")
    assert_told(section(page, f"`{name}`"), dict(SAMPLERS.get(name).options.model_fields))


@pytest.mark.parametrize("name", PAIRINGS.names())
def test_every_pairing_rule_is_told(name: str) -> None:
    assert set(PAIRINGS.get(name).settings.model_fields) == set(told(section(PAGES["pairings"], f"`{name}`")))


def test_what_holds_for_all_pairings_is_told() -> None:
    assert set(told(section(PAGES["pairings"], "What holds for all rules"))) == set(
        PairingSettings.model_fields
    )


@pytest.mark.parametrize("name", GUARDS.names())
def test_every_guard_is_told_with_its_settings(name: str) -> None:
    part = GUARDS.get(name)
    assert_told(section(PAGES["guards"], f"`{name}`"), dict(part.settings.model_fields))
    first = PAGES["guards"].partition("## The guards")[0]
    assert re.search(rf"^\| `{name}` \| .* \| `{part.reason}` \|$", first, re.MULTILINE)
    assert f"| `{part.reason}` |" in section(PAGES["guards"], "Reasons")


def test_guards_by_default_are_told() -> None:
    rows = dict(
        re.findall(
            r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", section(PAGES["guards"], "Guards"), re.MULTILINE
        )
    )
    fields = {name: BUILDERS.get(name).settings.model_fields.get("guards") for name in BUILDERS.names()}
    kinds = {name: [one.kind for one in field.default] for name, field in fields.items() if field}
    assert {name: re.findall(r"\w+", told) for name, told in rows.items()} == {
        name: guards for name, guards in kinds.items() if guards
    }


def test_second_opinions_are_told() -> None:
    own = {key: field for key, field in SecondOpinion.model_fields.items() if key not in Model.model_fields}
    assert_told(section(PAGES["guards"], "Second opinion"), own)
    assert "`rejected_as_good`" in section(PAGES["guards"], "Reasons")


def test_the_examples_about_guards_can_be_used() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGES["guards"], re.MULTILINE | re.DOTALL)
    guarded = Guarded.model_validate(yaml.safe_load(block)["parameters"])
    assert [one.kind for one in guarded.guards] == ["damage_talk", "near_equal"]
    prepare_guards(guarded)
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGES["guards"], re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "refusing"}
    exec(code, names)
    part = names["PART"]
    assert isinstance(part, Guard)
    watch = part.prepare(part.settings())
    assert watch(Contrast("?", "A cat.", "Sorry, no.")) == "the rejected answer says 'sorry'"
    assert watch(Contrast("?", "Sorry.", "A cat.")) is None


@pytest.mark.parametrize("name", ANNOTATORS.names())
def test_every_annotator_is_told_with_its_settings(name: str) -> None:
    part, text = ANNOTATORS.get(name), section(JUDGING, f"`{name}`")
    if isinstance(part, Measurer):
        assert all(f"`{measure}`" in text for measure in part.ranges)
        return
    shared = Judging.model_fields if isinstance(part, Judge) else {}
    own = {key: field for key, field in part.settings.model_fields.items() if key not in shared}
    choice = text.partition("| first order |")[0]
    assert_told(choice, own)
    chooses = JUDGING.partition("## Which one")[2].partition("## Judges")[0]
    assert f"`{name}`" in chooses


def test_blocks_of_annotators_are_told() -> None:
    assert_told(section(JUDGING, "Settings of every judge"), dict(Judging.model_fields))
    assert_told(section(JUDGING, "Aspects"), dict(Aspect.model_fields))
    extraction = told(section(JUDGING, "Where the final answer stands"))
    assert extraction.pop("answer_from") == ", ".join(PLACES)
    assert set(Extraction.model_fields) == {"answer_from"}
    places = re.findall(
        r"^\| `(\w+)` \| (?!answer_tag,)", section(JUDGING, "Where the final answer stands"), re.MULTILINE
    )
    assert sorted(places) == sorted(get_args(Place))
    for key in set(JudgeSettings.model_fields) - set(Model.model_fields):
        assert f"`{key}`" in section(JUDGING, "Which one")


def test_splitter_and_labeler_of_claims_are_told() -> None:
    assert_told(section(JUDGING, "Claims"), dict(Splitting.model_fields))
    assert_told(section(JUDGING, "Yes or no"), dict(Labelling.model_fields))


def test_what_a_prompt_may_name_is_told() -> None:
    text = section(JUDGING, "Prompt files")
    head, variables = text.split("| variable |")
    assert_told(head, dict(Head.model_fields))
    names = {
        name
        for row in re.findall(r"^\| (`.*?`) \|", variables, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    rating = rules_of(rubric_of((Aspect(name="x", description="y"),), (1, 5), 0))
    comparing = {"criteria", *form_of("schema", False, 0)}
    assert names == {"look", *rating, *comparing, *View.__dataclass_fields__}
    assert all(f"`{name}" in head for name in packaged())


@pytest.mark.parametrize("name", CORRECTORS.names())
def test_every_corrector_is_told_with_its_settings(name: str) -> None:
    page, part = PAGES["correctors"], CORRECTORS.get(name)
    shared = {key: repr(field) for key, field in Rewriting.model_fields.items()}
    own = {key: field for key, field in part.settings.model_fields.items() if shared.get(key) != repr(field)}
    assert_told(section(page, f"`{name}`"), own)
    (row,) = (line for line in section(page, "Which one").splitlines() if f"| `{name}` |" in line)
    assert row.endswith({"same": "| no better and no worse |"}.get(part.makes, f"| {part.makes} |"))


def test_what_holds_for_all_correctors_is_told() -> None:
    page = PAGES["correctors"]
    assert_told(section(page, "Settings of every corrector"), dict(Rewriting.model_fields))
    head, variables = section(page, "Prompt files").split("| variable |")
    assert_told(head, dict(CorrectorHead.model_fields))
    names = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?`) \|", variables, re.MULTILINE))))
    assert names > set(RewriteView.__dataclass_fields__)
    assert all(f"`{name}`" in head for name in packaged(SHELF))
    (block,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    prepare_corrector(CorrectorSettings.model_validate(yaml.safe_load(block)), "correctors.0", ["better"])


def test_the_weights_of_the_page_are_those_of_the_spans() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGES["correctors"], re.MULTILINE | re.DOTALL)
    made: dict[str, Any] = {}
    exec(code, made)
    text = "A black cat sits."
    spans = [
        {"start": one.start, "end": one.end, "weight": one.weight}
        for one in changed("A red cat sits.", text)[1]
    ]
    offsets = [(0, 1), (1, 4), (4, 7), (7, 11), (11, 16), (16, 17)]
    weights = made["token_weights"](offsets, spans)
    assert weights == [1.0, 5.0, 5.0, 1.0, 1.0, 1.0]
    assert made["token_weights"](offsets, None) == [1.0] * 6
    assert made["weighted_logp"]([-1.0] * 6, weights) == -1.0
    assert made["weighted_logp"]([0.0, -1.0, -1.0, 0.0, 0.0, 0.0], weights) == -10 / 14


def loaded(name: str) -> ModuleType:
    """Return a test module of the annotators, which holds the figures that it shows to be true."""
    spec = importlib.util.spec_from_file_location(
        f"figures_{name}", ROOT / "tests" / "annotators" / f"{name}.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def test_figures_of_maths_are_those_of_the_test() -> None:
    tested, text = loaded("test_math_vision"), section(JUDGING, "`math`")
    kinds = [len(keys.split()) for keys in tested.GRADED_OTHERWISE.values()]
    own = len(tested.listed(tested.EXTRACTED_OTHERWISE))
    assert [int(number) for number in re.findall(r"^\| (\d+) \| ", text, re.MULTILINE)] == kinds
    for otherwise in (sum(kinds), sum(kinds) + own):
        right = 11 * 165 - otherwise
        assert f"| {right:,} ({right / 1815:.1%}) |".replace("%", " %") in text
    assert f"the same {sum(kinds)}, and {own} more" in text


def test_figures_of_both_orders_are_those_of_the_test() -> None:
    tested = loaded("test_pairwise").test_sugarcrepe_judged_again_from_what_gpt4v_answered
    (mark,) = tested.pytestmark
    text = section(JUDGING, "What real judges said")
    verdicts = wrong = answers = upstream_wrong = 0
    for name, upstream, (right, one, other, both_wrong) in mark.args[1]:
        failed = sum(upstream) - right - one - other - both_wrong
        assert f"| {name} | {sum(upstream)} | {right} | {both_wrong} | {one + other} | {failed} |" in text
        verdicts, wrong = verdicts + right + both_wrong, wrong + both_wrong
        answers += 2 * sum(upstream)
        upstream_wrong += upstream[1] + upstream[2] + 2 * upstream[3]
    assert f"Of its {answers:,} answers upstream counts {upstream_wrong} (" in text
    assert f"Of the {verdicts:,} verdicts that both orders give, {wrong} (" in text


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language == "yaml"])
def test_judges_in_the_examples_can_be_used(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.md").write_text(MINE, encoding="utf-8")
    block = yaml.safe_load(text)
    judge = block.get("parameters", block).get("judge", block)
    prepare_jury({"judge": JudgeSettings.model_validate(judge)}, "majority")


def asked(part: Judge[Any], settings: dict[str, str], answer: str) -> tuple[Verdict, list[Request]]:
    """Return what a judge says of one answer when its model writes ``answer``, and what that was asked."""
    requests: list[Request] = []

    async def ask(request: Request) -> tuple[Answer, ...]:
        requests.append(request)
        return (Answer(answer, "stop"),)

    case = Case("a:1", 0, Prompt("What is it?"), (Candidate("A red cup."),), reference="A cup.")
    decide = part.prepare(part.settings.model_validate(settings), "judge")

    async def decided() -> Verdict:
        return await decide(case, ask)

    return asyncio.run(decided()), requests


def test_the_prompt_file_of_the_page_is_used(tmp_path: Path) -> None:
    path = tmp_path / "mine.md"
    path.write_text(MINE, encoding="utf-8")
    part = ANNOTATORS.get("pointwise")
    assert isinstance(part, Judge)
    cell = {"rationale": "a cup", "rating": 4}
    names = [aspect.name for aspect in part.settings().aspects]
    verdict, requests = asked(
        part, {"prompt": str(path), "reference": "require"}, json.dumps(dict.fromkeys(names, cell))
    )
    assert [one.value for one in verdict.ratings[0]] == [4.0] * len(names)
    assert verdict.prompt == read_prompt(str(path), "pointwise").mark
    assert verdict.prompt.startswith("mine v1 #")
    system, user = (str(message.parts[-1]) for message in requests[0].messages)
    assert "- accuracy, from 1 to 5: " in system
    assert "\nA cup.\n" in user
    assert "\nA red cup.\n" in user
    with pytest.raises(ParameterError, match="needs reference"):
        asked(part, {"prompt": str(path)}, "")


@pytest.fixture
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the parts of the page as a package of somebody else's, with the entry points that the page gives."""
    package, info = tmp_path / "my_package", tmp_path / "my_package-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (package / "__init__.py").touch()
    for name, text in CODE.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    (line,) = (text for language, text in BLOCKS if language == "toml")
    group, entry = (
        line.replace('[project.entry-points."pairwright.annotators"]', "[pairwright.annotators]")
        .replace('"', "")
        .splitlines()
    )
    points = f"{group}\n{entry}\n{entry.replace('mentions', 'yes_no')}\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]


@pytest.mark.usefixtures("own_package")
def test_the_verifier_of_the_page_joins_and_checks() -> None:
    part = ANNOTATORS.get("mentions")
    assert isinstance(part, Verifier)
    checker = prepare_checker("mentions", {"separator": ","}, "verifiers.0")
    answers = tuple(Candidate(text) for text in ("A cat on a red sofa.", "Concatenated.", " "))
    found = checked_all(checker, Case("a:1", 0, Prompt("What is there?"), answers, "cat, red sofa, dog"))
    assert [one.value for one in found] == [2 / 3, 0.0, None]
    assert found[0].answer == "cat, red sofa"
    assert found[2].reason == "answer_unparsable"
    assert checked_all(checker, Case("a:1", 0, Prompt("?"), answers, " ,"))[0].reason == "no_ground_truth"
    with pytest.raises(ParameterError, match=r"verifiers\.0\.params: no 'seperator'"):
        prepare_checker("mentions", {"seperator": ","}, "verifiers.0")


@pytest.mark.usefixtures("own_package")
def test_the_judge_of_the_page_joins_and_judges(tmp_path: Path) -> None:
    part = ANNOTATORS.get("yes_no")
    assert isinstance(part, Judge)
    path = tmp_path / "yes_no.md"
    path.write_text(YES_NO, encoding="utf-8")
    verdict, requests = asked(part, {"prompt": str(path)}, "Yes.")
    (one,) = verdict.ratings[0]
    assert (one.aspect, one.value, one.scorer, verdict.failures) == ("true", 1.0, "judge", ())
    assert "\nA red cup.\n=== end answer A " in str(requests[0].messages[1].parts[-1])
    verdict, requests = asked(part, {"prompt": str(path)}, "Perhaps")
    assert verdict.ratings == ((),)
    assert verdict.failures[0].reason == "cannot_judge"
    assert len(requests) == 2

"""Every recipe that asks models, against a real vLLM: its server, and an engine in the building process."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pairwright
from pairwright.builders import ModelBuilder
from pairwright.recipe import load_recipe, packaged_names
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.candidate_table import to_candidate_table
from pairwright.schemas.claim import Claim, Finding
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow

ROWS = 3
RIGHT, WRONG = "I count them. Final answer: 7", "I guess. Final answer: 9"
THOUGHT, GUESSED = "<think>I count.</think><answer>7</answer>", "<think>I guess.</think><answer>9</answer>"

CHOICES = {
    "mavis": (RIGHT, WRONG),
    "mmpr_correctness": (RIGHT, WRONG, "I cannot tell."),
    "verified_rollouts": (THOUGHT, GUESSED),
    "vlguard": ("I'm sorry, but I can't help with that.", "Seven, I think."),
}
"""What the random model may say, where it must be something that a rule can check."""

OVER_GOLD = {"mavis": WRONG, "vlguard": CHOICES["vlguard"][0]}
"""The choice that the row's own answer stands over, where it is the chosen one."""

SEEN, IMAGINED = "Seven dots stand in two rows.", "A dog sleeps on a sofa."
BLIND = " cups on a long table."
BY_ROLE = {
    "stic": (
        {"samplers.0": SEEN, "samplers.1": IMAGINED, "samplers.2": IMAGINED, "samplers.3": IMAGINED},
        IMAGINED,
    ),
    "mmpr_dropout": ({"samplers.0": SEEN, "continuer": BLIND}, r"Seven dots stand cups on a long table\."),
    "bdhs": (
        {"continuer": BLIND},
        r"There( are)? cups on a long table\. Final( answer:)? cups on a long table\.",
    ),
}
"""What each role says, and the rejected answer that comes of it: what follows a given beginning is joined as it came."""

GOLD, SPOILT = "There are seven. Final answer: 7", "There are nine. Final answer: 9"
STYLED = ("A dog is asleep on a sofa.", "Seven dots are on a sofa.")
_CHANGE, _NO_CHANGE = (
    {"kind": "objects", "was": "seven", "now": "nine"},
    {"kind": "none", "was": "", "now": ""},
)
_INJECTED = json.dumps({"changes": {"1": _CHANGE, "2": _NO_CHANGE}, "text": SPOILT})
_MENDED = json.dumps({"errors": [{"wrong": "A dog", "right": "Seven dots"}], "text": SEEN})
_REPORT = {"reason": "no dog", "error": "image_recognition", "score": 1, "text": SEEN}

CORRECTED: dict[str, tuple[dict[str, tuple[str, ...]], set[tuple[str, str]]]] = {
    "sima": (
        {"samplers.0": (SEEN, IMAGINED), "critic": ("(1)",)},
        {(SEEN, IMAGINED), (IMAGINED, SEEN)},
    ),
    "squba": ({"samplers.0": (IMAGINED,)}, {(GOLD, IMAGINED)}),
    "ha_dpo": (
        {
            "samplers.0": (IMAGINED,),
            "correctors.0": (_MENDED,),
            "style": tuple(json.dumps({"text": text}) for text in STYLED),
        },
        {STYLED, STYLED[::-1]},
    ),
    "opa_dpo": (
        {
            "samplers.0": (IMAGINED,),
            "correctors.0": (json.dumps({"sentences": {"1": _REPORT}, "added": ""}),),
        },
        {(GOLD, IMAGINED), (SEEN, IMAGINED)},
    ),
    "povid": ({"correctors.0": (_INJECTED,)}, {(GOLD, SPOILT)}),
    "bpo": (
        {"samplers.0": (IMAGINED,), "correctors.0": (_INJECTED,), "correctors.1": (_INJECTED,)},
        {(GOLD, IMAGINED), (GOLD, SPOILT)},
    ),
}
"""What each role may say, and the pairs that may come of it."""

JUDGED = {"silkie": "listwise", "llava_hound": "pointwise", "ct_report": "pointwise"}


@pytest.fixture(scope="session")
def prompts(tmp_path_factory: pytest.TempPathFactory, image: Callable[..., Image]) -> Path:
    """Prompts about drawn pictures."""
    return _written(tmp_path_factory.mktemp("prompts"), [image(number).data for number in range(ROWS)])


@pytest.fixture(scope="session")
def real_prompts(prompts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts about two competition diagrams and a photograph, where they lie beside the checkout; else as drawn.

    For recipes of which every role is told what to say: what a random model draws goes by the picture.
    """
    data = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not data.is_dir():
        return prompts
    found = [*sorted((data / "math-v" / "images").glob("*.jpg"))[: ROWS - 1]]
    found.append(min((data / "cc0-coco-objects" / "images").glob("*.jpg")))
    return _written(tmp_path_factory.mktemp("real"), [path.read_bytes() for path in found])


def _written(folder: Path, pictures: Sequence[bytes]) -> Path:
    """Write prompts, each with a report, a description and a number that is the right answer."""
    lines = []
    for number, picture in enumerate(pictures):
        (folder / f"{number}.picture").write_bytes(picture)
        row = {
            "id": f"q{number}",
            "question": "How many dots?",
            "image": f"{number}.picture",
            "chosen": "There are seven. Final answer: 7",
            "ground_truth": "7",
            "evidence": "A sheet with seven dots.",
        }
        lines.append(json.dumps(row))
    (folder / "prompts.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "prompts.jsonl"


def overrides(name: str, server: str) -> list[str]:
    told = [f"samplers.0.{key}" for key in ("model=tiny-vlm", f"base_url={server}", "max_tokens=24", "n=6")]
    if name in JUDGED:
        told += ["judge.model=tiny-vlm", f"judge.base_url={server}", "judge.params.rationale=0"]
        told += ["judge.params.max_tokens=400", "truncated=keep"]
    else:
        choice = json.dumps({"structured_outputs": {"choice": CHOICES[name]}})
        told += [f"samplers.0.options.extra_body={choice}", "samplers.0.n=12", "samplers.0.max_tokens=64"]
    return told


def _claims(*words: str) -> str:
    return json.dumps(
        {"claims": [{"claim": f"{one} dots", "question": f"Are there {one} dots?"} for one in words]}
    )


def _events(*verdicts: str) -> str:
    cells = {str(number): {"verdict": verdict} for number, verdict in enumerate(verdicts, 1)}
    return json.dumps({"events": cells, "invented": ["A hat."][: len(set(verdicts)) - 1]})


STATED = {
    "rlaif_v": {
        "splitter": [
            _claims("seven"),
            _claims("red", "round", "few"),
            _claims("two", "blue", "large", "no", "all"),
        ],
    },
    "video_salmonn2": {
        "judge": [
            json.dumps({"events": ["There are dots.", "There are seven."]}),
            _events("right", "right"),
            _events("right", "missing"),
            _events("missing", "wrong"),
        ],
    },
}
"""Who takes answers apart, and what that random model may say: it is asked again until it is of the form wanted."""

NO = {"logit_bias": {"413": 100}}
"""Token ` no` of the tiny model; the likelihoods that the server tells are those before the bias."""


def test_every_recipe_with_a_model_is_tried() -> None:
    asking = {name for name in packaged_names() if isinstance(load_recipe(name).builder, ModelBuilder)}
    assert asking == {*JUDGED, *CHOICES, *BY_ROLE, *STATED, "interactive_cot", "lrv", "tpo", *CORRECTED}


@pytest.mark.parametrize("name", [*JUDGED, *CHOICES])
def test_a_recipe_against_the_server(name: str, server: str, prompts: Path, tmp_path: Path) -> None:
    recipe = load_recipe(name, overrides(name, server))
    outcome = pairwright.build(recipe, source=prompts, out=tmp_path / "run")
    counts = outcome.counts
    assert counts.rows == ROWS == counts.paired + counts.rejected
    assert counts.pairs["text"] > 0
    assert pairwright.validate(tmp_path / "run") == []
    assert all(spent.failed == spent.refused == 0 for spent in outcome.ledger)
    pairs = pq.read_table(tmp_path / "run" / "data").to_pylist()
    if name in JUDGED:
        assert all(pair["score_chosen"] > pair["score_rejected"] for pair in pairs)
    elif name in OVER_GOLD:
        assert {pair["chosen_text"] for pair in pairs} == {"There are seven. Final answer: 7"}
        assert {pair["rejected_text"] for pair in pairs} == {OVER_GOLD[name]}
    else:
        right, *wrong = CHOICES[name]
        assert {pair["chosen_text"] for pair in pairs} == {right}
        assert {pair["rejected_text"] for pair in pairs} <= set(wrong)
    again = pairwright.build(recipe, source=prompts, out=tmp_path / "run")
    assert again.already_done


@pytest.mark.parametrize("name", BY_ROLE)
def test_a_recipe_whose_roles_say_different_things(
    name: str, server: str, real_prompts: Path, tmp_path: Path
) -> None:
    roles, rejected = BY_ROLE[name]
    told = []
    for place, text in roles.items():
        choice = json.dumps({"structured_outputs": {"choice": [text]}})
        told += [f"{place}.model=tiny-vlm", f"{place}.base_url={server}", f"{place}.max_tokens=64"]
        told += [f"{place}.options.extra_body={choice}"]
    recipe = load_recipe(name, told)
    outcome = pairwright.build(recipe, source=real_prompts, out=tmp_path / "run")
    assert outcome.counts.pairs == {"text": ROWS}
    assert pairwright.validate(tmp_path / "run") == []
    chosen = SEEN if "samplers.0" in roles else "There are seven. Final answer: 7"
    for pair in pq.read_table(tmp_path / "run" / "data").to_pylist():
        assert pair["chosen_text"] == chosen
        assert re.fullmatch(rejected, pair["rejected_text"])


@pytest.mark.parametrize(
    ("answer", "pairs"), [("It is as you say.", True), ("There is no such thing.", False)]
)
def test_lrv_asks_what_its_questioner_writes_under_a_schema(
    server: str, real_prompts: Path, tmp_path: Path, answer: str, pairs: bool
) -> None:
    choice = json.dumps({"structured_outputs": {"choice": [answer]}})
    told = [f"{place}.{key}" for place in ("questioner", "samplers.0") for key in
            ("model=tiny-vlm", f"base_url={server}")]  # fmt: skip
    told += ["questioner.params.characters=40", "questioner.params.max_tokens=2000", "questions.invented=2"]
    told += ["questions.wrong_attribute=2", f"samplers.0.options.extra_body={choice}"]
    run = pairwright.build(load_recipe("lrv", told), source=real_prompts, out=tmp_path / "run")
    assert run.counts.rows == ROWS == run.counts.paired + run.counts.rejected
    assert all(spent.failed == spent.refused == 0 for spent in run.ledger)
    assert pairwright.validate(run.folder) == []
    asked = [one for one in pq.read_table(run.folder / "candidates").to_pylist() if one["candidates"]]
    assert len(asked) > 2 * ROWS
    made = [row for path in (run.folder / "data").glob("*") for row in pq.read_table(path).to_pylist()]
    assert {row["rejected_text"] for row in made} == ({answer} if pairs else set())
    assert {row["question"] for row in made} <= {one["question"] for one in asked}


@pytest.mark.parametrize("name", STATED)
def test_a_recipe_that_takes_answers_apart(name: str, server: str, prompts: Path, tmp_path: Path) -> None:
    told = ["samplers.0.max_tokens=24", "truncated=keep"]
    roles = {"samplers.0": {}, **{place: {"choice": said} for place, said in STATED[name].items()}}
    for place, choice in roles.items():
        told += [f"{place}.model=tiny-vlm", f"{place}.base_url={server}"]
        if choice:
            told += [f"{place}.options.extra_body={json.dumps({'structured_outputs': choice})}"]
            told += [f"{place}.params.{key}" for key in ("output=text", "attempts=10", "temperature=1")]
    if name == "rlaif_v":
        told += ["labeler.model=tiny-vlm", f"labeler.base_url={server}"]
        told += [f"labeler.options.extra_body={json.dumps(NO)}", "labeler.params.logprobs=1"]
        told += ["pairing.balance_length=false"]
    recipe = load_recipe(name, told)
    outcome = pairwright.build(recipe, source=prompts, out=tmp_path / "run")
    assert outcome.counts.pairs["text"] > 0
    assert all(spent.failed == spent.refused == 0 for spent in outcome.ledger)
    assert pairwright.validate(tmp_path / "run") == []
    pairs = pq.read_table(tmp_path / "run" / "data").to_pylist()
    assert all(pair["score_chosen"] > pair["score_rejected"] for pair in pairs)
    kept = pq.read_table(tmp_path / "run" / "candidates").to_pylist()
    candidates = [one for row in kept for one in row["candidates"]]
    claims = [claim for one in candidates for claim in one["claims"]]
    if name == "rlaif_v":
        assert {(claim["finding"], claim["probability"]) for claim in claims} == {("wrong", 0.0)}
        assert all(one["score"] == -len(one["claims"]) for one in candidates)
    else:
        assert len({claim["finding"] for claim in claims}) > 1
    again = pairwright.build(recipe, source=prompts, out=tmp_path / "run")
    assert again.already_done


_KNOWN: tuple[dict[str, Finding], ...] = (
    {"Seven dots are there.": "right", "Two rows are there.": "right"},
    {"Nine dots are there.": "wrong", "One row is there.": "wrong"},
)
"""Claims of two answers that the source has, with what was found of them."""

_WRITTEN = tuple(
    json.dumps({"text": f"{count} dots are there in two rows."}) for count in ("Six", "Ten", "No", "All")
)


def _overwriting(server: str, image: Callable[..., Image], folder: Path) -> tuple[Path, list[str]]:
    """Return rows with two answers whose claims are known, and the settings of all roles."""
    answers = tuple(
        Candidate(" ".join(known), claims=tuple(Claim(text, finding) for text, finding in known.items()))
        for known in _KNOWN
    )
    rows = [
        SourceRow(f"r:{n}", "r", f"q{n}", Prompt("<image>How many dots?", (image(n),)), candidates=answers)
        for n in range(ROWS)
    ]
    pq.write_table(to_candidate_table(rows), folder / "rows.parquet")
    places = ("samplers.0", "splitter", "labeler", "overwrite.rewriter")
    told = [f"{place}.{key}" for place in places for key in ("model=tiny-vlm", f"base_url={server}")]
    told += ["samplers.0.n=1", "samplers.0.max_tokens=24", "truncated=keep", "overwrite.topics=2"]
    return folder / "rows.parquet", told


def test_tpo_overwrites_topic_by_topic(server: str, image: Callable[..., Image], tmp_path: Path) -> None:
    source, told = _overwriting(server, image, tmp_path)
    said = {"splitter": (json.dumps({"topics": [[1, 3], [2, 4]]}),), "overwrite.rewriter": _WRITTEN}
    for place, choices in said.items():
        extra = json.dumps({"structured_outputs": {"choice": choices}})
        told += [f"{place}.options.extra_body={extra}", f"{place}.params.output=text"]
    told += ["overwrite.grouping.output=text", "overwrite.alternatives=false"]
    recipe = load_recipe("tpo", told)
    outcome = pairwright.build(recipe, source=source, out=tmp_path / "run")
    assert all(spent.failed == spent.refused == 0 for spent in outcome.ledger)
    assert pairwright.validate(tmp_path / "run") == []
    pairs = pq.read_table(tmp_path / "run" / "data").to_pylist()
    made = [pair for pair in pairs if "overwritten" in pair["tags"]]
    assert made
    texts = {json.loads(one)["text"] for one in _WRITTEN}
    assert {pair[side] for pair in made for side in ("chosen_text", "rejected_text")} <= texts
    assert all(pair["chosen_spans"][0]["end"] == len(pair["chosen_text"].split()[0]) for pair in made)
    kept = pq.read_table(tmp_path / "run" / "candidates").to_pylist()
    topics = [[[claim["topic"] for claim in one["claims"]] for one in row["candidates"][:2]] for row in kept]
    assert topics == [[[1, 2], [1, 2]]] * ROWS
    assert pairwright.build(recipe, source=source, out=tmp_path / "run").already_done


def test_the_forms_of_overwriting_are_taken_as_schemas(
    server: str, image: Callable[..., Image], tmp_path: Path
) -> None:
    """A random model fills no form in time; that each is asked for as a schema shows in that nothing is refused."""
    source, told = _overwriting(server, image, tmp_path)
    for place in (
        "splitter.params",
        "overwrite.grouping",
        "overwrite.questions",
        "overwrite.rewriter.params",
    ):
        told.append(f"{place}.max_tokens=48")
    outcome = pairwright.build(load_recipe("tpo", told), source=source, out=tmp_path / "run")
    assert all(spent.failed == spent.refused == 0 for spent in outcome.ledger)
    assert outcome.counts.rejects["pair"].keys() >= {"bad_question"}
    assert pairwright.validate(tmp_path / "run") == []
    assert {tuple(pair["tags"]) for pair in pq.read_table(tmp_path / "run" / "data").to_pylist()} == {
        ("whole_answers",)
    }


def _role(name: str, place: str, choices: tuple[str, ...], server: str) -> list[str]:
    """Return the settings of a role that says one of some texts: a form that is not held to a schema, where it is a form."""
    told = ["model=tiny-vlm", f"base_url={server}"]
    told += [f"options.extra_body={json.dumps({'structured_outputs': {'choice': choices}})}"]
    if place == "critic":
        told += ["params.output=number", "params.orders=one"]
    elif place != "samplers.0":
        told += ["params.output=text"]
    if name == "sima" and place == "samplers.0":
        told += ["n=8"]
    return [f"{place}.{key}" for key in told]


@pytest.mark.parametrize("name", CORRECTED)
def test_a_recipe_that_corrects_or_compares_itself(
    name: str, server: str, real_prompts: Path, tmp_path: Path
) -> None:
    roles, expected = CORRECTED[name]
    told = [key for place, choices in roles.items() for key in _role(name, place, choices, server)]
    recipe = load_recipe(name, told)
    outcome = pairwright.build(recipe, source=real_prompts, out=tmp_path / "run")
    counts = outcome.counts
    assert counts.rows == ROWS == counts.paired + counts.rejected
    assert pairwright.validate(tmp_path / "run") == []
    assert all(spent.failed == spent.refused == 0 for spent in outcome.ledger)
    pairs = pq.read_table(tmp_path / "run" / "data").to_pylist()
    found = {(pair["chosen_text"], pair["rejected_text"]) for pair in pairs}
    assert found <= expected
    assert pairs
    assert pairwright.build(recipe, source=real_prompts, out=tmp_path / "run").already_done


@pytest.mark.parametrize("name", ["ha_dpo", "opa_dpo", "bpo"])
def test_the_forms_of_correctors_are_taken_as_schemas(
    name: str, server: str, prompts: Path, tmp_path: Path
) -> None:
    """A random model fills no form in time; that each is asked for as a schema shows in that nothing is refused."""
    roles, _ = CORRECTED[name]
    told = _role(name, "samplers.0", (IMAGINED,), server)
    for place in roles.keys() - {"samplers.0"}:
        told += [f"{place}.{key}" for key in ("model=tiny-vlm", f"base_url={server}", "params.max_tokens=48")]
    outcome = pairwright.build(load_recipe(name, told), source=prompts, out=tmp_path / "run")
    assert all(spent.failed == spent.refused == 0 for spent in outcome.ledger)
    assert set(outcome.counts.rejects["candidate"]) <= {"bad_rewrite", "no_correction"}
    assert outcome.counts.pairs.get("text", 0) == (0 if name == "ha_dpo" else ROWS)


def test_a_run_in_one_process_with_its_engine(tiny: str, prompts: Path, tmp_path: Path) -> None:
    """Sampler and judge are the same engine; it is started once, and not at all for a replay."""
    options = {
        "dtype": "float32",
        "enforce_eager": True,
        "max_model_len": 8192,
        "max_num_seqs": 32,
        "max_num_batched_tokens": 8192,
        "engine": {"kv_cache_memory_bytes": 256 << 20, "mm_processor_cache_gb": 0.25},
    }
    told = [f"{place}.{key}" for place in ("samplers.0", "judge") for key in
            ("sampler=vllm", f"model={tiny}", f"options={json.dumps(options)}")]  # fmt: skip
    told += ["samplers.0.max_tokens=24", "truncated=keep", "judge.params.rationale=0"]
    told += [f"output.responses={tmp_path / 'answers.sqlite'}"]
    command = [sys.executable, "-P", "-c", "from pairwright.cli import main; main()", "build", "silkie"]
    command += ["--source", str(prompts), *(word for line in told for word in ("--set", line))]
    first = _told([*command, "--out", str(tmp_path / "one")])
    assert "3 source rows" in first
    again = _told([*command, "--out", str(tmp_path / "two")])
    assert "0 calls" in again
    assert _files(tmp_path / "one") == _files(tmp_path / "two")


def _told(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _files(folder: Path) -> dict[str, Any]:
    found = [path for name in ("data", "candidates", "rejects") for path in (folder / name).glob("*")]
    return {path.name + path.parent.name: path.read_bytes() for path in found}

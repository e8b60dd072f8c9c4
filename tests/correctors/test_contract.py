"""What every corrector must do, whichever it is: run over all that the room finds."""

import asyncio
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pairwright.annotators._prompts import packaged, read_script
from pairwright.correctors import ROOM, Corrector, Rewritten, Task
from pairwright.correctors._asking import SHELF, Rewriting
from pairwright.estimate import _Counter
from pairwright.samplers import Model
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Ask, Request
from pairwright.schemas.special_tokens import special_token

EVERY = ROOM.names()
TASK = Task(
    "rows.jsonl:7",
    0,
    "corrector",
    Prompt("What is there?"),
    "A red cat sleeps on a mat. Two dogs watch it.",
    "A black cat sleeps on a mat.",
    "A black cat on a mat; no other animal.",
)
TEXTS = [
    "A black cat sleeps on a mat.",
    "A red cat sleeps on a mat. Two dogs watch it.",
    "A red cat sleeps on a mat, two dogs watch it",
    "Two dogs.",
    "",
    " \n",
    "It is <image> here.</s>",
    "[INST]",
    "{}",
    "cat " * 90,
]


def part_of(name: str) -> Corrector[Any]:
    return ROOM.get(name)


def rewrite(name: str, task: Task, say: Callable[[Request], str], **chosen: Any) -> Rewritten:
    """Rewrite with a model that says what ``say`` returns for a request."""

    async def ask(request: Request) -> tuple[Answer, ...]:
        return (Answer(say(request), "stop"),)

    return rewrite_asking(name, task, ask, **chosen)


def rewrite_asking(name: str, task: Task, ask: Ask, **chosen: Any) -> Rewritten:
    part = part_of(name)
    correct = part.prepare(part.settings.model_validate(chosen))

    async def run() -> Rewritten:
        return await correct(task, ask)

    return asyncio.run(run())


def forecast() -> Ask:
    """Return a way to ask the model that ``pairwright check`` counts with."""
    return _Counter(Model(model="counted", base_url="http://127.0.0.1:9/v1")).ask


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return what follows a JSON schema as correctors use them, its strings often bad ones."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            return st.fixed_dictionaries({key: values(one) for key, one in schema["properties"].items()})
        case "array":
            return st.lists(values(schema["items"]), max_size=2)
        case "boolean":
            return st.booleans()
        case _:
            return st.one_of(st.sampled_from(TEXTS), st.text(max_size=30))


def test_the_room_has_all_kinds() -> None:
    assert {part_of(name).makes for name in EVERY} == {"better", "worse", "same"}


@pytest.mark.parametrize("name", EVERY)
def test_parts_explain_themselves(name: str) -> None:
    part = part_of(name)
    assert part.summary
    assert part.source
    assert part.settings.__doc__
    assert all(field.description for field in part.settings.model_fields.values())


@pytest.mark.parametrize("name", EVERY)
def test_settings_have_defaults_and_are_closed(name: str) -> None:
    part = part_of(name)
    assert pickle.loads(pickle.dumps(part.settings())) == part.settings()
    assert part.settings.model_validate(part.settings().model_dump(mode="json")) == part.settings()
    assert set(part.settings.model_fields) >= set(Rewriting.model_fields)
    for wrong in ({"temprature": 1}, {"attempts": 0}, {"temperature": -1}, {"max_tokens": 0}, {"top_p": 0}):
        with pytest.raises(ValidationError):
            part.settings.model_validate(wrong)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    "said", ["", "So be it.", "[]", '{"text": 1}', "{}", '{"text": "A black cat."} {"text": "A dog."}', "null", "\ud800"]
)  # fmt: skip
def test_nonsense_is_asked_for_again_and_given_up(name: str, said: str) -> None:
    for output in ("schema", "text"):
        asked: list[Request] = []

        def say(request: Request, asked: list[Request] = asked) -> str:
            asked.append(request)
            return said

        with pytest.raises(RowError) as told:
            rewrite(name, TASK, say, output=output, attempts=3)
        assert told.value.reason == "bad_rewrite"
        assert told.value.message
        assert [one.first for one in asked] == [0, 1, 2]
        assert all((one.schema is None) == (output == "text") for one in asked)


@pytest.mark.parametrize("name", EVERY)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_whatever_follows_the_schema_gives_a_good_text_or_a_reject(name: str, data: st.DataObject) -> None:
    def say(request: Request) -> str:
        return json.dumps(data.draw(values(json.loads(request.schema or ""))))

    try:
        made = rewrite(name, TASK, say, attempts=1)
    except RowError as error:
        reason = error.reason
    else:
        reason = None
        assert_good(name, made)
    assert reason in (None, "bad_rewrite", "no_correction")


def assert_good(name: str, made: Rewritten) -> None:
    assert made.text == made.text.strip() != ""
    assert special_token(made.text) is None
    assert len(made.text) < 4 * len(TASK.text)
    assert made.prompt
    assert made.notes is None or isinstance(json.loads(made.notes), dict)
    for text, spans in ((made.text, made.spans), (TASK.text, made.original_spans)):
        assert all(0 <= one.start < one.end <= len(text) and one.weight > 0 for one in spans)
        assert all(one.end <= other.start for one, other in pairwise(spans))
    if part_of(name).makes != "same":
        assert made.text != TASK.text


@pytest.mark.parametrize("name", EVERY)
def test_a_forecast_gets_through_all_calls(name: str) -> None:
    for text in (TASK.text, "Yes.", "A long one, with much in it. " * 30):
        made = rewrite_asking(name, replace(TASK, text=text), forecast(), attempts=1)
        assert made.text != text


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_text_and_a_lacking_row_are_told_before_anything_is_asked(name: str) -> None:
    def say(request: Request) -> str:
        raise AssertionError("asked")

    with pytest.raises(RowError) as told:
        rewrite(name, replace(TASK, text=" "), say)
    assert told.value.reason == "empty_answer"
    part, bare = part_of(name), replace(TASK, text="", reference=None, evidence=None)
    for key, value, reason in (
        ("look", "evidence", "no_evidence"),
        ("reference", "require", "no_ground_truth"),
    ):
        try:
            chosen = part.settings.model_validate({"reference": "none"} if key == "look" else {})
            chosen = part.settings.model_validate({**chosen.model_dump(), key: value})
        except ValidationError:
            continue  # it has no such setting
        assert part.check
        with pytest.raises(RowError) as told:
            part.check(chosen, bare)
        assert told.value.reason == reason


@pytest.mark.parametrize("name", EVERY)
def test_the_same_task_asks_the_same(name: str) -> None:
    asked: list[Request] = []

    async def ask(request: Request) -> tuple[Answer, ...]:
        asked.append(request)
        return await forecast()(request)

    assert rewrite_asking(name, TASK, ask) == rewrite_asking(name, TASK, ask)
    half = len(asked) // 2
    assert asked[:half] == asked[half:]
    rewrite_asking(name, replace(TASK, part="correctors.1"), ask)
    assert asked[2 * half].sampling.seed != asked[0].sampling.seed
    assert asked[2 * half].messages == asked[0].messages


@pytest.mark.parametrize("name", packaged(SHELF))
def test_packaged_prompts_tell_of_the_fences(name: str) -> None:
    script = read_script(SHELF, name, name.removesuffix("_refine"))
    assert script.head.name == name
    assert "=== begin NAME CODE ===" in script.system
    assert "{{ form }}" in script.system
    assert "The code of this message is {{ code }}." in script.user
    assert "{{ answer }}" in script.user


@pytest.mark.parametrize("name", EVERY)
def test_prompts_are_files_that_can_be_replaced(name: str, tmp_path: Any) -> None:
    part, path = part_of(name), tmp_path / "mine.md"
    assert part.marks
    packaged_mark = part.marks(part.settings())["prompt"]
    head = f"---\nname: mine\nversion: 4\ncorrector: {name}\n---\n"
    path.write_text(head + "# System\nDo it. {{ form }}\n# User\n{{ answer }}\n")
    mine = part.settings.model_validate({"prompt": str(path)})
    assert part.marks(mine)["prompt"] != packaged_mark
    part.prepare(mine)
    made = rewrite_asking(name, TASK, forecast(), prompt=str(path))
    assert (made.prompt or "").startswith("mine v4 #")
    for text, why in (
        (head.replace(name, "polish") + "# System\n# User\n", f"for the corrector polish, not {name}"),
        (head.replace("corrector", "judge") + "# System\n# User\n", "head: corrector"),
        (head + "# System\n{{ answer }}\n# User\n", "no 'answer' among"),
        (head + "# System\n# User\n{{ answers }}\n", "no 'answers' among .* Did you mean 'answer'"),
        (head + "# System\n# User\n{{ evidence.upper() }}\n", r"mine\.md, line 8"),
    ):
        path.write_text(text)
        with pytest.raises(ParameterError, match=why):
            part.prepare(mine)


def test_a_prompt_that_needs_what_is_withheld(tmp_path: Any) -> None:
    part, path = part_of("minimal"), tmp_path / "mine.md"
    for need, given_by, withheld in (
        ("evidence", {"look": "both"}, {}),
        ("pictures", {}, {"look": "evidence"}),
        ("reference", {"reference": "use"}, {}),
    ):
        path.write_text(
            f"---\nname: mine\nversion: 1\ncorrector: minimal\nneeds: [{need}]\n---\n# System\n# User\n{{{{ answer }}}}\n"
        )
        part.prepare(part.settings.model_validate({"prompt": str(path), **given_by}))
        with pytest.raises(ParameterError, match=f"needs {need}"):
            part.prepare(part.settings.model_validate({"prompt": str(path), **withheld}))

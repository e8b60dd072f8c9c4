"""Prompt files: found, versioned, and told of with file and line where they are wrong."""

import re
from pathlib import Path

import pytest

from pairwright.annotators import ROOM
from pairwright.annotators import _prompts as prompts
from pairwright.annotators._prompts import packaged, read_prompt, ready_prompt
from pairwright.annotators._sides import form_of
from pairwright.schemas.errors import ParameterError

HEAD = "---\nname: mine\nversion: 2\njudge: pointwise\n---\n"
GOOD = (
    HEAD
    + "# System\nRate {{ aspects[0].name }}.\n\n# User\n{{ question }}\n{% for a in answers %}{{ a }}{% endfor %}\n"
)


def prepared(path: Path, **settings: object) -> None:
    part = ROOM.get("pointwise")
    part.prepare(part.settings(prompt=str(path), **settings), "judge")


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.md"
    path.write_text(text, encoding="utf-8")
    return path


FOLDER = Path(prompts.__file__).parent / "prompts"
OWNERS = {
    name: re.findall(r"^judge: (.*)$", (FOLDER / f"{name}.md").read_text(), re.MULTILINE)[0]
    for name in packaged()
}
"""For whom each packaged prompt says it is."""
FOR_JUDGES = [name for name, owner in OWNERS.items() if owner in ROOM.names()]
"""Prompts that ask for a verdict; the others take a text apart, or write or answer a plain question."""


@pytest.mark.parametrize("name", FOR_JUDGES)
def test_packaged_prompts_can_be_used_under_all_settings(name: str) -> None:
    head = read_prompt(name, OWNERS[name]).head
    assert head.name == name
    part = ROOM.get(head.judge)
    outputs = ["schema", "text", "bracket", "number"] if head.judge == "pairwise" else ["schema", "text"]
    for look in ("pictures", "evidence", "both"):
        for output in outputs:
            for rationale in (0, 300):
                part.prepare(
                    part.settings(
                        prompt=name, look=look, output=output, rationale=rationale, reference="require"
                    ),
                    "judge",
                )


@pytest.mark.parametrize("name", packaged())
def test_packaged_prompts_tell_of_the_fences(name: str) -> None:
    text = read_prompt(name, OWNERS[name])
    shows_text = "{{" in text.user  # one that shows a picture alone has nothing to fence
    assert ("=== begin NAME CODE ===" in text.system) == shows_text
    assert ("The code of this message is {{ code }}." in text.user) == shows_text
    assert name not in FOR_JUDGES or "Never guess" in text.system


def test_the_mark_follows_the_words(tmp_path: Path) -> None:
    mark = read_prompt(str(written(tmp_path, GOOD)), "pointwise").mark
    assert re.fullmatch(r"mine v2 #[0-9a-f]{8}", mark)
    assert read_prompt(str(written(tmp_path, GOOD + " ")), "pointwise").mark != mark
    prepared(written(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD.replace("{{ question }}", "{{ qestion }}"),
            "mine.md, line 10: no 'qestion' among .* Did you mean 'question'",
        ),
        (GOOD.replace("{{ question }}", "{{ question }"), "mine.md, line 10: "),
        (GOOD.replace("{% endfor %}", ""), "mine.md, line 1[01]: "),
        (GOOD.replace("aspects[0].name", "aspects[0].nmae"), "mine.md, line 7: .*nmae"),
        (GOOD.replace("aspects[0].name", "question"), "mine.md, line 7: no 'question' among"),
        (GOOD.replace("{{ question }}", "{{ reference.upper() }}"), "mine.md, line 10: .*None"),
        (GOOD.replace("{{ question }}", "{{ code / 2 }}"), "mine.md, line 10: "),
        (GOOD.replace("{{ question }}", "{% include 'x' %}"), "mine.md, line 10: x"),
        (GOOD.replace("{{ question }}", "{{ lipsum() }}"), "no 'lipsum' among"),
        (GOOD.replace("{{ question }}", "{{ answers | random }}"), "mine.md, line 10: .*random"),
        (GOOD.replace("{{ question }}", "{{ ''.__class__.__mro__ }}"), "mine.md, line 10: .*unsafe"),
        (GOOD.replace("# User\n", ""), "expected one line '# User', found 0"),
        (GOOD + "# User\n", "expected one line '# User', found 2"),
        (HEAD + "# User\nx\n# System\ny\n", "line 6: '# User' stands before '# System'"),
        (GOOD.removeprefix("---\n"), "line 1: expected a head"),
        (GOOD.replace("version: 2", "version: two"), "head: version"),
        (GOOD.replace("version: 2", "verison: 2"), "head: ver"),
        (GOOD.replace("version: 2", "version: ["), "not YAML"),
        (GOOD.replace("judge: pointwise", "judge: listwise"), "for the judge listwise, not pointwise"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        prepared(written(tmp_path, text))


def test_a_missing_file_and_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"none\.md cannot be read"):
        prepared(tmp_path / "none.md")
    (tmp_path / "mine.md").write_bytes(b"\xff\xfe")
    with pytest.raises(ParameterError, match="cannot be read"):
        prepared(tmp_path / "mine.md")
    with pytest.raises(ParameterError, match="Did you mean 'pointwise'"):
        prepared(Path("pointwize"))


@pytest.mark.parametrize(
    ("need", "settings"),
    [("reference", {}), ("evidence", {}), ("pictures", {"look": "evidence"})],
)
def test_a_prompt_that_needs_what_the_settings_withhold(
    tmp_path: Path, need: str, settings: dict[str, str]
) -> None:
    path = written(tmp_path, GOOD.replace("version: 2", f"version: 2\nneeds: [{need}]"))
    with pytest.raises(ParameterError, match=f"needs {need}"):
        prepared(path, **settings)
    prepared(path, look="both", reference="use")


def test_worked_examples_end_in_the_form_that_is_asked_for() -> None:
    prompt = read_prompt("pairwise_with_examples", "pairwise")
    for output, endings in {"bracket": ("[[B>A]]", "[[A>B]]"), "number": ("(2)", "(1)")}.items():
        system = ready_prompt(
            prompt, {"look": "pictures", "criteria": (), **form_of(output, False, 0)}
        ).system
        assert [line.split("Verdict: ")[1] for line in system.splitlines() if "Verdict: " in line] == list(
            endings
        )
    with pytest.raises(ParameterError, match="needs reference"):
        ROOM.get("pairwise").prepare(ROOM.get("pairwise").settings(prompt="pairwise_with_examples"), "judge")

"""The page about pairings knows every rule and every setting, and its examples are what the code does."""

import re
from pathlib import Path
from random import Random
from typing import Any, Literal, cast

import pytest
import yaml

from pairwright.pairings import ROOM, Pairing
from pairwright.pairings._forming import PairingSettings, prepare
from pairwright.schemas.candidate import Candidate, Comparison, Outcome, Side

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "pairings.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLES = [
    pytest.param(name, text, table, id=f"{name}-{number}")
    for name, section in SECTIONS.items()
    for number, (text, table) in enumerate(
        re.findall(
            r"```yaml\n(.*?)```\n\n\| chosen \| rejected \| margin \|\n[^\n]*\n((?:\|[^\n]*\n)+)",
            section,
            re.DOTALL,
        )
    )
]


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines()]


def answers(score: Literal["score", "rank"], *, sides: bool) -> list[Candidate]:
    found = re.search(r"^\| number \| answer .*\n.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert found
    rows = cells(found[1])
    assert [row[0] for row in rows] == ["0", "1", "2", "3", "4"]
    return [
        Candidate(
            text,
            score=float(rated if score == "score" else rank),
            side=cast(Side, side) if sides else "any",
        )
        for _, text, rated, rank, side in rows
    ]


def verdicts(section: str) -> list[Comparison]:
    found = re.search(r"^\| first \| second .*\n.*\n((?:\|.*\n)+)", section, re.MULTILINE)
    if not found:
        return []
    return [
        Comparison(int(first), int(second), cast(Outcome, outcome), "judge", float(strength))
        for first, second, outcome, strength in cells(found[1])
    ]


@pytest.mark.parametrize(("name", "text", "table"), EXAMPLES)
def test_the_examples_are_what_the_rules_do(name: str, text: str, table: str) -> None:
    settings = PairingSettings(**yaml.safe_load(text)["pairing"])
    assert settings.rule == name
    candidates = answers("rank" if name == "ranks" else "score", sides=name == "sides")
    formed = prepare(settings)(candidates, verdicts(SECTIONS[name]), Random(0))
    shown = [[str(pair.chosen), str(pair.rejected), f"{pair.margin:g}"] for pair in formed.pairs]
    assert shown == cells(table)


def test_every_rule_has_its_section_and_an_example() -> None:
    assert sorted(SECTIONS) == ROOM.names()
    assert {example.values[0] for example in EXAMPLES} == set(SECTIONS)


@pytest.mark.parametrize("name", ROOM.names())
def test_every_parameter_is_told_with_its_default(name: str) -> None:
    fields = ROOM.get(name).settings.model_fields
    told = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", SECTIONS[name], re.MULTILINE))
    assert told == {key: shown(field.default) for key, field in fields.items()}
    assert ("No parameters." in SECTIONS[name]) == (not fields)


def test_every_setting_is_told_with_its_default() -> None:
    told = dict(
        re.findall(r"^\| `(\w+)` \| (\S+) \|", PAGE.partition("## What holds for all")[2], re.MULTILINE)
    )
    assert told == {key: shown(field.default) for key, field in PairingSettings.model_fields.items()}


@pytest.mark.parametrize("block", re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
def test_every_block_can_be_used(block: str) -> None:
    prepare(PairingSettings(**yaml.safe_load(block)["pairing"]))


def test_the_python_examples_run() -> None:
    use, added = PYTHON
    names: dict[str, Any] = {}
    exec(use, names)
    assert (names["pair"].chosen, names["pair"].rejected, names["pair"].margin) == (0, 1, 4.0)
    new: dict[str, Any] = {"__name__": "next_worse"}
    exec(added, new)
    part = new["PART"]
    assert isinstance(part, Pairing)
    pairs = part.prepare(part.settings())(answers("score", sides=False), ())
    assert [(pair.chosen, pair.rejected) for pair in pairs] == [(1, 3), (2, 3), (0, 1), (0, 2), (3, 4)]


def shown(default: object) -> str:
    """Return a default as the tables write it."""
    if default is None or default == {}:
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"{default:g}" if isinstance(default, int | float) else f"`{default}`"

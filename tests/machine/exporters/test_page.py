"""The page about exports names every exporter, its settings and reasons, and says of each what it takes."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pairwright.exporters import ROOM, Exporter
from pairwright.exporters._export import export
from pairwright.exporters._plan import ADVICE
from pairwright.schemas.errors import RunError
from pairwright.schemas.prompt import Prompt

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "export.md").read_text(encoding="utf-8")
TAKES = {
    cells[0]: cells[1:]
    for line in PAGE.splitlines()
    if (cells := [cell.strip() for cell in line.strip("|").split("|")]) and len(cells) == 8
}
TRAINERS = [name for name in ROOM.names() if isinstance(ROOM.get(name), Exporter)]
ASKED = {"one": 0, "several": 1, "none": 2, "image": 3, "turns": 4, "told": 5}


@pytest.mark.parametrize("name", ROOM.names())
def test_every_exporter_has_its_section_with_its_settings(name: str) -> None:
    found = re.search(rf"^## `{name.replace('_', '-')}`\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    told = dict(re.findall(r"^\| `(\w+)` \| `([^`]*)` \|", found[1], re.MULTILINE))
    fields = ROOM.get(name).settings.model_fields
    assert told == {
        key: str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        for key, field in fields.items()
        if field.default is not None
    }


def test_every_reason_is_told() -> None:
    for reason in ADVICE:
        assert f"| `{reason}` |" in PAGE


@pytest.mark.parametrize("name", [name for name in TRAINERS if name not in ("verl", "easyr1")])
@pytest.mark.parametrize("shape", ASKED)
def test_the_table_tells_what_is_taken(name, shape, written, tmp_path, shapes) -> None:
    row = next(
        cells for first, cells in TAKES.items() if first.split()[0].strip("`,") == name.replace("_", "-")
    )
    told = row[ASKED[shape]]
    options = dict([told.strip("`").split("=")]) if "=" in told else {}
    pair = shapes[shape]
    if row[0] == "refused" and shape in ("turns", "told"):  # pictures would be refused first
        prompt = pair.prompt
        history = tuple((user.replace("<image>\n", ""), said) for user, said in prompt.history)
        bare = Prompt(prompt.question.replace("<image>\n", ""), (), prompt.system, history)
        pair = replace(pair, prompt=bare)
    folder = written(pair)
    if told == "refused":
        with pytest.raises(RunError):
            export(folder, name, out=tmp_path / "out")
    else:
        assert export(folder, name, out=tmp_path / "out", options=options).splits[0].pairs == 1

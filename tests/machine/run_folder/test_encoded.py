"""What encoders did is told wherever a run is looked at."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pairwright.card import write_card
from pairwright.commands import show
from pairwright.report import write_report
from pairwright.runs.readback import read_run

TOLD = "ViT-B-32/openai encoded 1,200 pictures and 6,000 texts, attacked 40 pictures"


@pytest.fixture
def encoded_run(judged_run: Path) -> Path:
    told = json.loads((judged_run / "run.json").read_text())
    told["encoded"] = [
        {"encoder": "ViT-B-32/openai", "images": 1200, "texts": 6000, "attacked": 40, "stored": 3},
    ]
    (judged_run / "run.json").write_text(json.dumps(told))
    return judged_run


def shown(folder: Path) -> str:
    result = CliRunner().invoke(show.command, [str(folder)], catch_exceptions=False)
    return " ".join(result.output.split())


def test_show_report_and_card_tell_it(encoded_run: Path) -> None:
    assert TOLD in shown(encoded_run)
    assert TOLD in write_report(encoded_run).read_text()
    assert TOLD in write_card(encoded_run).read_text()


def test_a_run_without_encoders_says_nothing_of_them(judged_run: Path) -> None:
    assert "encoded" not in shown(judged_run)


def test_a_run_of_an_earlier_release_has_no_attacks(encoded_run: Path) -> None:
    told = json.loads((encoded_run / "run.json").read_text())
    del told["encoded"][0]["attacked"]
    (encoded_run / "run.json").write_text(json.dumps(told))
    assert read_run(encoded_run).encoded[0].attacked == 0

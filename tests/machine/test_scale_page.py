"""The page on scale says what the program makes of the measurements, and the program calculates what it says."""

import doctest
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEASURED = ROOT / "benchmarks" / "measured"


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module ``benchmarks/scale_model.py``, which is no part of the package."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import scale_model

    return scale_model


def record(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MEASURED / f"{name}.json").read_text(encoding="utf-8"))
    return found


def made_up() -> dict[str, dict[str, Any]]:
    """Measurements in round numbers."""
    shards = {
        "small": {"run_s": 2.0, "shard_s": 0.01, "row_s": 0.001, "enter_s": 0.005}
        | {"card_shard_s": 0.006, "card_row_s": 0.0006},
        "photographs": {
            "bytes_in": 50_000,
            "by_perturbation": {
                "slow": {"row_s": 0.036, "bytes_out": 200_000},
                "fast": {"row_s": 0.0036, "bytes_out": 100_000},
            },
        },
        "many_shards": [
            {
                "shards": n,
                "resume_s": 1 + n / 1e4,
                "resume_mb": 90 + n / 1e3,
                "status_s": 1,
                "join_s": 2 + n / 1e3,
            }
            | {"manifest_bytes": 300 * n}
            for n in (1000, 2000, 6000)
        ],
    }
    judged = {
        "tenth": {"prompts": 100, "calls": 400, "cpu_s": 2.8},
        "many": {"prompts": 1000, "calls": 4000, "cpu_s": 10.0, "source_bytes": 2e6, "store_bytes": 8e6}
        | {"other_bytes": 5e6},
        "large_pictures": {"prompts": 10, "calls": 40, "cpu_s": 2.28, "source_bytes": 1.02e6},
    }
    million = {"workers": 2, "rows": 100_000, "held": {"shards": 400}}
    return {"shards": shards, "judged": judged, "million": million}


def test_examples_in_the_program_hold(model: ModuleType) -> None:
    import scale_costs

    tried = [doctest.testmod(module) for module in (model, scale_costs)]
    assert all(one.attempted and not one.failed for one in tried)


def test_costs_are_what_was_measured(model: ModuleType) -> None:
    costs = model.costs_of(made_up()["shards"], made_up()["judged"])
    assert costs.resume.start == pytest.approx(1)
    assert costs.resume.each == pytest.approx(1e-4)
    assert costs.resume_mb.at(10_000) == pytest.approx(100)
    assert costs.manifest_bytes == 300
    assert costs.call_s == pytest.approx(7.2 / 3600)
    assert costs.store_bytes == 2000
    assert costs.kept_bytes == 5000
    # 40 calls took 0.28 s behind a start of 2 s, 5 ms each more than those with small pictures, which sent 0.1 MB less.
    assert costs.sent_s_per_mb == pytest.approx((0.28 / 40 - 0.002) / 0.1)


def test_a_run_of_small_pictures_is_predicted_from_its_parts(model: ModuleType) -> None:
    told = made_up()
    costs = model.costs_of(told["shards"], told["judged"])
    assert model.million_s(costs, told["million"]) == pytest.approx(4 * 2.0 + 400 * 0.01 + 100_000 * 0.001)


def test_pictures_are_divided_by_cores_and_nodes(model: ModuleType) -> None:
    costs = model.costs_of(made_up()["shards"], made_up()["judged"])
    assumed = model.Assumed(pictures=10_000_000, cores=10, shard_rows=10_000, core_hour_usd=0.1)
    heads, slow, fast = model.images_table(costs, assumed)
    assert heads[:3] == ["perturbation", "core hours", "hours, 1 node"]
    assert slow == ["`slow`", "100", "10", "1.3", "0.16", "10", "2.0"]
    assert fast == ["`fast`", "10", "1.0", "0.13", "0.016", "1.0", "1.0"]


def test_what_a_run_folder_takes_follows_its_shards(model: ModuleType) -> None:
    costs = model.costs_of(made_up()["shards"], made_up()["judged"])
    rows = {
        name: cells
        for name, *cells in model.shards_table(costs, model.Assumed(pictures=2_500_000, shard_rows=500))
    }
    assert rows["rows in a shard"] == ["250", "500", "1,000", "20,000"]
    assert rows["shards, and data files"] == ["10,000", "5,000", "2,500", "125"]
    assert rows["manifest, MB"] == ["3.0", "1.5", "0.75", "0.037"]
    assert rows["opening the finished run, s"] == ["2.0", "1.5", "1.2", "1.0"]
    assert rows["join of the slices, s"] == ["12", "7.0", "4.5", "2.1"]
    assert rows["card, minutes"] == ["26", "25", "25", "25"]  # 25 for the rows, and 6 ms for each shard
    assert rows["memory of the process that was started, MB"] == ["100", "95", "92", "90"]
    # 250 rows of 3.6 ms are 0.9 s of a core, and a shard is entered every 5 ms.
    assert rows["cores that one process can enter shards for"][0] == "180"


def test_calls_are_bound_by_the_account_or_by_one_process(model: ModuleType) -> None:
    told = made_up()
    costs = model.costs_of(told["shards"], told["judged"])
    assumed = model.Assumed(prompts=1_800_000, answers=3)
    assert model.calls_of(assumed) == 1_800_000 * (3 + 6)
    _, slow, quick, most, more = model.judged_table(costs, assumed)
    assert slow[0] == "500"
    assert slow[2] == "22"  # 16.2 million calls at 500 a minute: 22.5 days
    assert float(quick[2]) == pytest.approx(22.5 / 20, rel=0.05)
    assert "most for one process" in most[0]
    assert more[2] == f"{most[2]} (bound by one process)"


def test_money_and_sizes(model: ModuleType) -> None:
    costs = model.costs_of(made_up()["shards"], made_up()["judged"])
    assumed = model.Assumed(
        prompts=1_000_000, prompt_tokens=500, completion_tokens=100, prompt_usd=1, completion_usd=4
    )
    told = dict(model.judged_sums(costs, assumed)[1:])
    assert told["calls"] == "4 million"
    assert told["money at the assumed prices"] == "3,600 USD"
    assert told["`responses.sqlite`"] == "8 GB"


def test_a_page_is_filled_between_its_marks_alone(model: ModuleType) -> None:
    page = "Before.\n<!-- scale_model: a -->\nold\n<!-- end -->\nBetween.\n<!-- scale_model: b -->\n<!-- end -->\nAfter.\n"
    filled = model.filled(page, {"a": "new", "b": "1 \\1"})
    assert filled == page.replace("old", "\nnew\n").replace("b -->\n", "b -->\n\n1 \\1\n\n")
    assert model.filled(filled, {"a": "new", "b": "1 \\1"}) == filled
    with pytest.raises(ValueError, match="the page has"):
        model.filled(page, {"a": "new"})


def test_the_page_has_the_tables_of_the_measurements(model: ModuleType) -> None:
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert model.filled(page, model.blocks(MEASURED, model.Assumed())) == page


def test_the_measured_run_lost_nothing_and_was_predicted(model: ModuleType) -> None:
    million = record("million")
    held = million["held"]
    assert held["rows"] == held["ids"] == held["source_ids"] == million["rows"]
    assert million["goes"]["first"]["status"] == -9
    for _, *_, ratio in model.fit_table(model.costs_of(record("shards"), record("judged")), million)[1:]:
        assert 0.5 < float(ratio) < 2

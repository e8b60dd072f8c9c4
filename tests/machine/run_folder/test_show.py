"""``pairwright show`` and ``pairwright report``."""

import json

import pytest
from click.testing import CliRunner

from pairwright.commands import report, show
from pairwright.schemas.errors import RunError
from pairwright.schemas.reject import Reject


def shown(*arguments: object) -> str:
    result = CliRunner().invoke(
        show.command, [str(argument) for argument in arguments], catch_exceptions=False
    )
    assert result.exit_code == 0
    return result.output


def test_it_tells_counts_measures_and_rejects(small_run):
    output = shown(small_run)
    for told in (
        "8 source rows: 5 gave 5 pairs, 3 rejects; 2 rows wait for pairwright retry.",
        "visual_negative",
        "gaussian_blur",
        "image_missing",
        "the image file does not exist",
        "no such file: cat.jpg",
        "no_op (negative)",
        "cc-by-4.0 20 %",
    ):
        assert told in output


def test_it_fits_80_columns(make_run, image_pair):
    rejects = [Reject("photos.csv:1", "image_outside_root", "row", "image", "x" * 300)]
    pair = image_pair(perturbation="random_resized_crop", license="a-licence-with-a-long-name " * 6)
    output = shown(make_run(([pair], rejects), name="a" * 60))
    assert max(len(line) for line in output.splitlines()) <= 80
    assert "random_resized_crop" in output


def test_markup_and_control_codes_are_printed_as_they_are_or_not_at_all(make_run, image_pair):
    rejects = [Reject("[red]a.csv:1", "bad_row", "row", None, "\x1b[31mred\x07")]
    output = shown(make_run(([image_pair()], rejects)))
    assert "[red]a.csv:1" in output
    assert "\x1b" not in output
    assert "\x07" not in output


def test_problems_are_told(small_run):
    (small_run / "data" / "train-00000-00.parquet").unlink()
    result = CliRunner().invoke(show.command, [str(small_run)])
    assert "problem: data/train-00000-00.parquet is missing" in result.output
    assert result.exit_code == 1, "a script must notice"


def test_an_unfinished_run_is_shown(make_run):
    output = shown(make_run(status="running"))
    assert "not finished, shards done: 0" in output
    assert "none so far" in output


def test_json_holds_the_summary(small_run):
    told = json.loads(shown(small_run, "--json"))
    assert (told["rows"], told["paired"], told["rejected"]) == (8, 5, 3)
    assert told["perturbations"][0]["measures"][0]["name"] == "changed"
    assert told["rejects"][0]["reason"] == "image_missing"


def test_it_tells_of_judged_answers(judged_run):
    output = shown(judged_run)
    for told in (
        "warning: Chosen answers are 333 % longer",
        "judge-vlm (listwise, prompt listwise v1 #0c1d2e3f)",
        "median 10 chosen, 2.5 rejected",
        "mean 3.18 of 1 to 5",
        "79 %",
        "48.2 k",
        "0.0123",
        "1 failed",
        "3 from the store",
        "cannot_judge (candidate)",
        "length_ratio (pair)",
    ):
        assert " ".join(told.split()) in " ".join(output.split()), told
    assert max(len(line) for line in output.splitlines()) <= 80
    assert "pass-word-1" not in output
    assert "sk-secret-2" not in output


def test_json_holds_answers_and_ledger(judged_run):
    output = shown(judged_run, "--json")
    told = json.loads(output)
    assert told["run"]["ledger"][0]["usd"] == 0.0123
    assert told["run"]["ledger"][0]["endpoint"] == "https://api.judge.example.com/v1"
    assert told["candidates"]["models"][1]["win_rate"] == pytest.approx(5.5 / 7)
    assert told["text_pairs"]["margin"]["median"] == 2.5
    assert "sk-secret-2" not in output


def test_no_run_is_a_clear_error(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        CliRunner().invoke(show.command, [str(tmp_path)], catch_exceptions=False)


def test_report_writes_where_it_is_told(small_run, tmp_path):
    page = tmp_path / "page.html"
    arguments = [str(small_run), "--samples", "2", "--out", str(page)]
    result = CliRunner().invoke(report.command, arguments, catch_exceptions=False)
    assert result.output == f"wrote {page}\n"
    assert page.read_text(encoding="utf-8").count('class="pair"') == 2

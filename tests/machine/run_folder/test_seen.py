"""What encoders say of negatives: counted by perturbation and encoder, told in the summary, in show and in the report."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pairwright.card import write_card
from pairwright.commands import show
from pairwright.report import write_report
from pairwright.runs.samples import choose
from pairwright.runs.seen import SeenBy, add_seen
from pairwright.runs.spread import Tally
from pairwright.runs.summary import summarize
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair

DROPS = {"gaussian_blur": [1.0, 2.0, 6.5], "pixelate": [30.25]}


def seen(pair: Pair, drop: float) -> Pair:
    """Return a pair of whose negative two encoders have spoken, and two others of something else."""
    target = "rejected_images[0]"
    return replace(
        pair,
        scores=(
            *pair.scores,
            Judgement(target, "small", "image_text_drop", drop, -200.0, 200.0),
            Judgement(target, "large", "image_text_drop", -drop, -200.0, 200.0),
            Judgement(target, "small", "image_image", 80.0, -100.0, 100.0),
            Judgement(target, "encoders", "drop_agreement", 1.0, 0.0, 2.0),
            Judgement("chosen", "small", "image_image", 1.0),
            Judgement("rejected_images[7]", "small", "image_image", 2.0),
        ),
    )


@pytest.fixture
def seen_run(image_pair: Any, make_run: Any) -> Path:
    pairs = [
        seen(image_pair(number=number, perturbation=name, radius=10.0 + number), drop)
        for number, (name, drop) in enumerate((name, drop) for name, drops in DROPS.items() for drop in drops)
    ]
    return make_run((pairs, []))


def test_each_encoder_is_counted_by_itself(seen_run: Path) -> None:
    blur, blocks = summarize(seen_run).perturbations
    told = {(one.name, one.scorer): one.spread for one in blur.seen}
    assert list(told) == [
        ("image_image", "small"),
        ("image_text_drop", "large"),
        ("image_text_drop", "small"),
        ("drop_agreement", "encoders"),
    ]
    drop = told["image_text_drop", "small"]
    assert (drop.n, drop.min, drop.median, drop.max) == (3, 1.0, 2.0, 6.5)
    assert told["image_text_drop", "large"].max == -1.0
    assert (told["image_image", "small"].min, told["image_image", "small"].max) == (80.0, 80.0)
    assert [one.spread.axis for one in blocks.seen] == [one.spread.axis for one in blur.seen]  # of one chart
    assert len(blur.measures) == 4


def test_show_tells_it_by_perturbation_and_encoder(seen_run: Path) -> None:
    lines = CliRunner().invoke(show.command, [str(seen_run)], catch_exceptions=False).output.splitlines()
    head = next(number for number, line in enumerate(lines) if "perturbation, encoder" in line)
    assert lines[head].split("  ")[-1].strip() == "encoders agree"
    table = " ".join(" ".join(lines[head:]).split())
    assert "gaussian_blur 80.0 2.0 small 80.0–80.0 1.1–6.0" in table
    assert "gaussian_blur -2.0 large -6.0–-1.1" in table
    told = CliRunner().invoke(show.command, [str(seen_run), "--json"], catch_exceptions=False).output
    first = json.loads(told)["perturbations"][0]["seen"][0]
    assert (first["name"], first["scorer"], first["spread"]["n"]) == ("image_image", "small", 3)


def test_the_report_has_a_chart_for_each_encoder_and_values_at_the_pair(seen_run: Path) -> None:
    page = write_report(seen_run).read_text(encoding="utf-8")
    for label in ("image-image, small", "text drop, small", "text drop, large", "encoders agree"):
        assert label in page
    assert "text drop, small <b>6.5</b>" in page
    assert "text drop, large <b>-6.5</b>" in page
    [sample] = [one for one in choose(seen_run, 40) if one.group == "pixelate"]
    assert sample.seen == (
        {
            SeenBy("image_image", "small"): 80.0,
            SeenBy("image_text_drop", "small"): 30.25,
            SeenBy("image_text_drop", "large"): -30.25,
            SeenBy("drop_agreement", "encoders"): 1.0,
        },
    )


def test_the_card_has_it(seen_run: Path) -> None:
    card = write_card(seen_run).read_text(encoding="utf-8")
    assert "| `gaussian_blur` | text drop, small | 2.0 | 1.1–6.0 |" in card
    assert "- image-image: 100 × cosine of the two pictures" in card
    assert "- distance:" not in card


def test_a_run_without_encoders_has_no_such_table(small_run: Path) -> None:
    assert "Encoders measured" not in write_card(small_run).read_text(encoding="utf-8")
    shown = CliRunner().invoke(show.command, [str(small_run)], catch_exceptions=False).output
    assert "perturbation, encoder" not in shown
    assert all(one.seen == () for one in summarize(small_run).perturbations)


def test_encoders_that_a_source_makes_up_are_not_all_kept() -> None:
    tallies: dict[SeenBy, Tally] = {}
    for number in range(1000):
        add_seen(tallies, SeenBy("image_image", f"encoder {number}"), 1.0)
    add_seen(tallies, SeenBy("image_image", "encoder 0"), 2.0)
    assert len(tallies) == 100
    assert tallies[SeenBy("image_image", "encoder 0")].total == 2

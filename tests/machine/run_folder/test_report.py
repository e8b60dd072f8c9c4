"""The report of a run: what it shows, that it escapes what it shows, and that it stands alone."""

import base64
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.report import clipped, differences, write_report
from pairwright.runs.samples import choose, evenly, shares
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.errors import ParameterError, RunError
from pairwright.schemas.reject import Reject
from pairwright.thumbnails import SIDE, thumbnail

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    """Collects the tags and addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [
            value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")
        ]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def parsed(path: Path) -> Tags:
    tags = Tags()
    tags.feed(path.read_text(encoding="utf-8"))
    return tags


def test_it_shows_pairs_changes_and_rejects(small_run):
    page = write_report(small_run).read_text(encoding="utf-8")
    for told in (
        "gaussian_blur radius=12 px",
        "What is in the picture?",
        "A person in an orange suit.",
        "image_missing",
        "no such file: cat.jpg",
        "the perturbation left the picture as it was",
        "ab" * 32,
        "cd" * 32,
        "seed 7",
        "finished after 3 min 4 s",
    ):
        assert told in page
    assert page.count('class="pair"') == 5
    assert page.count('src="data:image/webp') == 3 * 2 + 1


def test_measures_stand_at_the_pair(small_run):
    page = write_report(small_run).read_text(encoding="utf-8")
    [pair] = [
        sample for sample in choose(small_run, 40) if sample.source_id == "0" and sample.kind == "image"
    ]
    [measures] = pair.measures
    assert f"PSNR <b>{measures['psnr']:.1f} dB</b>" in page
    assert f"SSIM <b>{measures['ssim']:.2f}</b>" in page


def test_the_difference_of_answers_is_marked(small_run):
    page = write_report(small_run).read_text(encoding="utf-8")
    assert "There are <mark>two</mark> cups of <mark>coffee</mark>." in page
    assert "There are <mark>three</mark> cups of <mark>tea</mark>." in page


def test_each_chart_has_its_axis(small_run):
    page = write_report(small_run).read_text(encoding="utf-8")
    assert page.count("<svg") == 4
    for label in ("changed, %", "PSNR, dB", "SSIM", "entropy"):
        assert f"<b>{label}</b>" in page
    assert page.count('<div class="scale">') == 4


def test_what_comes_from_outside_is_escaped(make_run, image_pair, text_pair):
    pair = image_pair(question=HOSTILE, answer=HOSTILE, perturbation=HOSTILE.replace(" ", ""))
    text = text_pair(HOSTILE, HOSTILE + " no", question=HOSTILE, source=HOSTILE, license=HOSTILE)
    text = replace(text, id=HOSTILE, source_id=HOSTILE, chosen_model=HOSTILE)
    reject = Reject(
        f"{HOSTILE}.csv:1", "image_missing", "row", HOSTILE, f"no such file: {HOSTILE}.jpg", HOSTILE
    )
    path = write_report(make_run(([pair, text], [reject]), pretty_name=HOSTILE))
    tags = parsed(path)
    assert "script" not in tags.tags
    assert tags.handlers == []
    assert tags.tags.count("img") == 2
    assert "&lt;script&gt;" in path.read_text(encoding="utf-8")


def test_the_page_asks_nothing_of_the_network(small_run):
    path = write_report(small_run)
    tags = parsed(path)
    assert all(address.startswith(("data:", "#")) for address in tags.addresses)
    assert not {"script", "iframe", "object", "embed"} & set(tags.tags)
    style = re.findall(r"<style>(.*?)</style>", path.read_text(encoding="utf-8"), re.DOTALL)
    assert not re.search(r"url\(|@import", "".join(style))


def test_links_on_the_page_lead_somewhere(small_run):
    page = write_report(small_run).read_text(encoding="utf-8")
    assert set(re.findall(r'href="#(\w+)"', page)) <= set(re.findall(r'id="(\w+)"', page))


def test_the_same_folder_gives_the_same_page(small_run):
    first = write_report(small_run).read_bytes()
    assert write_report(small_run).read_bytes() == first


def test_it_is_small_enough_to_mail(make_run, image_pair):
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    picture = read_image(encode(noise, "jpeg"))
    pair = image_pair()
    worst = [
        replace(
            pair,
            prompt=replace(pair.prompt, images=(picture,)),
            chosen="word " * 5000,
            rejected_images=(picture,),
        )
    ] * 41
    path = write_report(make_run((worst, [])))
    assert path.read_text(encoding="utf-8").count('class="pair"') == 40
    assert path.stat().st_size < 5_000_000


@pytest.mark.parametrize("samples", [0, 1, 3, 5, 100])
def test_the_number_of_pairs_is_a_limit(small_run, samples):
    page = write_report(small_run, samples).read_text(encoding="utf-8")
    assert page.count('class="pair"') == min(samples, 5)


def test_it_can_be_written_elsewhere(small_run, tmp_path):
    path = write_report(small_run, out=tmp_path / "page.html")
    assert path == tmp_path / "page.html"
    assert not (small_run / "report.html").exists()


def test_a_run_without_a_shard_has_a_page(make_run):
    page = write_report(make_run(status="running")).read_text(encoding="utf-8")
    assert "not finished" in page


def test_problems_stand_at_the_top(small_run):
    (small_run / "data" / "train-00000-00.parquet").unlink()
    page = write_report(small_run).read_text(encoding="utf-8")
    assert page.index("data/train-00000-00.parquet is missing") < page.index("Provenance</h2>")
    assert page.count('class="pair"') == 4


def test_no_run_and_no_sense_are_clear_errors(tmp_path, small_run):
    with pytest.raises(RunError, match="no run folder"):
        write_report(tmp_path)
    with pytest.raises(ParameterError, match="samples"):
        write_report(small_run, -1)


def test_pairs_are_chosen_evenly_over_perturbations_and_the_run(make_run, image_pair, text_pair):
    blur, crop = image_pair(), image_pair(perturbation="crop")
    shards = [
        ([replace(blur, source_id=f"b{shard}")] * 6 + [text_pair(number=shard)], []) for shard in range(5)
    ]
    shards[3][0].append(crop)
    chosen = choose(make_run(*shards), 8)
    assert [sample.group for sample in chosen] == ["crop", *["gaussian_blur"] * 4, *["text pairs"] * 3]
    assert [sample.source_id for sample in chosen][1:5] == ["b0", "b1", "b3", "b4"]


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(0, 100))
def test_shares_use_what_there_is(sizes, limit):
    taken = shares(sizes, limit)
    assert sum(taken) == min(limit, sum(sizes))
    assert all(0 <= part <= size for part, size in zip(taken, sizes, strict=True))
    short = [part for part, size in zip(taken, sizes, strict=True) if part < size]
    assert not short or max(taken) - min(short) <= 1


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_positions_are_different_and_inside(size, number):
    positions = evenly(size, min(size, number))
    assert len(set(positions)) == len(positions) == min(size, number)
    assert all(0 <= position < size for position in positions)


@given(st.text(max_size=60), st.text(max_size=60))
def test_segments_are_the_texts(chosen, rejected):
    one, other = differences(chosen, rejected)
    assert "".join(segment.text for segment in one) == chosen
    assert "".join(segment.text for segment in other) == rejected


def test_texts_with_little_in_common_are_not_marked():
    one, other = differences("A red car on a road.", "Nobody knows what this might show")
    assert not any(segment.marked for segment in (*one, *other))


def test_a_long_text_says_what_is_left_out():
    assert clipped("x" * 2000).endswith("… (400 more characters)")


@pytest.mark.parametrize(
    ("size", "shown"), [((900, 300), (360, 120)), ((100, 40), (100, 40)), ((4000, 3), (360, 1))]
)
def test_a_thumbnail_keeps_the_shape(size, shown):
    width, height = size
    made = thumbnail(encode(np.full((height, width, 3), 90, np.uint8), "jpeg"), 50_000)
    assert (made.width, made.height) == shown
    assert made.original == f"{width}×{height} JPEG"


def test_a_thumbnail_stays_within_its_budget_and_is_a_picture():
    noise = np.random.default_rng(1).integers(0, 256, (800, 800, 3), np.uint8)
    data = base64.b64decode(thumbnail(encode(noise, "png"), 30_000).uri.partition(",")[2])
    assert len(data) <= 30_000
    assert max(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2]) <= SIDE


def test_a_picture_that_cannot_be_read_says_so(small_run):
    made = thumbnail(b"no picture", 1000)
    assert made.uri == ""
    assert made.original.startswith("cannot be shown")


FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--dump-dom",
)


def test_chromium_renders_it_without_a_message(small_run, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    path = write_report(small_run)

    def rendered(page: Path) -> tuple[str, list[str]]:
        profile = tmp_path / f"profile-{page.stem}"
        command = [chromium, *FLAGS, f"--user-data-dir={profile}", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    dom, messages = rendered(path)
    assert dom.count('<article class="pair">') == 5
    assert messages == []
    # The page forbids itself every request by its policy; one that is tried all the same would be told.
    asking = tmp_path / "asking.html"
    asking.write_text(
        path.read_text(encoding="utf-8") + '<img src="https://example.org/x.png">', encoding="utf-8"
    )
    assert "Content Security Policy" in rendered(asking)[1][0]

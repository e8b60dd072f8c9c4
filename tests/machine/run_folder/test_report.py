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

from pairwright.candidate_cards import MOST_ANSWERS, MOST_PROMPTS
from pairwright.excerpts import clipped, differences
from pairwright.report import write_report
from pairwright.responses.ledger import Spent
from pairwright.runs.samples import choose, evenly, shares
from pairwright.schemas.candidate import Comparison
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.errors import ParameterError, RunError
from pairwright.schemas.judgement import Judgement
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
    assert page.count("<svg") == 4 + 2
    for label in ("changed, %", "PSNR, dB", "SSIM", "entropy", "length, words"):
        assert f"<b>{label}</b>" in page
    assert page.count('<div class="scale">') == 4 + 1


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
    with pytest.raises(RunError, match="holds no run"):
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


def test_text_pairs_show_scores_reasons_and_who_wrote(judged_run):
    page = write_report(judged_run).read_text(encoding="utf-8")
    for told in (
        '<span class="score">4.5</span>',
        "by writer-b",
        "margin 3.5",
        "helpfulness <b>5 of 5</b> It says &#39;There is a cup of coffee",
        "visual faithfulness <b>4 of 5</b> As far as can be seen.",
        "judge-vlm (listwise, prompt listwise v1 #0c1d2e3f)",
        "median 2.5, 5th to 95th percentile 1.07 to 3.5",
        "Know before you train on it",
        "2 candidates refused, 1 pair left out",
        "candidates that were refused and pairs that were left out",
    ):
        assert told in page, told


def test_candidates_stand_by_score_and_unscored_ones_last(make_judged_run, judged, candidate):
    answers = [candidate("middling", 2.0), candidate("unheard", None), candidate("best", 4.0)]
    page = write_report(make_judged_run([judged(answers)])).read_text(encoding="utf-8")
    section = page[page.index('id="candidates"') :]
    places = [section.index(f"<p>{text}</p>") for text in ("best", "middling", "unheard")]
    assert places == sorted(places)
    assert "no score" in section
    assert "answer 3 · writer-a" in section


def test_candidates_are_bounded_and_clipped(make_judged_run, judged, candidate):
    results = [
        judged(
            [candidate("word " * 2000 + str(n), n / 4) for n in range(12)],
            number=row,
            comparisons=[Comparison(0, 1, "second", "judge-vlm", 2.0, "reason " * 500)] * 9,
        )
        for row in range(9)
    ]
    path = write_report(make_judged_run(results))
    section = path.read_text(encoding="utf-8").split('id="candidates"')[1].split('id="rejects"')[0]
    assert section.count('<article class="pair prompt">') == MOST_PROMPTS
    assert section.count('<div class="who">') == MOST_PROMPTS * MOST_ANSWERS
    assert "and 4 more" in section
    assert "and 3 more" in section
    assert "2 is much better than 1" in section
    assert section.count("more characters)") == MOST_PROMPTS * (MOST_ANSWERS + 6)
    assert path.stat().st_size < 500_000


def test_what_models_and_judges_wrote_is_escaped(make_judged_run, judged, candidate):
    said = (Judgement("candidate", HOSTILE, HOSTILE, 1.0, rationale=HOSTILE),)
    answers = [
        replace(candidate(HOSTILE + str(score), score), model=HOSTILE, answer=HOSTILE, judgements=said)
        for score in (1.0, 2.0)
    ]
    built = judged(
        answers,
        question=HOSTILE,
        comparisons=[Comparison(0, 1, "first", HOSTILE, rationale=HOSTILE)],
        rejects=[Reject("a:0", "cannot_judge", "candidate", HOSTILE, HOSTILE)],
        judged_by=[{"name": HOSTILE, "kind": HOSTILE, "prompt": HOSTILE}],
    )
    ledger = [Spent(HOSTILE, f"https://x.example.com/{HOSTILE}", "openai", calls=1)]
    path = write_report(make_judged_run([built], ledger=ledger))
    tags = parsed(path)
    assert not {"script", "img"} & set(tags.tags)
    assert tags.handlers == []
    assert path.read_text(encoding="utf-8").count("&lt;script&gt;") > 10


def test_no_key_is_told(judged_run):
    page = write_report(judged_run).read_text(encoding="utf-8")
    assert "https://api.judge.example.com/v1" in page
    assert "pass-word-1" not in page
    assert "sk-secret-2" not in page


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


def test_a_damaged_file_is_told(small_run):
    file = min((small_run / "visual_negative").glob("*.parquet"))
    data = bytearray(file.read_bytes())
    data[4:64] = bytes(60)  # the head of the first column, which only samples are read of
    file.write_bytes(data)
    with pytest.raises(RunError, match=r"train-\d+-00\.parquet is damaged .* remove it, and the command"):
        write_report(small_run)

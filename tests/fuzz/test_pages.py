"""Texts of models and sources on the report and the card: they are shown, and nothing in them is an element or a link."""

import copy
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pairwright.card import code, plain, write_card
from pairwright.importing import import_set
from pairwright.report import write_report
from pairwright.schemas.codec import encode

FUZZ = settings.get_profile("fuzz")
HOSTILE = [
    "<script>evil()</script>",
    "<evil-tag data-evil=1>",
    '"><evil-tag data-evil="1">',
    "'><evil-tag data-evil='1'>",
    '" onmouseover="evil()" data-evil="',
    "' data-evil='1",
    "` data-evil=`1",
    "</title><evil-tag>",
    "</style><evil-tag>",
    "</article></section><evil-tag>",
    "<!-- <evil-tag> -->",
    "<![CDATA[<evil-tag>]]>",
    "<svg/onload=evil()>",
    "<img src=https://evil.example/x.png>",
    "![x](https://evil.example/x.png)",
    "[x](javascript:evil())",
    "[x]: https://evil.example\n\n[x]",
    "<https://evil.example>",
    "![x][y]\n\n[y]: https://evil.example/y.png",
    "javascript:evil()",
    "data:text/html,<evil-tag>",
    "| a | b |\n|---|---|\n| c | d |",
    "|",
    "\\|",
    "\\\\|",
    "\\",
    "`",
    "``` \n<evil-tag>\n```",
    "~~~\n<evil-tag>\n~~~",
    "\n---\nlicense: mit\n---\n",
    "\n\n# evil",
    "    <evil-tag>",
    "{{ 7 * 7 }}{{ run.recipe_text }}",
    "{% for x in y %}",
    "{# evil #}",
    "{% raw %}{{ evil }}",
    "\x1b[2J\x1b]8;;https://evil.example\x07x\x1b]8;;\x07",
    "\u202e<evil-tag>\u2066",
    "&lt;evil-tag&gt;",
    "&#60;evil-tag&#62;",
    "<\x00evil-tag>",
    "<evil-tag\n>",
    "\ufeff<evil-tag>",
    "＜evil-tag＞",
]
TEXTS = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=10), min_size=1, max_size=4).map("".join)
SHOWN = """
html head meta link title style body header h1 h2 h3 h4 p nav a section b ul li dl div dt dd span article figure img figcaption
svg g rect line text path circle table thead tbody tr th td details summary pre code mark em strong small blockquote ol br hr time footer
""".split()  # noqa: SIM905
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")


class Page(HTMLParser):
    """What elements a page has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words += data


def inert(page: Page, pictures: tuple[str, ...]) -> None:
    """Check that a page has elements of our templates alone, and asks the network for nothing."""
    for tag, attributes in page.found:
        assert tag in SHOWN
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert "evil" not in name
            if name in ("src", "href", "xlink:href", "action", "data"):
                assert value.startswith(pictures), (tag, name, value)
            assert "evil" not in value or name in ("alt", "title", "aria-label", "class", "id"), (
                tag,
                name,
                value,
            )


def spoilt(value: Any, keep: frozenset[str]) -> Any:
    """Put hostile text in place of every text of a tree."""
    if isinstance(value, dict):
        return {key: member if key in keep else spoilt(member, keep) for key, member in value.items()}
    if isinstance(value, list):
        return [spoilt(member, keep) for member in value]
    return "".join(HOSTILE) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory) -> Path:
    """A run whose questions, answers, people and reasons are hostile."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "a.png").write_bytes(encode(np.full((20, 30, 3), 90, np.uint8), "png"))
    rows = []
    for number, text in enumerate(one.replace("\0", "") for one in HOSTILE):
        people = {
            "completed_by": f"p{text}",
            "result": [{"from_name": "preference", "value": {"selected": "left"}}],
        }
        people["result"].append({"from_name": f"why{text}", "value": {"text": [text]}})
        people["result"].append({"from_name": "helpfulness_1", "value": {"rating": 2}})
        data = {
            "question": f"What? {text}",
            "image": "a.png",
            "answer_1": f"A. {text}",
            "answer_2": f"{text} B.",
        }
        rows.append({"id": number, "data": data, "annotations": [people]})
    (folder / "tasks.json").write_text(json.dumps(rows))
    overrides = tuple(f"source.{key}={json.dumps(HOSTILE[2])}" for key in ("license", "name", "language"))
    import_set(
        folder / "tasks.json", out=folder / "run", layout="label_studio", workers=1, overrides=overrides
    )
    return folder / "run"


def pages(folder: Path) -> tuple[Page, Page]:
    report = write_report(folder, out=folder.parent / "report.html").read_text(encoding="utf-8")
    card = write_card(folder).read_text(encoding="utf-8")
    assert card.startswith("---\n")
    return Page(report), Page(MARKDOWN.render(card.split("\n---\n", 1)[1]))


def checked(report: Page, card: Page) -> None:
    inert(report, ("#", "data:image/webp;base64,", "data:,"))
    inert(card, ("https://github.com/", "#"))
    assert "49" not in report.words.replace("7 * 7", "") or "{{ 7 * 7 }}" in report.words


def test_texts_of_rows(hostile_run):
    report, card = pages(hostile_run)
    checked(report, card)
    assert "<evil-tag data-evil=1>" in report.words
    assert "{{ 7 * 7 }}" in report.words


def test_texts_of_a_run_file(hostile_run):
    folder = hostile_run.parent / "told"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(hostile_run, folder)
    told = json.loads((folder / "run.json").read_text())
    keep = frozenset({"status", "builder", "started", "finished", "pairwright", "schema", "layout", "kind"})
    (folder / "run.json").write_text(json.dumps(spoilt(copy.deepcopy(told), keep)))
    checked(*pages(folder))


@FUZZ
@given(text=TEXTS)
def test_lines_and_cells_of_a_card(text):
    cell = f"| one | two |\n|---|---|\n| {code(text)} | {plain(text)} |\n"
    for made in (
        f"> **Problem:** {plain(text)}\n",
        f"# {plain(text)}\n",
        f"Recipe {code(text)}, seed 1. {plain(text)}\n",
        cell,
    ):
        page = Page(MARKDOWN.render(made))
        assert {tag for tag, _ in page.found} <= {
            "p",
            "h1",
            "blockquote",
            "strong",
            "code",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
        }
    page = Page(MARKDOWN.render(cell))
    assert [tag for tag, _ in page.found].count("td") == 2
    assert [tag for tag, _ in page.found].count("tr") == 2

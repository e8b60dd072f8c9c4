"""The pages name everything there is."""

from pathlib import Path

import pytest

from pairwright.builders import ROOM as BUILDERS
from pairwright.cli import VERBS
from pairwright.recipe import OutputSettings, packaged_names
from pairwright.schemas.reasons import EXPLANATIONS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_in_the_readme(verb: str) -> None:
    assert (
        f"pairwright {verb}" in (ROOT / "README.md").read_text()
        or f".{verb}(" in (ROOT / "README.md").read_text()
    )


@pytest.mark.parametrize("name", packaged_names())
def test_every_recipe_has_its_page(name: str) -> None:
    assert f"## {name}\n" in (ROOT / "docs" / "recipes.md").read_text()
    assert f"`{name}`" in (ROOT / "README.md").read_text()


def test_every_parameter_is_in_the_page() -> None:
    page = (ROOT / "docs" / "recipes.md").read_text()
    for name in BUILDERS.names():
        assert f"`{name}`" in page
        for key in BUILDERS.get(name).settings.model_fields:
            assert f"| `{key}` |" in page, key
    for key in OutputSettings.model_fields:
        assert f"`output.{key}`" in page, key


@pytest.mark.parametrize("reason", EXPLANATIONS)
def test_every_reason_is_explained_in_a_page(reason: str) -> None:
    pages = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    assert f"`{reason}`" in pages


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md"]), ids=lambda path: path.name
)
def test_links_lead_somewhere(path: Path) -> None:
    import re

    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists(), f"{path.name}: {target}"

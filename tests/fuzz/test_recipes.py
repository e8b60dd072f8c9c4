"""Recipe files that somebody else wrote, or that were damaged: an error that says what is wrong, or a recipe; nothing else."""

import contextlib
import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pairwright.recipe import load_recipe, packaged_names
from pairwright.recipes import packaged
from pairwright.schemas.errors import PairwrightError, RecipeError

FUZZ = settings.get_profile("fuzz")
TEXTS = {name: packaged()[name].read_text(encoding="utf-8") for name in packaged_names()}
TREES = {name: yaml.safe_load(text) for name, text in TEXTS.items()}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["", "auto", "all", "../../etc/passwd", "/dev/zero", "os:system", "a\x1b[2J", "{{ 7 * 7 }}"]
    ),
    st.dates(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | SCALARS, inner, max_size=4)
    ),
    max_leaves=12,
)
FRAGMENTS = (
    "&a [*a]", "*a", "*none", "<<: *a", "<<: 3", "<<: [{name: x}]", "? [1]\n: 2", "!!python/object/apply:os.system [id]",
    "!!binary abc", "!!binary \u00e9", "!!int ''", "!!bool x", "!!float x", "!!timestamp x", "!!set {a}", "!!omap [a]", "!x y",
    "2001-99-99", "1:99:1", "0b_", "._", "9" * 4400, "- " * 60, "[" * 60, "{a: " * 60, '"\\ud800"', '"\\0"', '"\\U00110000"',
    "%YAML 3.0", "---", "...", "\t", "\ufeff", "\x85", "\u2028", "'", '"', "|", ">-", "#", "`", "@", ": ", "? ",
)  # fmt: skip


def used(recipe: str, changes: Sequence[str] = ()) -> None:
    """Load a recipe as a run does, and ask it for all that is asked of one before anything is paid."""
    with contextlib.suppress(PairwrightError):
        loaded = load_recipe(recipe, changes)
        loaded.models()
        json.dumps(loaded.resolved(), ensure_ascii=False).encode()
        loaded.identity()
        loaded.runs_code()


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Return (collection, key) of everything in a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, inner in items for place in ((tree, key), *places(inner))]


@st.composite
def mutated_trees(draw: st.DrawFn) -> Any:
    tree = copy.deepcopy(TREES[draw(st.sampled_from(sorted(TREES)))])
    for _ in range(draw(st.integers(1, 3))):
        at, key = draw(st.sampled_from(places(tree) or [({"x": 1}, "x")]))
        match draw(st.sampled_from(["replace", "drop", "rename", "add", "wrap"])):
            case "replace":
                at[key] = draw(VALUES)
            case "drop":
                del at[key]
            case "rename" if isinstance(at, dict):
                at[draw(SCALARS)] = at.pop(key)
            case "add" if isinstance(at, dict):
                at[draw(st.text(max_size=8) | SCALARS)] = draw(VALUES)
            case _:
                at[key] = [at[key], at[key]]
    return tree


@st.composite
def mutated_texts(draw: st.DrawFn) -> str:
    text = TEXTS[draw(st.sampled_from(sorted(TEXTS)))]
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 30))
        text = text[:start] + draw(st.sampled_from(FRAGMENTS) | st.text(max_size=10)) + text[end:]
    return text


@st.composite
def overrides(draw: st.DrawFn) -> tuple[str, str]:
    name = draw(st.sampled_from(sorted(TREES)))
    at, steps = TREES[name], []
    while isinstance(at, dict | list) and at and draw(st.integers(0, 9)):
        step = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        steps.append(str(step))
        at = at[step]
    steps += draw(st.lists(st.text(max_size=8) | st.sampled_from(["0", "-1", "²", "", "name"]), max_size=2))
    value = draw(st.text(max_size=20) | st.sampled_from(FRAGMENTS) | VALUES.map(yaml.safe_dump))
    return name, f"{'.'.join(steps)}={value}"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a function that writes a recipe and returns where."""
    path = tmp_path_factory.mktemp("recipes") / "recipe.yaml"

    def write(text: str | bytes) -> str:
        path.write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
        return str(path)

    return write


@FUZZ
@given(tree=mutated_trees() | VALUES)
def test_trees(written, tree):
    used(written(yaml.safe_dump(tree, allow_unicode=True)))


@FUZZ
@given(text=mutated_texts() | st.text(max_size=200))
def test_texts(written, text):
    used(written(text))


@FUZZ
@given(data=st.binary(max_size=200))
def test_bytes(written, data):
    used(written(data))


@FUZZ
@given(override=overrides())
def test_overrides(override):
    name, told = override
    used(name, [told])


@pytest.mark.parametrize("depth", [60, 3_000])
@pytest.mark.parametrize("pair", [("[", "]"), ("{a: ", "}")])
def test_deep_trees_are_refused(written, depth, pair):
    with pytest.raises(RecipeError, match="inside each other"):
        load_recipe(written(f"name: {pair[0] * depth}{pair[1] * depth}"))

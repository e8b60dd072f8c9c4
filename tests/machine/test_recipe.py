"""Recipes are read strictly, and every problem is told at once."""

from pathlib import Path

import pytest

from pairwright.builders import Builder
from pairwright.encoding.of_recipe import construct_of
from pairwright.recipe import load_recipe, packaged_names
from pairwright.recipe_of_run import pairing_recipe
from pairwright.schemas.errors import RecipeError

GOOD = """
name: mine
builder: visual_negative
parameters:
  perturbations:
    - name: gaussian_blur
      params: {radius: [2, 4]}
"""


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", packaged_names())
def test_packaged_recipes_load_and_say_where_their_numbers_come_from(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert any(named in recipe.file.about for named in ("arXiv", "OpenReview", "pairwright's own"))
    alone = isinstance(recipe.builder, Builder)
    assert callable(recipe.construct() if alone else construct_of(recipe))


def test_packaged_recipes_have_the_numbers_of_their_papers() -> None:
    image_dpo = load_recipe("image_dpo").file.parameters["perturbations"]
    assert image_dpo == [
        {"name": "gaussian_blur", "params": {"radius": [20, 40]}},
        {"name": "pixelate", "params": {"block": 32}},
    ]
    assert load_recipe("mdpo").file.parameters["perturbations"][0]["params"] == {"area": [0.01, 0.2]}
    assert load_recipe("chip").file.parameters["perturbations"][0]["params"] == {"step": 500}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("name: mine", "name: mine\nsed: 3"), "sed: no 'sed' among keys here. Did you mean 'seed'?"),
        (("builder: visual_negative", "builder: visual_negativ"), "Did you mean 'visual_negative'?"),
        (("builder: visual_negative", ""), "builder: missing"),
        (("radius: [2, 4]", "radius: [4, 2]"), "upside down"),
        (("radius: [2, 4]", "radios: 3"), "Did you mean 'radius'?"),
        (("radius: [2, 4]", "radius: 99999"), "outside"),
        (("radius: [2, 4]", "radius: big"), "parameters.perturbations.0.params.radius"),
        (("name: gaussian_blur", "name: gausian_blur"), "Did you mean 'gaussian_blur'?"),
        (("params: {radius: [2, 4]}", "until: {ssim: {min: 0.5}}"), "give max"),
        (("params: {radius: [2, 4]}", "until: {ssim: {}}"), "give min, max, or both"),
        (("params: {radius: [2, 4]}", "until: {simm: {max: 0.5}}"), "until.simm"),
        (
            ("params: {radius: [2, 4]}", "params: {radius: 3}\n      until: {ssim: {max: 0.5}}"),
            "cannot be set",
        ),
        (
            (
                "name: gaussian_blur\n      params: {radius: [2, 4]}",
                "name: blank\n      until: {ssim: {max: 0.5}}",
            ),
            "no",
        ),
        (("  perturbations:", "  per_row: two\n  perturbations:"), "per_row"),
        (("  perturbations:", "  accept: {ssim: {min: 0.9, max: 0.1}}\n  perturbations:"), "above max"),
        (
            ("builder: visual_negative", "output: {shard_rows: 0}\nbuilder: visual_negative"),
            "output.shard_rows",
        ),
        (("name: mine", "name: [mine"), "not valid YAML"),
        (("name: mine", "name: mine\nname: yours"), "line 3: 'name' is in line 2 already"),
        (("{radius: [2, 4]}", "{radius: 3, 'radius': 4}"), "line 7: 'radius' is in line 7 already"),
        (("name: mine", "- a"), "YAML"),
        (("name: mine", "name: !!python/object/apply:os.system ['true']"), "not valid YAML"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(RecipeError) as caught:
        load_recipe(_written(tmp_path, GOOD.replace(*change)))
    assert told in str(caught.value)
    assert "recipe.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("perturbations=gaussian_blur", "parameters.perturbations: expected a list, got 'gaussian_blur'"),
        (
            "perturbations=[gaussian_blur]",
            "parameters.perturbations.0: expected a mapping of keys and values",
        ),
        ("perturbations=[{name: jpeg, until: {sim: {max: 0.5}}}]", "Did you mean 'ssim'"),
        ("per_row=al", "Did you mean 'all'"),
        ("encoding=gif", "parameters.encoding: no 'gif' among values here"),
    ],
)
def test_mistakes_are_told_in_words_of_recipes(tmp_path: Path, override: str, told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(_written(tmp_path, GOOD), [override])
    assert told in str(caught.value)
    assert "tuple" not in str(caught.value)
    assert "literal" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "override", "told"),
    [
        ("bdhs", "samplers.0.model=NAME", "--set samplers.0.model: the recipe has no samplers; give the whole list"),
        ("vlguard", "by=gold", "parameters: tag: unsafe would count for nothing, by: gold goes by the row's own answer"),
        ("bdhs", "images=non", "parameters.images: expected a mapping of keys and values, got 'non'"),
        ("sima", "guards=[{kind: near_equal, params: {above: 2}}]", "guards.0.params.above: input should be less than 1"),
    ],
)  # fmt: skip
def test_mistakes_of_recipes_that_ask_models_are_told_too(name: str, override: str, told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(name, [override])
    assert any(told in problem for problem in caught.value.problems)
    assert "{'samplers'" not in str(caught.value)  # the whole block is not said again


def test_a_changed_recipe_says_so_where_card_and_report_read_it(tmp_path: Path) -> None:
    recipe = load_recipe("chip", ["perturbations=[{name: blank}]", "seed=3"])
    assert recipe.file.about.endswith("Changed for this run: parameters.perturbations.")
    assert load_recipe("chip", ["seed=3"]).file.about == load_recipe("chip").file.about


def test_all_problems_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("name: mine", "name: mine\nsed: 3").replace("radius: [2, 4]", "radios: 2")
    with pytest.raises(RecipeError) as caught:
        load_recipe(_written(tmp_path, text))
    assert len(caught.value.problems) == 2


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'image_dpo'"):
        load_recipe("image_dop")


def test_missing_file_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such file"):
        load_recipe(tmp_path / "none.yaml")


def test_overrides(tmp_path: Path) -> None:
    path = _written(tmp_path, GOOD)
    recipe = load_recipe(
        path,
        [
            "seed=7",
            "per_row=all",
            "parameters.perturbations.0.params.radius=[5, 6]",
            "source.columns.question=Q",
        ],
    )
    plain = recipe.resolved()
    assert plain["seed"] == 7
    assert plain["parameters"]["per_row"] == "all"
    assert plain["parameters"]["perturbations"][0]["params"]["radius"] == [5, 6]
    assert plain["source"]["columns"]["question"] == "Q"


def test_a_mapping_may_be_merged_into_others_and_overridden(tmp_path: Path) -> None:
    text = """
name: mine
builder: visual_negative
source: {name: a, columns: &c {question: Q, images: I}}
parameters:
  perturbations:
    - &first {name: gaussian_blur, weight: 1, params: {radius: 3}}
    - &second {<<: *first, weight: 2}
    - {<<: *second, weight: 3}
"""
    made = load_recipe(_written(tmp_path, text)).file.parameters["perturbations"]
    assert [one["weight"] for one in made] == [1, 2, 3]
    assert {one["name"] for one in made} == {"gaussian_blur"}


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seed", "expected key=value"),
        ("seed=[", "not valid YAML"),
        ("output={shard_rows: 1, shard_rows: 2}", "'shard_rows' is in line 1 already"),
        ("seed.x=1", "single value"),
        ("perturbations.4.weight=1", "no position"),
        ("per_roww=all", "Did you mean 'per_row'"),
        ("source.colums.question=Q", "Did you mean 'columns'"),
    ],
)
def test_wrong_overrides(tmp_path: Path, override: str, told: str) -> None:
    text = GOOD + "seed: 3\n"
    with pytest.raises(RecipeError, match=told):
        load_recipe(_written(tmp_path, text), [override])


def test_identity_follows_what_decides_the_rows(tmp_path: Path) -> None:
    path = _written(tmp_path, GOOD)
    plain = load_recipe(path)
    assert (
        plain.identity()
        == load_recipe(path).placed(source="elsewhere.csv", out="there", seed=None).identity()
    )
    assert plain.identity() == load_recipe(path, ["about=words"]).identity()
    assert plain.identity() != plain.placed(source=None, out=None, seed=1).identity()
    assert plain.identity() != load_recipe(path, ["per_row=all"]).identity()
    assert plain.identity() != load_recipe(path, ["output.shard_rows=7"]).identity()


@pytest.mark.parametrize("builder", ["corrected", "no_image_continuation"])
def test_pairs_of_kin_are_not_formed_anew_by_a_rule(builder: str, tmp_path: Path) -> None:
    run = {"builder": builder, "parameters": {}}
    with pytest.raises(RecipeError, match=f"was built by {builder}: .*alone, which no rule knows"):
        pairing_recipe(tmp_path, "sides", of=run)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: 2001-99-99", "line 1: '2001-99-99' is no timestamp; a text needs quotes"),
        (f"seed: {'9' * 5000}", "is no int"),
        ("seed: !!int ''", "is no int"),
        ("seed: 0b_", "is no int"),
        ("name: !!bool x", "'x' is no bool"),
        ("name: !!timestamp x", "'x' is no timestamp"),
        ('name: "a\\0b"', "U+0000"),
        ('name: "\\ud800"', "half a character"),
        ('name: "\\U00110000"', "line 1"),
        ("about: x\nname: " + "[" * 200, "line 2: more than 50 lists and mappings inside each other"),
        ("&a {name: *a}", "line 1: an alias of what it stands in"),
        ("name: !!python/name:os.system ", "could not determine a constructor"),
    ],
)
def test_text_that_means_nothing_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(_written(tmp_path, text))
    assert told in str(caught.value)


def test_few_lines_do_not_stand_for_a_billion_values(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(RecipeError, match="line 5: more than 100,000 values, aliases written out"):
        load_recipe(_written(tmp_path, "\n".join(lines)))


def test_a_recipe_without_end_is_refused() -> None:
    with pytest.raises(RecipeError, match="longer than 1,048,576 characters"):
        load_recipe("/dev/zero")

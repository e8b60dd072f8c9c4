"""Recipes that come from a run: the one it was built with, one that forms its pairs anew, and that of its next round."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pairwright.builders import ROOM as BUILDERS
from pairwright.builders import Builder
from pairwright.builders._jury import JudgeSettings
from pairwright.pairings._forming import PairingSettings
from pairwright.recipe import OF_CALLS, Recipe, RecipeFile, changed_by, parse
from pairwright.samplers import model_id
from pairwright.schemas.candidate_table import FOLDER as CANDIDATES
from pairwright.schemas.errors import RecipeError
from pairwright.sources.earlier_round import SUBSET as EARLIER_ROUND

_OF_PICTURES = ("max_pixels", "max_file_mb", "min_side")
"""Limits of a source that hold for the same rows in the next round; all else of it stands in the rows."""

_TOLD = re.compile(r"^Round \d+ of self-training\. ?")


def stored_recipe(resolved: Mapping[str, Any], overrides: Sequence[str] = ()) -> Recipe:
    """Return the recipe that a run has kept in its ``run.json``, with keys changed as in :func:`load_recipe`.

    Raises:
        RecipeError: with every problem found.
    """
    plain = json.loads(json.dumps(resolved))
    shown = str(plain.get("name"))
    for override in overrides:
        changed_by(plain, override, shown)
    return parse(plain, shown)


def pairing_recipe(
    run: Path, rule: str, overrides: Sequence[str] = (), *, of: Mapping[str, Any] | None = None
) -> Recipe:
    """Return the recipe that forms pairs anew from the candidates of a run.

    A key of ``overrides`` that is neither a block of recipes nor a parameter of the builder is one of the rule's.

    Args:
        run: folder of the run.
        rule: a pairing rule.
        overrides: keys to change.
        of: the resolved recipe that the run was built with: the rule must fit its judge or verifiers.

    Raises:
        RecipeError: with every problem found.
    """
    shown = f"{run.resolve().name}_{rule}"
    if of is not None:
        _check_kin(of, run, shown)
    plain: dict[str, Any] = {
        "name": shown,
        "about": f"Pairs by the rule {rule} from the candidates of {run.resolve().name}.",
        "builder": "paired",
        "round": (of or {}).get("round", 1),
        "source": {"path": str(run), "subset": CANDIDATES},
        "parameters": {"pairing": {"rule": rule, "params": {}}, "guards": _guards_of(of or {})},
    }
    known = BUILDERS.get("paired").settings.model_fields
    of_pairing = PairingSettings.model_fields
    for override in overrides:
        first = override.partition("=")[0].split(".")[0]
        if first in of_pairing:
            override = f"pairing.{override}"
        elif first not in known and first not in RecipeFile.model_fields:
            override = f"pairing.params.{override}"
        changed_by(plain, override, shown)
    recipe = parse(plain, shown)
    if of is not None:
        _check_fit(of, recipe)
    return recipe


def _check_kin(of: Mapping[str, Any], run: Path, shown: str) -> None:
    """Raise RecipeError where pairs of a run cannot be formed anew by a rule."""
    builder = BUILDERS.get(of["builder"])
    if not isinstance(builder, Builder) and builder.kin is not None:
        told = (
            f"{run} was built by {of['builder']}: {builder.kin}, which no rule knows. Change `pairing` in its recipe and "
            f"build into another folder; with --set output.responses={run / 'responses.sqlite'} nothing is asked twice"
        )
        raise RecipeError(shown, [told])


def _guards_of(resolved: Mapping[str, Any]) -> list[Any]:
    """Return the guards of a run: what they kept out must not come back when pairs are formed anew."""
    guards: list[Any] = resolved.get("parameters", {}).get("guards", [])
    return guards


def round_recipe(
    run: Path, resolved: Mapping[str, Any], number: int, overrides: Sequence[str] = ()
) -> Recipe:
    """Return the recipe of the round that follows a run: the same, over its prompts with the answers they have.

    Args:
        run: folder of the run.
        resolved: the recipe that it was built with.
        number: the round that is to be built.
        overrides: keys to change, as in :func:`load_recipe`: the model that writes now.

    Raises:
        RecipeError: with every problem found; also where nothing that writes has changed.
    """
    plain = json.loads(json.dumps(resolved))
    shown = str(plain.get("name"))
    before = parse(plain, shown)
    if isinstance(before.builder, Builder):  # before keys are changed that it does not have
        raise RecipeError(shown, list(_round_problems(before, before, number)))
    source, output = plain["source"], plain["output"]
    plain["round"] = number
    plain["about"] = f"Round {number} of self-training. {_TOLD.sub('', plain.get('about') or '')}".strip()
    plain["source"] = {
        "path": str(run),
        "subset": EARLIER_ROUND,
        **{key: source[key] for key in _OF_PICTURES if key in source},
    }
    # What was asked before is in the store of that run, and costs nothing from there.
    store = output.get("responses") or str(run / "responses.sqlite")
    plain["output"] = {**output, "path": None, "responses": store}
    for override in overrides:
        changed_by(plain, override, shown)
    recipe = parse(plain, shown)
    problems = list(_round_problems(before, recipe, number))
    if problems:
        raise RecipeError(shown, problems)
    return recipe


def _round_problems(before: Recipe, recipe: Recipe, number: int) -> Iterator[str]:
    if recipe.file.round < number:
        yield f"round: there are answers of round {number - 1} already; expected {number} or more"
    writing = _writing(recipe)
    if not writing:
        yield (
            f"builder {recipe.file.builder} has no model that writes answers here: a round adds answers. "
            "Name the run whose models wrote them, or set samplers"
        )
    elif (writing, recipe.file.seed) == (_writing(before), before.file.seed):
        who = ", ".join(f"{name} ({told[0]})" for name, told in writing.items())
        yield (
            f"nothing that writes has changed: {who}. The store would give the answers that are there. Name the new "
            "checkpoint, for example --set samplers.0.model=NAME; if its name has not changed, --set samplers.0.revision=STEP"
        )


def _writing(recipe: Recipe) -> dict[str, tuple[str, str, str]]:
    """Return what decides the answers of each model that writes, by its place: its name, identity and settings."""
    if isinstance(recipe.builder, Builder):
        return {}
    return {
        name: (str(model.model), str(model_id(model)), model.model_dump_json(exclude=set(OF_CALLS)))
        for name, model in recipe.builder.models(recipe.parameters).items()
        if not isinstance(model, JudgeSettings)
    }


def _check_fit(of: Mapping[str, Any], recipe: Recipe) -> None:
    """Raise RecipeError where the builder of the answers would refuse the rule: their scores or verdicts do not fit it."""
    if "pairing" not in of["parameters"]:
        return
    pairing = recipe.parameters.model_dump(mode="json")["pairing"]
    try:
        parse({**of, "parameters": {**of["parameters"], "pairing": pairing}}, recipe.name)
    except RecipeError as error:
        problems = [problem for problem in error.problems if "pairing." in problem]
        if problems:
            raise RecipeError(recipe.name, problems) from error

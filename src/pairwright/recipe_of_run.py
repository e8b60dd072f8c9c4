"""Recipes that come from a run: the one that it was built with, and one that forms its pairs anew."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pairwright.builders import ROOM as BUILDERS
from pairwright.pairings._forming import PairingSettings
from pairwright.recipe import Recipe, RecipeFile, changed_by, parse
from pairwright.schemas.candidate_table import FOLDER as CANDIDATES
from pairwright.schemas.errors import RecipeError


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
    plain: dict[str, Any] = {
        "name": shown,
        "about": f"Pairs by the rule {rule} from the candidates of {run.resolve().name}.",
        "builder": "paired",
        "source": {"path": str(run), "subset": CANDIDATES},
        "parameters": {"pairing": {"rule": rule, "params": {}}},
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

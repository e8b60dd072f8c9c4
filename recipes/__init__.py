"""Recipes: one YAML file per published system, found by file name."""

from importlib.resources import files
from importlib.resources.abc import Traversable


def packaged() -> dict[str, Traversable]:
    """Return the recipes that come with the package, by name."""
    return {
        entry.name.removesuffix(".yaml"): entry
        for entry in sorted(files(__name__).iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }

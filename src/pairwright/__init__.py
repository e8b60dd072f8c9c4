"""Preference pairs for vision-language models: (question, image, chosen, rejected), with a rejected image where wanted.

>>> import pairwright
>>> summary = pairwright.build("image_dpo", source="photos.csv", out="negatives")  # doctest: +SKIP

Nothing heavy is imported until it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pairwright.api import build, next_round, pair, perturb, retry, validate
    from pairwright.exporters._export import export
    from pairwright.forecast import check
    from pairwright.importing import import_set, restore
    from pairwright.publishing.loading import load
    from pairwright.publishing.push import push
    from pairwright.recipe import Recipe, load_recipe
    from pairwright.report import write_report
    from pairwright.runs.summary import summarize
    from pairwright.schemas.errors import PairwrightError

_HOMES = {
    "PairwrightError": "pairwright.schemas.errors",
    "Recipe": "pairwright.recipe",
    "build": "pairwright.api",
    "check": "pairwright.forecast",
    "export": "pairwright.exporters._export",
    "import_set": "pairwright.importing",
    "load": "pairwright.publishing.loading",
    "load_recipe": "pairwright.recipe",
    "next_round": "pairwright.api",
    "pair": "pairwright.api",
    "perturb": "pairwright.api",
    "push": "pairwright.publishing.push",
    "restore": "pairwright.importing",
    "retry": "pairwright.api",
    "summarize": "pairwright.runs.summary",
    "validate": "pairwright.api",
    "write_report": "pairwright.report",
}

__all__ = [
    "PairwrightError",
    "Recipe",
    "__version__",
    "build",
    "check",
    "export",
    "import_set",
    "load",
    "load_recipe",
    "next_round",
    "pair",
    "perturb",
    "push",
    "restore",
    "retry",
    "summarize",
    "validate",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pairwright' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__

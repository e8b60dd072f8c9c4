"""Functions of the user's, which a recipe names as ``module:function``."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from pairwright.schemas.errors import ParameterError


def imported(name: str, key: str) -> Callable[..., object]:
    """Import a function of the user's.

    Args:
        name: ``module:function``; the function may stand in something of the module's, ``module:Class.method``.
        key: the setting that names it, for errors.

    Raises:
        ParameterError: it is written otherwise, cannot be imported, or cannot be called.

    >>> imported("math:floor", "function")(1.5)
    1
    """
    module, colon, path = name.partition(":")
    if not (module and colon and path):
        raise ParameterError(f"{key}: write it as module:function, got {name!r}")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ParameterError(
            f"{key}: {name} cannot be imported ({error}); is its folder on PYTHONPATH?"
        ) from error
    if not callable(found):
        raise ParameterError(f"{key}: {name} is no function but {type(found).__name__}")
    function: Callable[..., object] = found
    return function

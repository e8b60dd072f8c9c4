"""Models that play a second role: who is not named, is the first sampler's model."""

from collections.abc import Sequence
from typing import TypeVar

from pairwright.samplers import Model
from pairwright.schemas.errors import ParameterError

M = TypeVar("M", bound=Model)

_NEEDS_A_NAME = ("sampler", "revision", "base_url", "endpoint", "api_key_env", "options")
"""Keys that mean another model than the first sampler's, and so are nothing without a name."""


def played(role: M, samplers: Sequence[Model], place: str) -> M:
    """Return a role with its model: the one it names, or that of the first sampler (self-annotation).

    Args:
        role: the block of the recipe.
        samplers: who writes candidates.
        place: where the block stands in the parameters, for errors.

    Raises:
        ParameterError: the block says how a model is reached, but not which one.

    >>> own = Model(model="policy", base_url="http://127.0.0.1:8000/v1")
    >>> played(Model(), [own], "critic").model, played(Model(model="other"), [own], "critic").base_url
    ('policy', None)
    >>> played(Model.model_validate(Model().model_dump()), [own], "critic").model
    'policy'
    """
    if role.model is not None or not samplers:
        return role
    # Not by which keys are there: in the recipe that a run has kept, all of them are.
    told = {name for name, field in Model.model_fields.items() if getattr(role, name) != field.default}
    alone = [name for name in _NEEDS_A_NAME if name in told]
    if alone:
        raise ParameterError(
            f"{place}.{alone[0]}: set {place}.model too; without it, {place} is the model of samplers.0"
        )
    return role.model_copy(
        update={name: getattr(samplers[0], name) for name in Model.model_fields if name not in told}
    )

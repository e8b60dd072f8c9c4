"""Base of everything a recipe sets: frozen, typed, and closed to unknown keys."""

from pydantic import BaseModel, ConfigDict

NOT_TOLD = "not_told"
"""Type of an error whose value may be a secret: it is not shown."""


class Settings(BaseModel):
    """A block of a recipe. A key that is not a field is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

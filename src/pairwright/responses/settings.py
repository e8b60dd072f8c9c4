"""What a recipe may say of spending."""

from typing import Annotated

from pydantic import Field

from pairwright.schemas.settings import Settings


class Budget(Settings):
    """What a run may spend on models, all of them together, earlier goes of the same run included.

    No call is begun that would pass a limit by what calls took so far: of each model, the mean of its calls in this run
    is held for every call under way and for the next one, and a guess from the request before any came back. Where that
    leaves no room, the next waits for calls to return; one alone is begun as long as anything is left. So tokens and
    dollars may be passed by a little: about one call's, more where calls differ much or several processes share the run.
    """

    usd: Annotated[float, Field(gt=0)] | None = None
    """US dollars; every model needs its prices."""
    tokens: Annotated[int, Field(gt=0)] | None = None
    """Tokens of prompts and answers together."""
    calls: Annotated[int, Field(gt=0)] | None = None
    """Requests to models; what the store answers is none, and tries again of one request are not counted."""

"""What a recipe may say of spending."""

from typing import Annotated

from pydantic import Field

from pairwright.schemas.settings import Settings


class Budget(Settings):
    """What a run may spend on models, all of them together, earlier goes of the same run included.

    No call is begun that would certainly pass a limit. What a call takes is known only when its answer is there, so
    tokens and dollars may be passed by what is under way when the limit is reached: some ``calls.concurrency`` requests
    of each model, or a whole batch.
    """

    usd: Annotated[float, Field(gt=0)] | None = None
    """US dollars; every model needs its prices."""
    tokens: Annotated[int, Field(gt=0)] | None = None
    """Tokens of prompts and answers together."""
    calls: Annotated[int, Field(gt=0)] | None = None
    """Requests to models; what the store answers is none, and tries again of one request are not counted."""

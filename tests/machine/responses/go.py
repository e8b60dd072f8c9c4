"""One go of a run as a process of its own: asks what standard input says and prints the answers.

Input, JSON: ``store``, ``run``, ``model`` (settings), ``requests`` as [text, first, n]. Output: one JSON line.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

from pairwright.responses.asking import open_models
from pairwright.responses.batches import Rhythm
from pairwright.samplers import Model
from pairwright.schemas.errors import PairwrightError, RowError
from pairwright.schemas.request import Message, Request


async def main() -> None:
    told = json.load(sys.stdin)
    rhythm = Rhythm(
        quiet_s=0.2, first_look_s=0.05, longest_look_s=0.1, most_requests=told.get("most", 50_000)
    )
    models = {"m": Model.model_validate(told["model"])}
    async with open_models(models, store=Path(told["store"]), run=told["run"], rhythm=rhythm) as opened:

        async def ask(text: str, first: int, n: int) -> list[str] | str:
            try:
                found = await opened.asks["m"](Request((Message("user", (text,)),), first=first, n=n))
            except RowError as error:
                return error.reason
            return [answer.text for answer in found]

        answers = await asyncio.gather(*(ask(*one) for one in told["requests"]))
        [spent] = opened.spent()
        print(json.dumps({"answers": answers, "calls": spent.calls, "replayed": spent.replayed}))


signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a script it would be ignored
try:
    asyncio.run(main())
except PairwrightError as error:
    sys.exit(f"{type(error).__name__}: {error}")

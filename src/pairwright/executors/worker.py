"""A worker process: reads a job and shard numbers from its input, a JSON line each, and answers in lines.

It dies with the process that started it: when its input ends, a watching thread ends it at once, so that no orphan goes
on writing into a folder that the next run has opened.
"""

import json
import os
import queue
import sys
import threading
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pairwright.executors import Job
from pairwright.executors.shards import ShardBuilder, Tally
from pairwright.recipe import RecipeFile, checked
from pairwright.runs import manifest
from pairwright.runs.commit import ShardWriter

_SAYING = threading.Lock()


def main() -> None:
    """Serve until the input ends."""
    numbers: queue.Queue[int] = queue.Queue()
    told = json.loads(sys.stdin.readline())
    threading.Thread(target=_listen, args=(numbers,), daemon=True).start()
    try:
        file = RecipeFile.model_validate(told["recipe"])
        builder = ShardBuilder(Job(Path(told["folder"]), checked(file), told["limit"]))
        with ThreadPoolExecutor(
            1
        ) as behind:  # hashes and syncs a shard's files while the next shard is built
            finishing: Future[None] | None = None
            while True:
                number = numbers.get()
                writer = builder.build(number, _tell)
                if finishing is not None:
                    finishing.result()
                finishing = behind.submit(_finish, number, writer)
    except Exception as error:  # noqa: BLE001  # it is raised again by the process that asked
        _say({"failed": "".join(traceback.format_exception(error))})


def _finish(number: int, writer: ShardWriter | None) -> None:
    try:
        _say({"shard": number, "entry": None if writer is None else manifest.to_line(writer.finish())})
    except Exception as error:  # noqa: BLE001  # the main thread may wait for numbers and not see it
        _say({"failed": "".join(traceback.format_exception(error))})


def _listen(numbers: "queue.Queue[int]") -> None:
    for line in sys.stdin:
        numbers.put(int(line))
    os._exit(0)


def _tell(tally: Tally) -> None:
    _say({"tally": asdict(tally)})


def _say(message: dict[str, Any]) -> None:
    with _SAYING:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""A worker process: reads a job and then shard numbers from its input, a line each, and answers in lines.

It dies with the process that started it: when its input ends, a watching thread ends it at once. Until it is gone it
keeps the run folder's lock, so no orphan goes on writing into a folder that the next run has opened.
"""

import os
import queue
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from pairwright.executors.messages import Finished, Message, failed, job_from, message_line
from pairwright.executors.shards import ShardBuilder, keep_freed_memory
from pairwright.runs.commit import ShardWriter


class Answers:
    """The way back. Several threads may say something at once."""

    def __init__(self) -> None:
        """Take standard output for answers alone: whatever a part prints goes to standard error."""
        self._pipe: BinaryIO = os.fdopen(os.dup(1), "wb", buffering=0)
        self._lock = threading.Lock()
        os.dup2(2, 1)

    def say(self, message: Message) -> None:
        """Send a message."""
        with self._lock:
            self._pipe.write(message_line(message).encode() + b"\n")

    def fail(self, error: Exception) -> None:
        """Send what went wrong."""
        self.say(failed(error))


def main() -> None:
    """Serve until the input ends."""
    answers = Answers()
    numbers: queue.Queue[int] = queue.Queue()
    line = sys.stdin.readline()
    threading.Thread(target=_listen, args=(numbers,), daemon=True).start()
    keep_freed_memory()
    try:
        _serve(ShardBuilder(job_from(line)), numbers, answers)
    except Exception as error:  # noqa: BLE001  # the process that asked raises it again
        answers.fail(error)


def _serve(builder: ShardBuilder, numbers: "queue.Queue[int]", answers: Answers) -> None:
    with ThreadPoolExecutor(1) as behind:  # hashes and syncs a shard's files while the next shard is built
        finishing: Future[None] | None = None
        while True:
            number = numbers.get()
            writer = builder.build(number, answers.say)
            if finishing is not None:
                finishing.result()
            finishing = behind.submit(_finish, number, writer, answers)


def _finish(number: int, writer: ShardWriter | None, answers: Answers) -> None:
    try:
        answers.say(Finished(number, None if writer is None else writer.finish()))
    except Exception as error:  # noqa: BLE001  # the main thread waits for numbers and would not see it
        answers.fail(error)


def _listen(numbers: "queue.Queue[int]") -> None:
    for line in sys.stdin:
        numbers.put(int(line))
    os._exit(0)


if __name__ == "__main__":
    main()

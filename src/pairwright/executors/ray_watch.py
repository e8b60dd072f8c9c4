"""Telling that a run was ended without a word, since Ray's own code ends a process that has lost its cluster.

That happens at once or some ten seconds after the node of the process has died, and a minute after the head node has. Nothing in
Python is asked then, so that another process has to tell it.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pairwright.executors import SAFE

_WAIT_FOR_THE_END = "import sys; sys.stdin.buffer.read() or sys.stderr.write(sys.argv[1])"
"""Its standard input ends when this process does; in order only if something was written."""

_TOLD = (
    "pairwright: the process that built was ended without a word: by Ray, as when its node or the head of its cluster is gone, "
    f"or from outside, as when memory is short. {SAFE}\n"
)


@contextmanager
def watched() -> Iterator[None]:
    """Have another process tell on standard error if this one ends within the block."""
    words = [sys.executable, "-I", "-S", "-c", _WAIT_FOR_THE_END, _TOLD]
    watch = subprocess.Popen(  # noqa: S603  # words of our own; in a session of its own, where Ctrl-C does not reach it
        words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        watch.communicate(b"in order")

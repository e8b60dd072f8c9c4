"""Telling that a cluster is gone, since Ray's own code then ends the process without a word of what that means for a run.

A driver is ended with status 1 some ten seconds after its node has died, and a minute after the head node has. Nothing in
Python is asked meanwhile, so all that can be done is to say it before.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pairwright.executors import SAFE

_EVERY_S = 1.0
"""Time between two looks, seconds."""

_NODE_AWAY_S = 3.0
"""How long the node of this process may refuse connections before that is told, seconds. It never comes back."""

_HEAD_AWAY_S = 10.0
"""The same of the head node, which may be started again."""

_log = logging.getLogger(__name__)


@contextmanager
def watched() -> Iterator[None]:
    """Watch the cluster that this process is connected with, and say when the node of this process or the head is gone."""
    over, addresses = threading.Event(), _addresses()
    threading.Thread(target=_watch, args=(over, addresses), name="ray-watch", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _addresses() -> "list[_Watched]":
    """Return what is to be watched; asked before the watch begins, since whoever asks Ray after its end is ended by it."""
    import ray

    if (
        ray.util.client.ray.is_connected()
    ):  # from outside, through a server on the head: there is no node of this process
        return []
    context = ray.get_runtime_context()
    head, own = context.gcs_address, context.get_node_id()
    node = next((node for node in ray.nodes() if node["NodeID"] == own), None)
    if node is None:  # it is going down already
        return []
    here = f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}"
    node_gone = f"Ray's node of this process ({here}) has died, and Ray is about to end this process"
    head_gone = f"Ray's head node ({head}) does not answer; after a minute of that Ray ends this process"
    return [_Watched(here, _NODE_AWAY_S, node_gone), _Watched(head, _HEAD_AWAY_S, head_gone)]


def _watch(over: threading.Event, left: "list[_Watched]") -> None:
    while left and not over.wait(_EVERY_S):
        left = [one for one in left if not one.is_gone()]


class _Watched:
    """An address, and what is to be said when nobody has listened there for some seconds."""

    def __init__(self, address: str, patience_s: float, told: str) -> None:
        self._host, _, self._port = address.rpartition(":")
        self._patience_s, self._told = patience_s, told
        self._heard = time.monotonic()

    def is_gone(self) -> bool:
        """Look, and tell whether it has been said."""
        try:
            socket.create_connection((self._host, int(self._port)), timeout=self._patience_s).close()
            self._heard = time.monotonic()
        except OSError:
            if time.monotonic() - self._heard > self._patience_s:
                _log.error("pairwright: %s. %s", self._told, SAFE)
                return True
        return False

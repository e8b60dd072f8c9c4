"""Being connected with a Ray cluster, quietly, and with nodes that have the same packages."""

import logging
import os
import platform
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pairwright import __version__
from pairwright.executors import Cluster
from pairwright.executors.local import WorkerError, usable_cores
from pairwright.executors.ray_watch import watched
from pairwright.runs.run_file import versions
from pairwright.schemas.errors import MissingExtraError, RunError

_PATIENCE_S = 10.0
"""How long the head node of a cluster may take to answer, seconds."""

_STORE_BYTES = 200_000_000
"""Object store of a cluster that is started here: nothing but numbers and manifest lines goes through it."""


def packages() -> dict[str, str]:
    """Return the versions that decide how pictures come out, on this node."""
    return {"pairwright": __version__, **dict(versions())}


def check_packages(wanted: Mapping[str, str]) -> None:
    """Raise RunError where this node has other versions than the process that was started."""
    own = packages()
    different = [
        f"{name} {own.get(name)} in place of {told}" for name, told in wanted.items() if own.get(name) != told
    ]
    if different:
        raise RunError(
            f"node {platform.node()} has {', '.join(different)}: pictures might come out differently. Install the same "
            "on every node"
        )


def ray_data() -> Any:  # Any: modules of optional packages are not typed here
    """Return the package ``ray.data``. Raises MissingExtraError."""
    # Read by Ray as it is imported: of actors that end with their run it would print that their work is tried again.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "infinite retries remaining.*killed by `ray.kill`")
    try:
        import ray.data
    except ImportError as error:
        raise MissingExtraError("executor ray", "ray[data]", "ray") from error
    return ray.data


@contextmanager
def connected(cluster: Cluster, workers: int | None) -> Iterator[None]:
    """Be connected with a cluster: the one that the caller is connected with already, or else the one that is named.

    ``workers`` is the number of cores of a cluster that is started here; those of this machine if not given.

    Raises:
        MissingExtraError: Ray is not installed.
        WorkerError: there is no cluster at the address.
    """
    ray_data()
    import ray

    if ray.is_initialized():
        with watched():
            yield
        return
    address = cluster.address or os.environ.get("RAY_ADDRESS") or "local"
    _check_reachable(address)
    own: dict[str, Any] = {}
    if address == "local":
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        own = {
            "num_cpus": workers or usable_cores(),
            "object_store_memory": _STORE_BYTES,
            "include_dashboard": False,
        }
    with _own_signals(), _quiet():
        try:
            ray.init(address=address, logging_level="ERROR", log_to_driver=False, **own)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise WorkerError(f"no Ray cluster at {address}: {error}") from error
    try:
        with watched():
            yield
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise WorkerError where nobody listens at ``host:port``: Ray itself would go on trying for many minutes."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        return  # auto, local, ray://: Ray tells at once
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()
    except OSError as error:
        raise WorkerError(f"no Ray cluster at {address}: {error}") from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the handler of SIGTERM, in place of which Ray sets its own."""
    here = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if here and before is not None:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Have Ray keep to its log files what is of no concern to somebody who builds, or what is told here in other words."""
    name = "RAY_BACKEND_LOG_LEVEL"  # read when a connection is made: its errors on the terminal are warnings
    set_before = name in os.environ
    os.environ.setdefault(name, "fatal")
    _hide_log_of_ray_data()
    try:
        yield
    finally:
        if not set_before:
            os.environ.pop(name, None)


def _hide_log_of_ray_data() -> None:
    """Have Ray Data write to its files only, unless a user has set where: what it raises it would print as well, with a traceback."""
    if "RAY_DATA_LOGGING_CONFIG" in os.environ:
        return
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.CRITICAL)

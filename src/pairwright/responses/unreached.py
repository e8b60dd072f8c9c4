"""Servers that nobody answers at: told before a run waits for them."""

import socket
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pairwright.samplers import ROOM, Model

_PATIENCE_S = 3.0


def unreached(models: Mapping[str, Model]) -> Iterator[str]:
    """Yield a sentence for each server that takes no connection now; each address is tried once.

    Args:
        models: by the builder's names.
    """
    tried: dict[str, str | None] = {}
    for name, model in models.items():
        if model.base_url is None or not ROOM.get(model.sampler).remote:
            continue
        if model.base_url in tried:
            continue
        why = tried[model.base_url] = _why_not(model.base_url)
        if why is not None:
            yield (
                f"{name}: nothing answers at {model.base_url} now ({why}). What is stored needs no server; other calls "
                f"wait for it, {model.calls.give_up_after_s:g} s at most"
            )


def _why_not(address: str) -> str | None:
    """Return why no connection can be made, or None where one can."""
    parts = urlsplit(address)
    if parts.scheme in getproxies() and not proxy_bypass(parts.hostname or ""):
        return None  # the proxy connects, and its word would come too late
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_PATIENCE_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return None

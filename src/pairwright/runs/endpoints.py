"""What may be told of a model's address and name: no password, no key, and in public no private machine."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PRIVATE = frozenset(
    "corp example home internal intranet invalid lan local localdomain localhost onion private test".split()  # noqa: SIM905  # as a line it can be read
)
"""Last labels of names that lead nowhere outside (RFC 2606, 6761, 6762, 7686, 8375, and customs)."""
_FOLDERS = re.compile(r"(?<![\w.~:/\\-])(?:~?/|[A-Za-z]:[/\\]|\\\\)(?:[^/\\\s,;()]+[/\\])*(?=[^/\\\s,;()])")
"""The folders of an absolute path, at the beginning of a word."""


def bare_endpoint(endpoint: str) -> str:
    """Return an address without user name, password, query and fragment, where keys are put; other texts as they are.

    >>> bare_endpoint("https://me:secret@api.example.org:8443/v1?key=abc")
    'https://api.example.org:8443/v1'
    """
    parts = _split(endpoint)
    if parts is None:
        return "an address that cannot be read" if _URL.match(endpoint) else endpoint
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def public_host(endpoint: str) -> str | None:
    """Return the host of an address that anybody could call: https, no port of its own, a full domain name.

    None for every other text: an IP address, a name of a local network, a name that a recipe gave.

    >>> public_host("https://api.openai.com/v1"), public_host("http://10.0.0.7:8000/v1"), public_host("gpu-box")
    ('api.openai.com', None, None)
    """
    parts = _split(endpoint)
    if parts is None or parts.scheme != "https" or parts.port not in (None, 443):
        return None
    host = (parts.hostname or "").rstrip(".").lower()
    labels = host.split(".")
    if len(labels) < 2 or labels[-1] in _PRIVATE or host.endswith(".home.arpa") or _is_ip(host):
        return None
    return host


def public_name(name: str) -> str:
    """Return the name of a model or judge without the folders in which it lies.

    >>> public_name("/home/me/models/llava"), public_name("llava-hf/llava-1.5-7b-hf"), public_name("panel of /a/b, c")
    ('llava', 'llava-hf/llava-1.5-7b-hf', 'panel of b, c')
    """
    return _FOLDERS.sub("", name)


def without_secrets(value: object) -> object:
    """Return a recipe with every address bare, as :func:`bare_endpoint` says."""
    if isinstance(value, dict):
        return {key: without_secrets(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value]
    return bare_endpoint(value) if isinstance(value, str) and _URL.match(value) else value


def is_address(text: str) -> bool:
    """Tell whether a text is an address with a scheme.

    >>> is_address("http://127.0.0.1:8000/v1"), is_address("openai/gpt")
    (True, False)
    """
    return bool(_URL.match(text))


def _split(endpoint: str) -> SplitResult | None:
    """Return the parts of an address; None for what is none, or cannot be read."""
    if not _URL.match(endpoint):
        return None
    try:
        parts = urlsplit(endpoint)
        _ = parts.port  # raises ValueError where it is no number
    except ValueError:
        return None
    return parts


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.rpartition(".")[2].isdecimal()
    return True

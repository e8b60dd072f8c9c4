"""What candidates tell of how they were written: JSON text where pairwright wrote it, anything where a source did."""

import json
from collections.abc import Mapping

from pairwright.schemas.candidate import Candidate


def read_told(text: str) -> object:
    """Return JSON text as the value it stands for, or as it stands where it is no JSON.

    >>> read_told('{"seed": 7}'), read_told("by hand")
    ({'seed': 7}, 'by hand')
    """
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def told_of(candidate: Candidate) -> Mapping[str, object]:
    """Return a candidate's params by name; none where it has none, or something else than an object there.

    >>> told_of(Candidate("A cat.", params='{"seed": 7}')), told_of(Candidate("A cat.", params="[7]"))
    ({'seed': 7}, {})
    """
    value = None if candidate.params is None else read_told(candidate.params)
    return value if isinstance(value, dict) else {}

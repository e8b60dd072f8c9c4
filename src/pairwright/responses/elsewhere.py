"""Answers that a store has under another address: ``localhost`` and ``127.0.0.1`` are two, and each pays for itself."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from pairwright.responses.layout import telling
from pairwright.samplers import ROOM, Model, model_id

_ANSWERS = """
SELECT endpoint, sum(answers) AS n FROM calls WHERE sampler = ? AND model = ? AND answers > 0
GROUP BY endpoint ORDER BY n DESC, endpoint
"""


def stored_elsewhere(store: Path, models: Mapping[str, Model]) -> tuple[str, ...]:
    """Return a sentence for each model whose answers are stored, but under other addresses than its own alone.

    Args:
        store: file of the response store, only read; where there is none, there is nothing to tell.
        models: by the builder's names; valid by ``asking.check_models``.

    Raises:
        RunError: the store cannot be read.
    """
    if not store.exists() or not store.stat().st_size:
        return ()
    with telling(store), closing(sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True)) as reader:
        told = [
            _told(reader, name, model) for name, model in models.items() if ROOM.get(model.sampler).remote
        ]
    return tuple(sentence for sentence in told if sentence)


def _told(reader: sqlite3.Connection, name: str, model: Model) -> str | None:
    own = model_id(model)
    found = dict(reader.execute(_ANSWERS, (own.sampler, own.model)).fetchall())
    if not found or own.endpoint in found:
        return None
    [(other, answers), *_] = found.items()
    return (
        f"{name} ({own.model}): the store has {answers:,} answers of it at {other} and none at {own.endpoint}; "
        f"set {name}.endpoint={other} to use them"
    )

"""Refusals that were told to a run, and forgetting them.

A stored refusal is not asked again. That is right while the model stays as it is; after a larger context length, more
pictures per prompt, or a server that was set up wrongly, it is to be asked anew.
"""

from pathlib import Path

from pairwright.responses.layout import open_files, telling
from pairwright.responses.store import Store
from pairwright.responses.writer import Change

_TELL = "INSERT INTO refusals_told (run, key) VALUES (?, ?) ON CONFLICT DO NOTHING"


async def put_told(store: Store, run: str, key: str) -> None:
    """Record that a run was told the refusal of a request; returns when that is on disk."""
    if not store.rows("SELECT 1 FROM refusals_told WHERE run = ? AND key = ?", (run, key)):
        await store.put(Change(statements=((_TELL, ((run, key),)),)))


def forget_refusals(store: Path, run: str) -> int:
    """Delete the stored refusals of all requests that a run was refused, so that they are asked again.

    Also those that another run got and this one was only told. Answers stay.

    Args:
        store: file of the response store; where there is none, nothing is to be forgotten.
        run: the run's name in the store.

    Returns:
        How many refusals were deleted.

    Raises:
        RunError: the store cannot be used.
    """
    if not store.exists():
        return 0
    refused = (
        "SELECT key FROM calls WHERE run = :run AND outcome = 'refused' "
        "UNION SELECT key FROM refusals_told WHERE run = :run"
    )
    reader, writer, claims = open_files(store)
    try:
        with telling(store):
            deleted = writer.execute(f"DELETE FROM refusals WHERE key IN ({refused})", {"run": run})  # noqa: S608
            return deleted.rowcount
    finally:
        reader.close()
        writer.close()
        claims.close()

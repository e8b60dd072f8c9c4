"""MMPR: JSON lines of InternVL, one or several pictures by path."""

from pairwright.layouts import Layout, Row
from pairwright.layouts._columns import FLAT, read_by


def recognise(row: Row) -> int:
    """Tell by the four columns, pictures by path: the plainest of all layouts, so that any other one goes before it."""
    image = row.get("image")
    paths = [image] if isinstance(image, str) else image if isinstance(image, list) else []
    known = all(isinstance(row.get(name), str) for name in ("question", "chosen", "rejected"))
    return 4 if known and paths and all(isinstance(path, str) for path in paths) else 0


PART = Layout(
    recognise=recognise,
    read=read_by({**FLAT, "id": "id"}),
    summary="image (a path or a list of them), question, chosen, rejected",
    source="OpenGVLab/MMPR, MMPR-v1.1, MMPR-v1.2 (mit; arXiv 2411.10442)",
)

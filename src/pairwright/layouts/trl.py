"""TRL: messages in prompt, chosen and rejected, pictures in images; for KTO one completion with a label."""

from collections.abc import Mapping

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import present
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.schemas.judgement import Judgement
from pairwright.sources.cells import bad_value
from pairwright.sources.turns import is_messages, read_turns

SCORER = "label"


def recognise(row: Row) -> int:
    """Tell by messages of role and content on both sides, or by a completion with a label that is true or false."""
    pictures = "images" in row or "image" in row
    if isinstance(row.get("label"), bool) and is_messages(row.get("completion")):
        return 4 + pictures
    sides = all(_by_role(row.get(side)) for side in ("chosen", "rejected"))
    prompt = "prompt" not in row or _by_role(row["prompt"])
    return (3 + pictures + ("prompt" in row)) if sides and prompt and "conversations" not in row else 0


def read(row: Row) -> Read:
    """Return the sides; or one answer, of which a label says whether it is wanted."""
    images = "image" if "images" not in row and "image" in row else "images"
    taken = present(row, {"prompt": "prompt", "images": images, "chosen": "chosen", "rejected": "rejected"})
    if "completion" not in row:
        return Read(row, taken)
    turns = read_turns(row["completion"], "completion")
    if not turns or turns[-1].role != "assistant":
        raise RowError("bad_value", "completion", "expected a message of the assistant at its end")
    if not isinstance(row["label"], bool):
        raise bad_value("label", "true or false", row["label"])
    told = Judgement("candidate", SCORER, "wanted", float(row["label"]), 0.0, 1.0)
    return Read(row, taken, (Candidate(turns[-1].text, judgements=(told,)),))


def _by_role(value: object) -> bool:
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, Mapping) and "role" in first and "content" in first


PART = Layout(
    recognise=recognise,
    read=read,
    summary="images with prompt, chosen and rejected as messages of role and content, or with completion and label (KTO)",
    source="trl-lib/rlaif-v, HuggingFaceH4/rlaif-v_formatted; TRL 1.16 DPO and KTO",
)

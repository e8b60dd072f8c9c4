"""mDPO: the prompt as one string in Vicuna's template."""

import re

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import known_by, present
from pairwright.schemas.errors import RowError
from pairwright.sources.cells import text

_TURN = re.compile(r"\b(USER|ASSISTANT):")
_END = "</s>"


def read(row: Row) -> Read:
    """Return the prompt without the template, as messages.

    Raises:
        RowError: the prompt is not what the template makes.
    """
    system, *rest = _TURN.split(text(row["prompt"], "prompt"))
    turns = list(zip(rest[::2], (said.replace(_END, "").strip() for said in rest[1::2]), strict=True))
    if not turns or turns[-1] != ("ASSISTANT", ""):
        raise RowError("bad_value", "prompt", "expected a prompt of Vicuna's template: … USER: … ASSISTANT:")
    messages = [{"role": role.lower(), "content": said} for role, said in turns[:-1]]
    if system.strip():
        messages.insert(0, {"role": "system", "content": system.strip()})
    fields = {**row, "prompt": messages}
    return Read(
        fields,
        present(row, {"images": "img_path", "prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}),
    )


PART = Layout(
    recognise=known_by("img_path", "prompt", "chosen", "rejected"),
    read=read,
    summary="img_path, prompt (a whole string of Vicuna's template, USER: … ASSISTANT:), chosen, rejected",
    source="fwnlp/mDPO-preference-data (arXiv 2406.11839)",
)

"""ms-swift: messages that end with the chosen answer, the rejected one beside them, perhaps with pictures of its own."""

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import present

_REJECTED = ("rejected_response", "rejected_messages")


def recognise(row: Row) -> int:
    """Tell by messages beside a rejected response, rejected messages or rejected pictures."""
    told = [name for name in (*_REJECTED, "rejected_images") if row.get(name) is not None]
    return 3 + len(told) if "messages" in row and told else 0


def read(row: Row) -> Read:
    """Return the dialogue and its rejected end; pictures of the rejected side are those of the chosen one where there are none."""
    columns = {"conversations": "messages", "images": "images", "rejected_images": "rejected_images"}
    taken = present({name: value for name, value in row.items() if value is not None}, columns)
    if row.get("rejected_response") is not None:
        return Read(row, taken | {"rejected": "rejected_response"})
    if row.get("rejected_messages") is not None:
        return Read(row, taken | {"rejected_conversations": "rejected_messages"})
    return Read(row, taken)


PART = Layout(
    recognise=recognise,
    read=read,
    summary="messages (chosen answer last), rejected_response or rejected_messages, images, rejected_images",
    source="ms-swift 4.6",
)

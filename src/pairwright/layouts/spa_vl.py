"""SPA-VL: flat pairs of safe and unsafe answers."""

from pairwright.layouts import Layout
from pairwright.layouts._columns import FLAT, known_by, read_by

PART = Layout(
    recognise=known_by("image", "question", "chosen", "rejected", "image_name"),
    read=read_by({**FLAT, "id": "image_name"}),
    summary="image, question, chosen, rejected, image_name",
    source="sqrti/SPA-VL (cc-by-4.0)",
)

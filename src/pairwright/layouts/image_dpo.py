"""ImageDPO: the same answer under a good and a bad picture."""

from pairwright.layouts import Layout
from pairwright.layouts._columns import FLAT, known_by, read_by

PART = Layout(
    recognise=known_by("good_image", "bad_image", "question", "chosen", "rejected"),
    read=read_by({**FLAT, "images": "good_image", "rejected_images": "bad_image"}),
    summary="good_image, bad_image, image, question {from, value}, chosen and rejected, which are the same text",
    source="ViLP/ImageDPO (arXiv 2501.00569)",
)

"""POVID and its family: the same dialogue twice, once with the better answers and once with the worse ones."""

from pairwright.layouts import Layout
from pairwright.layouts._columns import known_by, read_by

PART = Layout(
    recognise=known_by("image", "conversations", "rejected_conversations"),
    read=read_by(
        {
            "id": "id",
            "images": "image",
            "rejected_images": "retrieved_image",
            "conversations": "conversations",
            "rejected_conversations": "rejected_conversations",
        }
    ),
    summary="image, conversations and rejected_conversations; in Re-Align also retrieved_image, the rejected side's picture",
    source="YiyangAiLab/POVID_preference_data_for_VLLMs (arXiv 2402.11411), SIMA (arXiv 2405.15973), CSR (arXiv 2405.14622), "
    "Re-Align (arXiv 2502.13146)",
)

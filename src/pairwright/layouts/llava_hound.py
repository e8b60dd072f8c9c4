"""LLaVA-Hound: pairs of answers about a video, ranked by a model that read what the video shows."""

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import known_by, present
from pairwright.layouts._media import without_media


def read(row: Row) -> Read:
    """Return the sides with their scores; the video is a tag, and its path stays in ``extra``."""
    fields, tags = without_media(row, "prompt")
    columns = {
        "id": "id",
        "question": "prompt",
        "chosen": "chosen",
        "rejected": "rejected",
        "images": "image_path",
        "score_chosen": "chosen_score",
        "score_rejected": "rejected_score",
        "ground_truth": "answer",
    }
    return Read(fields, present(fields, columns), tags=tags)


_SCORED = known_by("prompt", "chosen", "rejected", "chosen_score", "rejected_score")
_VIDEO = known_by("prompt", "chosen", "rejected", "video", without=("chosen_reason", "is_tie", "ls_factor"))


PART = Layout(
    recognise=lambda row: _SCORED(row) or _VIDEO(row) if "video" in row or "image_name" in row else 0,
    read=read,
    summary="prompt, chosen, rejected, video (a folder of frames) or image_path, answer, chosen_score, rejected_score",
    source="ShareGPTVideo/train_video_and_instruction (LLaVA-Hound, arXiv 2404.01258)",
)

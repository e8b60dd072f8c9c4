"""Reason codes of rejects: every way in which a source row, or one negative of it, gives no pair."""

from typing import Literal, get_args

Reason = Literal[
    "bad_row",
    "missing_column",
    "bad_value",
    "no_question",
    "no_answer",
    "no_image",
    "empty_answer",
    "equal_answers",
    "marker_mismatch",
    "special_token",
    "image_missing",
    "image_outside_root",
    "image_url",
    "image_unreadable",
    "image_truncated",
    "image_too_large",
    "image_too_small",
    "image_format",
    "no_op",
    "outside_band",
    "target_not_reached",
    "no_other_image",
]
"""A code that is counted in the manifest and shown in tables."""

EXPLANATIONS: dict[Reason, str] = {
    "bad_row": "the row could not be parsed (broken JSON, wrong number of CSV fields)",
    "missing_column": "a column that the recipe's column map names is not in the row",
    "bad_value": "a column holds a value of the wrong type",
    "no_question": "the row has no question: name its column (source.columns.question) or give one for all (source.question)",
    "no_answer": "the row has no answer that could be the chosen one: name its column (source.columns.chosen)",
    "no_image": "the row has no image, and this construction needs one",
    "empty_answer": "chosen or rejected text is empty",
    "equal_answers": "chosen and rejected text are the same and no image differs",
    "marker_mismatch": "the number of <image> markers in the text differs from the number of images",
    "special_token": "an answer holds <image>, or any text <video>, <audio> or a model's special token",
    "image_missing": "the image file does not exist under the image root",
    "image_outside_root": "the image path leaves the image root; set source.image_root if it should not",
    "image_url": "the image is a URL; pairwright does not download, so fetch the pictures first",
    "image_unreadable": "the bytes are not a picture, or the decoder fails on them",
    "image_truncated": "the picture file is cut short",
    "image_too_large": "more pixels than source.max_pixels (a decompression bomb?), a file over source.max_file_mb, or a side too long for the encoding",
    "image_too_small": "the picture has a side below source.min_side",
    "image_format": "a picture format or pixel type that trainers do not read",
    "no_op": "the perturbation left the picture as it was",
    "outside_band": "a measure of the negative lies outside the recipe's accept band",
    "target_not_reached": "no strength in the operation's range reaches the wanted measure",
    "no_other_image": "no other picture in the shard that is not the same or a near copy",
}
"""What each code means, in one line; shown by ``pairwright show`` and in reports."""

if set(EXPLANATIONS) != set(get_args(Reason)):
    raise AssertionError("each reason code needs its explanation")

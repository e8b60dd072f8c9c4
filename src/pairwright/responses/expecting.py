"""What a call is expected to take while none of its model has come back: a guess, so that a budget can hold room for it."""

from pairwright.schemas.image import Image
from pairwright.schemas.request import Request

_CHARACTERS_OF_A_TOKEN = 4
_PIXELS_OF_A_TOKEN = 28 * 28
"""Of Qwen2-VL and Qwen2.5-VL."""
_MOST_TOKENS_OF_AN_IMAGE = 1000
_TOKENS_OF_AN_ANSWER = 150
"""Answers to questions about pictures are rarely longer, and ``max_tokens`` is often set far above them."""


def estimate(request: Request) -> tuple[int, int]:
    """Return about how many tokens a request takes: of its prompt, and of all its answers.

    >>> from pairwright.schemas.request import Message
    >>> estimate(Request((Message("user", ("What is it?" * 4,)),), n=2))
    (11, 300)
    """
    parts = [part for message in request.messages for part in message.parts]
    texts = sum(len(part) for part in parts if isinstance(part, str)) // _CHARACTERS_OF_A_TOKEN
    images = sum(_tokens(part) for part in parts if isinstance(part, Image))
    return texts + images, request.n * min(request.sampling.max_tokens, _TOKENS_OF_AN_ANSWER)


def _tokens(image: Image) -> int:
    pixels = image.header.width * image.header.height
    return min(pixels // _PIXELS_OF_A_TOKEN + 1, _MOST_TOKENS_OF_AN_IMAGE)

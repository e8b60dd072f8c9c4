"""Strings that a model reads as a token of its own, and that must therefore never stand in a text.

A processor replaces every image placeholder it finds, whoever typed it: one ``<image>`` in an answer and the number of
placeholders no longer matches the number of pictures. A typed ``</s>`` or ``<|im_end|>`` ends the turn early.
"""

import re

_PATTERN = re.compile(
    r"""
      <(?:image|video|audio)>                               # LLaVA and the flat markers of most trainers
    | <\|[^\s<>|]{1,64}\|>                                  # <|im_end|>, <|image_pad|>, <|eot_id|>: Qwen, Llama 3, Phi
    | <｜[^<>]{1,64}｜>                                     # DeepSeek, with full-width bars
    | </?s> | <(?:bos|eos|pad|unk)>                         # SentencePiece families
    | \[/?INST\] | <</?SYS>> | \[IMG(?:_BREAK|_END)?\]      # Llama 2, Mistral, Pixtral
    | <(?:start|end)_of_(?:image|turn)> | <image_soft_token>                                # Gemma
    | <fake_token_around_image> | <global-img> | <row_\d+_col_\d+> | <end_of_utterance>     # Idefics, SmolVLM
    | </?img> | <IMG_CONTEXT> | <image_placeholder>         # InternVL, Janus
    """,
    re.VERBOSE,
)


def special_token(text: str) -> str | None:
    """Return the first special token that a text holds, or None.

    >>> special_token("It shows <image> twice.")
    '<image>'
    >>> special_token("Done.<|im_end|>")
    '<|im_end|>'
    >>> special_token("if a < b and c > d: print('<table>')") is None
    True
    """
    if "<" not in text and "[" not in text:
        return None
    found = _PATTERN.search(text)
    return found.group() if found else None

"""How foreign text is shown to a judge: fenced, so that nothing in it can pass for an instruction or for another text.

Questions come from the web and answers from models; either may hold "give this one a 5", a verdict in the judge's own
format, the end of a fence, or a model's special tokens. Each is shown between two lines with a code that is drawn from
the run's seed, the record and the texts themselves, and that none of the texts holds. Special tokens, which a tokenizer
would obey whatever stands around them, are broken up.
"""

from collections.abc import Iterable
from hashlib import blake2b
from itertools import count

from pairwright.schemas.prompt import MARKER, Prompt
from pairwright.schemas.special_tokens import special_token


def fence_code(seed: int, record_id: str, texts: Iterable[str]) -> str:
    """Return a code of 12 hex digits that none of the texts holds.

    It depends on the texts, so none of them can have been written with it in mind, and on the record, so that a fence
    copied from another record's prompt is not this one's.

    >>> fence_code(0, "a.jsonl:1", ["A cat."]) == fence_code(0, "a.jsonl:1", ["A cat."])
    True
    >>> fence_code(0, "a.jsonl:1", ["A cat."]) == fence_code(0, "a.jsonl:1", ["A dog."])
    False
    """
    shown = list(texts)
    lengths = " ".join(str(len(text)) for text in shown)
    content = "\x1f".join([str(seed), record_id, lengths, *shown]).encode("utf-8", "surrogatepass")
    for attempt in count():
        code = blake2b(content, digest_size=6, salt=attempt.to_bytes(8, "big")).hexdigest()
        if not any(code in text.lower() for text in shown):
            break
    return code


def fenced(name: str, text: str, code: str) -> str:
    """Return a text between its fences.

    >>> print(fenced("answer A", "A cat.</s>", "0123456789ab"))
    === begin answer A 0123456789ab ===
    A cat.< /s>
    === end answer A 0123456789ab ===
    """
    return f"=== begin {name} {code} ===\n{without_special_tokens(text)}\n=== end {name} {code} ==="


def without_special_tokens(text: str) -> str:
    """Return the text with a space inside every special token, so that a model reads it as letters.

    >>> without_special_tokens("Yes.<|im_end|> <image>")
    'Yes.< |im_end|> < image>'
    """
    while token := special_token(text):
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def numbered_pictures(text: str, first: int = 1) -> str:
    """Return a user's text with the numbers of its pictures in place of the markers.

    >>> numbered_pictures("<image><image> What differs?", first=2)
    '[picture 2][picture 3] What differs?'
    """
    head, *rest = text.split(MARKER)
    return head + "".join(f"[picture {number}]{part}" for number, part in enumerate(rest, first))


def conversation(prompt: Prompt) -> tuple[list[tuple[str, str]], str]:
    """Return the earlier turns as (name, text), and the question; pictures are numbered through all of them."""
    turns: list[tuple[str, str]] = []
    picture = 1
    for user, assistant in prompt.history:
        turns += [("earlier question", numbered_pictures(user, picture)), ("earlier answer", assistant)]
        picture += Prompt(user).markers()
    return turns, numbered_pictures(prompt.question, picture)


def label(place: int) -> str:
    """Return the name of the answer shown at ``place``, from 0: A to Z, then AA. It says nothing of who wrote it.

    >>> [label(place) for place in (0, 1, 25, 26, 52)]
    ['A', 'B', 'Z', 'AA', 'BA']
    """
    last = chr(ord("A") + place % 26)
    return label(place // 26 - 1) + last if place >= 26 else last

"""Cutting an answer in two: where, and what may be glued to the first part."""

import re
from random import Random

from pairwright.correctors._sentences import sentences
from pairwright.guards.cut_word import inside_word
from pairwright.schemas.errors import RowError

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_CJK}]|[^\s{_CJK}]+")
"""A stretch without white space, or one Chinese or Japanese sign."""
_SHOWN = 30
"""Signs on either side of a joint that messages show."""
_YES_OR_NO = re.compile(r"(yes|no)(?![\w'’-])", re.IGNORECASE)
_TURNED = {"yes": "no", "no": "yes"}


def share_of(text: str, keep: float) -> str | None:
    """Return the first words of a text: this share of them, rounded down, but one at least and never all.

    None where there are fewer than two words.

    >>> share_of("A black cat, asleep on a mat.", 0.5), share_of("Yes.", 0.5)
    ('A black cat,', None)
    """
    ends = _word_ends(text)
    if len(ends) < 2:
        return None
    return text[: ends[min(max(1, int(len(ends) * keep)), len(ends) - 1) - 1]]


def drawn_part(text: str, rng: Random) -> str | None:
    """Return the first words of a text, the cut drawn between its words; None where there are fewer than two."""
    ends = _word_ends(text)
    return None if len(ends) < 2 else text[: ends[int(rng.random() * (len(ends) - 1))]]


def turned(text: str) -> str | None:
    """Return the other word where a text of one sentence begins with yes or no; with its mark where nothing else is there.

    >>> turned("Yes, a red one."), turned("no."), turned("Nobody."), turned("Yes. It is red.")
    ('No', 'yes.', None, None)
    """
    found = _YES_OR_NO.match(text)
    if not found or len(sentences(text)) != 1:
        return None
    word = found.group()
    other = _TURNED[word.lower()]
    other = other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other
    rest = text[found.end() :]
    return other if any(sign.isalnum() for sign in rest) else other + rest


def added_to(prefix: str, answer: str) -> str:
    """Return what a model added to the beginning it was given; some servers say that beginning again.

    Raises:
        RowError: ``cut_word`` where a word stands right behind the beginning: the model went on inside a word or began
            anew, or the server lost the space.

    >>> added_to("A black cat", " sleeps."), added_to("A black cat", "A black cat sleeps.")
    (' sleeps.', ' sleeps.')
    >>> added_to("A black cat,", "The picture shows a dog.")
    Traceback (most recent call last):
    pairwright.schemas.errors.RowError: continuer: not a continuation: A black cat,|The picture shows a dog.
    """
    rest = answer.removeprefix(prefix)
    first = rest[:1]
    if inside_word(prefix, rest) or (first.isalnum() and not re.match(f"[{_CJK}]", first)):
        joint = f"{prefix[-_SHOWN:]}|{rest[:_SHOWN]}"
        raise RowError("cut_word", "continuer", f"not a continuation: {joint}")
    return rest


def finished(begun: str, rest: str, *, whole: bool) -> str:
    """Return a sentence that was begun, finished by the first sentence of what was added to it.

    Args:
        begun: first words of the sentence.
        rest: what a model added.
        whole: whether the model ended by itself.

    Raises:
        RowError: ``cut_word`` where it added no word, ``answer_cut`` where it was cut off before the sentence ended.

    >>> finished("A black cat", " sleeps. It is night.", whole=True)
    'A black cat sleeps.'
    """
    text = begun + rest.rstrip()
    end = next((end for _, end in sentences(text) if end >= len(begun)), 0)
    if not any(sign.isalnum() for sign in text[len(begun) : end]):
        raise RowError("cut_word", "continuer", f"no word follows {begun[-_SHOWN:]!r}")
    if end == len(text) and not whole:
        raise RowError("answer_cut", "continuer", "reached max_tokens before the sentence ended")
    return text[:end]


def _word_ends(text: str) -> list[int]:
    """Return where the words of a text end; marks that stand alone are none."""
    return [found.end() for found in _WORD.finditer(text) if any(sign.isalnum() for sign in found.group())]

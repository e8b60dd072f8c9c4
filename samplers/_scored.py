"""How likely a given answer is: the answer as the last turn of a prompt, and which of the prompt's tokens are its own."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from pairwright.schemas.errors import RowError
from pairwright.schemas.request import Message, Request, Token


def with_answer(request: Request) -> tuple[Message, ...]:
    """Return the messages of a request with the answer that is to be scored at their end.

    >>> asked = Request((Message("user", ("Hi",)),), scored="Hello.")
    >>> with_answer(asked)[-1]
    Message(role='assistant', parts=('Hello.',))
    """
    answer, last = request.scored or "", request.messages[-1]
    if last.role != "assistant":
        return (*request.messages, Message("assistant", (answer,)))
    begun = "".join(part for part in last.parts if isinstance(part, str))
    return (*request.messages[:-1], replace(last, parts=(begun + answer,)))


def answer_tokens(prompt: Sequence[Token], answer: str) -> tuple[Token, ...]:
    """Return the last tokens of a prompt, as many as make up the answer at its end.

    Tokens are told by their texts, from the end. White space does not count, because chat templates trim it and some
    tokenizers hide it, nor does what Unicode calls compatible (NFKD), because some tokenizers even it out. A token in the
    middle of a character has no text; those before the first one of the answer belong to it.

    Raises:
        RowError: ``call_refused``, the prompt ends with another text: the chat template changes what answers say, or adds
            to it.

    >>> told = [Token(text, -1.0) for text in ("<user>", "Hi", "<assistant>", "A", " red", " cat")]
    >>> [token.text for token in answer_tokens(told, "A red cat")]
    ['A', ' red', ' cat']
    """
    wanted, found = bare(answer), ""
    first = len(prompt)
    while first and len(found) < len(wanted):
        first -= 1
        found = bare(prompt[first].text) + found
    if bare(found) != wanted:
        raise RowError("call_refused", None, f"the prompt does not end with the answer, but with {found!r}")
    while first and not prompt[first - 1].text:
        first -= 1
    return tuple(prompt[first:])


def bare(text: str) -> str:
    """Return a text as tokens are compared with it: without white space, and taken apart as Unicode does it (NFKD).

    Taken apart and not put together: an accent may be a token of its own, and the length of a text is that of its parts.

    >>> len(bare("caf\\u00e9 ")), len(bare("cafe") + bare("\\u0301"))
    (5, 5)
    """
    return "".join(unicodedata.normalize("NFKD", text).split())

"""Takes the final answer out of a text: what all verifiers share.

Models end a rationale in many ways. MMPR (arXiv 2411.10442) asks for ``Final answer: ..`` and later for ``\\boxed{}``,
the systems after DeepSeek-R1 (LMM-R1, arXiv 2503.07536; VLM-R1, arXiv 2504.07615) for ``<think>`` and ``<answer>``.
A recipe lists the places in which to look; the first place that is there decides, and its last occurrence counts.
An answer that is in none of them is unparsable, which is not the same as wrong.
"""

import json
import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from pairwright.annotators import Case, Check, Checked
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.settings import Settings

Place = Literal[
    "answer_tag", "boxed", "final_answer", "answer", "last_line", "last_number", "first_word", "whole"
]

PLACES: tuple[Place, ...] = ("answer_tag", "boxed", "final_answer", "answer", "whole")
"""Where verifiers look unless a recipe says otherwise."""


class Extraction(Settings):
    """Where the final answer stands in an answer's text."""

    answer_from: Annotated[tuple[Place, ...], Field(min_length=1)] = PLACES
    """Places, the first that is there decides: ``answer_tag`` is ``<answer>…</answer>``, ``boxed`` is ``\\boxed{…}``,
    ``final_answer`` the rest of the line after "Final answer:", ``answer`` the same after "Answer:" or "the answer is",
    then ``last_line``, ``last_number``, ``first_word`` (for yes and no), ``whole``."""


Compare = Callable[[str, str, Case], Checked]
"""Compares the final answer with the reference. Pure."""

NUMBER = r"[-+−]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|[-+−]?\.\d+"
"""A number in running text, with thousands separators or without."""

_COUNTED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBER_WORDS = {word: str(number) for number, word in enumerate(_COUNTED)}
"""Number words up to ten, as VQA's evaluation has them."""

_EMPHASIS = re.compile(r"(?<![\w*])(\*\*|__)(?=\S)(.{1,400}?)(?<=\S)\1(?![\w*])")
_HEADING = re.compile(r"^#{1,6}\s+", re.MULTILINE)
_TAG = re.compile(r"<answer>((?:(?!<answer>).)*?)</answer>", re.DOTALL | re.IGNORECASE)
_BOX = re.compile(r"\\f?box(?:ed)?\s*\{")
_FINAL = re.compile(r"\bfinal answer\s*(?:is\b\s*[:：]?|[:：])[ \t]*", re.IGNORECASE)
_ANSWER = re.compile(r"\banswer\s*(?:(?:is|should be|would be)\b\s*[:：]?|[:：])[ \t]*", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[^\s.])\.\s+(?=[A-Z\"'(\\$])")
_CITATIONS = re.compile(r"(?<=[^\s\[\]])(?:\s*(?:\[\d{1,3}\]|【[^】]{0,80}】)){1,20}$")
_WRAPPED = re.compile(
    r"\\(?:text|mathrm|mathbf|textbf|textrm)\s*\{([^{}]*)\}|\$\$?([^$]+)\$?\$|\\\((.+)\\\)|\\\[(.+)\\\]"
)
_EDGES = " \t\r\n\"'`“”‘’*_"


def against_reference(extraction: Extraction, compare: Compare) -> Check:
    """Return a check that takes the final answer out and compares it with the row's reference.

    It says ``no_ground_truth`` for a row without a reference, ``answer_unparsable`` where there is no final answer.
    """

    def check(case: Case, candidate: Candidate) -> Checked:
        reference = (case.reference or "").strip()
        if not reference:
            return Checked(None, reason="no_ground_truth", message="the row has no reference answer")
        answer = final_answer(candidate.text, extraction)
        if not answer:
            return nothing_found(extraction)
        return compare(answer, reference, case)

    return check


def nothing_found(extraction: Extraction) -> Checked:
    """Return what a verifier says of a text without a final answer."""
    looked = ", ".join(extraction.answer_from)
    return Checked(None, reason="answer_unparsable", message=f"no final answer found (looked for {looked})")


def unparsable(answer: str, why: str) -> Checked:
    """Return what a verifier says of a final answer that it cannot read."""
    return Checked(None, answer, "answer_unparsable", f"{shown(answer)}: {why}")


def graded(value: float, answer: str, reference: str) -> Checked:
    """Return a grade, with what was compared with what."""
    return Checked(value, answer, message=f"{shown(answer)} against {shown(reference)}")


def shown(text: str) -> str:
    """Return a text as messages show it: quoted, and cut after 80 characters."""
    return repr(text if len(text) <= 80 else f"{text[:79]}…")


def final_answer(text: str, extraction: Extraction) -> str | None:
    """Return the final answer without its wrapping, or None where there is none.

    >>> final_answer("The area is <think>2·3</think> **Final answer:** $6$.", Extraction())
    '6'
    >>> final_answer("So it is \\\\boxed{\\\\frac{1}{2}}, not \\\\boxed{\\\\text{2 [1]}}.", Extraction())
    '2'
    >>> final_answer("<think>It may be 5", Extraction()) is None
    True
    """
    raw = found(text, extraction)
    return tidy(raw) or None if raw is not None else None


def found(text: str, extraction: Extraction) -> str | None:
    """Return the text at the first place that is there, as it stands; None where there is none."""
    said = plain(spoken(text))
    for place in extraction.answer_from:
        raw = _READERS[place](said)
        if raw is not None and raw.strip():
            return raw.strip()
    return None


def spoken(text: str) -> str:
    """Return what follows the reasoning of an R1-style answer; nothing if the reasoning never ends.

    >>> spoken("<think>a or b?</think>b"), spoken("<think>a or"), spoken("b")
    ('b', '', 'b')
    """
    lowered = text.lower() if text.isascii() else text
    end = lowered.rfind("</think>")
    if end >= 0:
        return text[end + len("</think>") :]
    return "" if "<think>" in lowered else text


def plain(text: str) -> str:
    """Return a text without Markdown's bold type and headings.

    >>> plain("## Result\\n**Answer:** 2**3")
    'Result\\nAnswer: 2**3'
    """
    return _HEADING.sub("", _EMPHASIS.sub(r"\2", text))


def tidy(answer: str) -> str:
    """Return a final answer without boxes, dollar signs, quotes, citation marks and closing punctuation.

    >>> tidy("$\\\\boxed{\\\\text{B}}$."), tidy("1,200 [3]."), tidy("[1, 2]")
    ('B', '1,200', '[1, 2]')
    """
    for _ in range(8):  # wrappings stand in one another, but not deeper than that
        before = answer
        answer = answer.strip(_EDGES).rstrip(".,;:。，！ ").lstrip(":： ")
        answer = _CITATIONS.sub("", answer)
        answer = _unwrapped(_boxed(answer) or answer)
        if answer == before:
            break
    return answer


def references(reference: str) -> tuple[str, ...]:
    """Return the answers that a reference holds: a JSON list of texts (or of VQA's ``{"answer": …}``), or one text.

    >>> references('["red", {"answer": "dark red"}, 3]'), references("red"), references("[1, 2")
    (('red', 'dark red', '3'), ('red',), ('[1, 2',))
    """
    if not reference.lstrip().startswith("["):
        return (reference,)
    try:
        values = json.loads(reference)
    except (ValueError, RecursionError):
        return (reference,)
    answers = [value.get("answer") if isinstance(value, dict) else value for value in values]
    texts = [str(answer) for answer in answers if isinstance(answer, str | int | float)]
    return tuple(texts) if texts and len(texts) == len(answers) else (reference,)


def _unwrapped(answer: str) -> str:
    match = _WRAPPED.fullmatch(answer)
    return next(group for group in match.groups() if group is not None) if match else answer


def _tagged(text: str) -> str | None:
    return _last(_TAG, text)


def _boxed(text: str) -> str | None:
    """Return the content of the last box; None if its braces are not closed, as in an answer that was cut."""
    opened = list(_BOX.finditer(text))
    if not opened:
        return None
    start, depth = opened[-1].end(), 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start:place]
    return None


def _after(marker: re.Pattern[str], text: str) -> str | None:
    """Return the first line behind the last marker; behind a marker with "is", the rest of the sentence."""
    marks = list(marker.finditer(text))
    if not marks:
        return None
    line = text[marks[-1].end() :].strip().partition("\n")[0]
    colon = marks[-1].group().rstrip().endswith((":", "："))
    return line if colon else _SENTENCE_END.split(line, maxsplit=1)[0]


def _last(pattern: re.Pattern[str], text: str) -> str | None:
    matches = pattern.findall(text)
    return matches[-1] if matches else None


def _last_line(text: str) -> str | None:
    return text.strip().rpartition("\n")[2]


def _first_word(text: str) -> str | None:
    match = re.search(r"\w[\w'’-]*", text)
    return match.group() if match else None


_READERS: dict[Place, Callable[[str], str | None]] = {
    "answer_tag": _tagged,
    "boxed": _boxed,
    "final_answer": lambda text: _after(_FINAL, text),
    "answer": lambda text: _after(_ANSWER, text),
    "last_line": _last_line,
    "last_number": lambda text: _last(re.compile(rf"(?<![\w.])(?:{NUMBER})"), text),
    "first_word": _first_word,
    "whole": lambda text: text,
}

"""Reads the options of a multiple-choice question, and which of them an answer chooses."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_STYLES = tuple(
    re.compile(rf"{start}{style}", re.MULTILINE)
    for start in (r"^[ \t]*(?:[-*•][ \t]*)?", r"(?<![\w(\\])")
    for style in (
        r"\((?P<label>[A-Z])\)[.:]?",
        r"(?P<label>[A-Z])[.):](?=[ \t])",
        r"\((?P<label>[a-z])\)[.:]?",
        r"(?P<label>[a-z])[.)](?=[ \t])",
        r"\((?P<label>[1-9])\)",
        r"(?P<label>[1-9])[.)](?=[ \t])",
    )
)
"""How options are lettered or numbered: each on its own line first, then within a line."""

_ALONE = re.compile(r"(?:option|choice|answer)?\s*[(\[]?\s*([A-Za-z]|\d)\s*[)\]]?\s*[.:]?", re.IGNORECASE)
_LEADING = re.compile(
    r"(?:option |choice )?(?:\(([A-Za-z]|\d)\)[.:]?|([A-Z]|\d)[.):](?=\s))\s*", re.IGNORECASE
)
_NAMED = re.compile(r"\b(?:option|choice|answer is|answer:)\s*\(?([A-Za-z]|\d)\)?(?!\w)", re.IGNORECASE)
_PARENTHESES = re.compile(r"\(([A-Za-z]|\d)\)")
_BARE = re.compile(r"(?<![\w'’$\\^_])(?:[B-HJ-Z]|A(?!\s+(?!or\b|and\b|is\b)[a-z]))(?![\w'’])")
_FONT = re.compile(r"\\(?:text|textbf|textrm|mathrm|mathbf|bf)\s*\{([^{}]*)\}")
_LATEX = re.compile(r"\\(?:text|mathrm|mathbf|left|right|displaystyle)\b|\\[,;:! ()]|[\s{}$~]")
_WORDS_ONLY = re.compile(r"(?=.*[^\W\d_]{3})(?:[^\W\d_]|[\s,.;'’-])+")
_BETWEEN = " \t\r\n,;.|/"
_CONNECTIVES = {"", "or", "and"}
_MOST_WORDS = 12
"""A bare letter is read only in answers of at most this many words; in longer ones it may be a point's name."""


def options_of(question: str) -> dict[str, str]:
    """Return the options by label that a question lists, or nothing.

    Labels run from A or a or 1, at least to the second. Small letters are returned as capitals.

    >>> options_of("Which colour?\\nA. red\\nB. dark blue\\nAnswer with the letter.")
    {'A': 'red', 'B': 'dark blue'}
    >>> options_of("Which colour? (1) red (2) blue")
    {'1': 'red', '2': 'blue'}
    >>> options_of("Is A. the same as C?")
    {}
    """
    for style in _STYLES:
        runs = [run for run in _runs(question, list(style.finditer(question))) if len(run) > 1]
        if runs:
            return max(runs, key=len)
    return {}


def _runs(question: str, marks: list[re.Match[str]]) -> Iterator[dict[str, str]]:
    """Yield every run of marks whose labels follow one another, with the text behind each."""
    run: dict[str, str] = {}
    for place, mark in enumerate(marks):
        label = mark["label"].upper()
        if not run or ord(label) != ord(max(run)) + 1:
            yield run
            run = {}
            if label not in "A1":
                continue
        line_end = question.find("\n", mark.end())
        end = len(question) if line_end < 0 else line_end
        if place + 1 < len(marks) and ord(marks[place + 1]["label"].upper()) == ord(label) + 1:
            end = marks[place + 1].start()
        text = question[mark.end() : end].strip(_BETWEEN)
        if text.lower() in _CONNECTIVES:  # "(A), (B) or (C)" lists labels, not options
            yield run
            run = {}
            continue
        run[label] = text
    yield run


@dataclass(frozen=True, slots=True)
class Choice:
    """What an answer chooses."""

    label: str | None
    """The option's label; None where it cannot be told."""
    clash: bool = False
    """It names several different options."""


def chosen(answer: str, options: Mapping[str, str]) -> Choice:
    """Return which option an answer chooses. Without options, any single letter is one.

    >>> colours = {"A": "red", "B": "blue"}
    >>> [chosen(text, colours).label for text in ("b", "(B) blue", "Blue", "It is option B", "B. blue, I think")]
    ['B', 'B', 'B', 'B', 'B']
    >>> chosen("A or B", colours), chosen("B. red", colours).clash, chosen("green", colours)
    (Choice(label=None, clash=True), True, Choice(label=None, clash=False))
    """
    labels, answer = _labels(options), _FONT.sub(r"\1", answer).strip()
    alone = _ALONE.fullmatch(answer)
    if alone and alone[1].upper() in labels:
        return Choice(alone[1].upper())
    by_text = [label for label, text in options.items() if same_text(text, answer)]
    if by_text:
        return Choice(by_text[0])
    leading = _LEADING.match(answer)
    if leading and (label := (leading[1] or leading[2]).upper()) in labels:
        return _confirmed(label, answer[leading.end() :], options)
    return _only(_named(answer, labels)) or _only(_mentioned(answer, options)) or Choice(None)


def same_text(one: str, other: str) -> bool:
    """Tell whether two texts are the same but for case, spaces, LaTeX wrapping and a closing point.

    >>> same_text("$9 \\\\mathrm{~cm}^{2}$", "9 cm^2"), same_text("$30^\\\\circ$", "30°")
    (True, True)
    """
    return squeezed(one) == squeezed(other) != ""


def squeezed(text: str) -> str:
    """Return a text in the form in which :func:`same_text` compares."""
    bare = _LATEX.sub("", text.replace("^{\\circ}", "°").replace("^\\circ", "°").replace("\\%", "%"))
    return bare.replace("dfrac", "frac").replace("tfrac", "frac").casefold().rstrip(".")


def _labels(options: Mapping[str, str]) -> frozenset[str]:
    return frozenset(options) or frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _confirmed(label: str, rest: str, options: Mapping[str, str]) -> Choice:
    """Return the label at an answer's head, unless the rest names another option ("B. red" where red is A)."""
    others = _named(rest, _labels(options)) - {label}
    texts = {other for other, text in options.items() if same_text(text, rest)}
    contradicted = bool(others) or bool(texts and label not in texts)
    return Choice(None, clash=True) if contradicted else Choice(label)


def _named(answer: str, labels: frozenset[str]) -> frozenset[str]:
    """Return the labels that an answer names, by the surest way in which it names any."""
    words = len(answer.split())
    for pattern in (_NAMED, _PARENTHESES, *([_BARE] if words <= _MOST_WORDS else [])):
        names = {match.upper() for match in pattern.findall(answer)} & labels
        if names:
            return frozenset(names)
    return frozenset()


def _mentioned(answer: str, options: Mapping[str, str]) -> frozenset[str]:
    """Return the options whose text stands in an answer, not those within a longer one that does.

    Only words are looked for: a formula or a figure may be part of another.
    """
    said = f" {_words(answer)} "
    texts = {label: _words(text) for label, text in options.items() if _WORDS_ONLY.fullmatch(text.strip())}
    inside = {label: text for label, text in texts.items() if f" {text} " in said}
    return frozenset(
        label
        for label, text in inside.items()
        if not any(text != longer and f" {text} " in f" {longer} " for longer in inside.values())
    )


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def _only(labels: frozenset[str]) -> Choice | None:
    if not labels:
        return None
    return Choice(next(iter(labels))) if len(labels) == 1 else Choice(None, clash=True)

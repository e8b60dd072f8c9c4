"""Where answers are cut, and what may be glued to the first part."""

import json
from pathlib import Path
from random import Random

import pytest

from pairwright.builders._cutting import added_to, drawn_part, finished, share_of, turned
from pairwright.correctors._sentences import sentences
from pairwright.schemas.errors import RowError


@pytest.mark.parametrize(
    ("text", "keep", "kept"),
    [
        ("One two three four.", 0.5, "One two"),
        ("One two three four five.", 0.5, "One two"),
        ("One, two - three.", 0.5, "One,"),
        ("One two three.", 0.01, "One"),
        ("One two three.", 0.99, "One two"),
        ("It costs 3.50 - or\n\nmore!", 0.6, "It costs 3.50"),
        ("一只黑猫。", 0.5, "一只"),
        ("Two words", 0.5, "Two"),
        ("Yes.", 0.5, None),
        ("- 7 -", 0.5, None),
        ("...", 0.5, None),
    ],
)
def test_a_share_of_the_words_is_kept(text: str, keep: float, kept: str | None) -> None:
    assert share_of(text, keep) == kept


def test_cuts_are_drawn_between_any_two_words() -> None:
    rng = Random(0)
    drawn = {drawn_part("A black cat sleeps.", rng) for _ in range(100)}
    assert drawn == {"A", "A black", "A black cat"}
    assert drawn_part("Yes.", rng) is None


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Yes", "No"),
        ("no!", "yes!"),
        ("NO.", "YES."),
        ("Yes, it is.", "No"),
        ("no it is not", "yes"),
        ("Nothing.", None),
        ("No-one.", None),
        ("Yes. It is red.", None),
        ("It is. Yes.", None),
        ("", None),
    ],
)
def test_yes_and_no_are_turned_in_one_sentence_only(text: str, other: str | None) -> None:
    assert turned(text) == other


@pytest.mark.parametrize(
    ("prefix", "answer", "rest"),
    [
        ("A black cat", " sleeps.", " sleeps."),
        ("A black cat", ", asleep.", ", asleep."),
        ("A black cat", "A black cat sleeps.", " sleeps."),
        ("一只", "猫", "猫"),
        ("一只，", "猫", "猫"),
        ("Look:", "\n- a cat", "\n- a cat"),
    ],
)
def test_what_was_added(prefix: str, answer: str, rest: str) -> None:
    assert added_to(prefix, answer) == rest


@pytest.mark.parametrize(
    ("prefix", "answer"),
    [
        ("A black cat", "s sleep."),  # inside the word
        ("A black cat", "The picture shows a dog."),  # began anew
        ("A black cat,", "The picture shows a dog."),
        ("It costs 3", ".50 at most."),
        ("A black cat", "A black dog."),
        ("It isn", "'t a cat."),
    ],
)
def test_what_is_no_continuation(prefix: str, answer: str) -> None:
    with pytest.raises(RowError, match=r"not a continuation: .*\|") as raised:
        added_to(prefix, answer)
    assert raised.value.reason == "cut_word"


@pytest.mark.parametrize(
    ("rest", "whole", "sentence"),
    [
        (" sleeps. It is night.", True, "A black cat sleeps."),
        (" sleeps on", True, "A black cat sleeps on"),
        (" sleeps. It is ni", False, "A black cat sleeps."),
        (" weighs 3.5 kg.\n", True, "A black cat weighs 3.5 kg."),
        (" sleeps\nIt is night.", True, "A black cat sleeps"),
        (" sleeps on", False, "answer_cut"),
        (".", True, "cut_word"),
        ("", True, "cut_word"),
        ("\nIt is night.", True, "cut_word"),
        (". It is night.", True, "cut_word"),
    ],
)
def test_a_sentence_ends_where_the_next_one_begins(rest: str, whole: bool, sentence: str) -> None:
    if " " in sentence:
        assert finished("A black cat", rest, whole=whole) == sentence
    else:
        with pytest.raises(RowError) as raised:
            finished("A black cat", rest, whole=whole)
        assert raised.value.reason == sentence


def test_descriptions_that_are_cut_and_continued_as_they_were_come_out_whole(shared_data: Path) -> None:
    """By people and by a model (ImageInWords, CC BY 4.0): some seven thousand sentences."""
    rng, cut = Random(0), 0
    for name in ("IIW-400", "DOCCI_Test", "DCI_Test"):
        for line in (shared_data / "imageinwords" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            values = json.loads(line).values()
            for text in (one.strip() for one in values if isinstance(one, str) and len(one) > 200):
                half = share_of(text, 0.5) or ""
                assert half + added_to(half, text[len(half) :]) == text
                for start, end in sentences(text):
                    begun = drawn_part(text[start:end], rng)
                    if begun is None:
                        continue
                    given = text[:start] + begun
                    rest = added_to(given, text[len(given) :])
                    assert finished(begun, rest, whole=True) == text[start:end]
                    cut += 1
    assert cut > 7000

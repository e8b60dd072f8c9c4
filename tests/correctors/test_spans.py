"""The differ: what is outside of the spans is the same, word by word."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairwright.correctors._spans import changed, relabelled, words
from pairwright.schemas.span import Span

TEXTS = st.one_of(
    st.lists(st.sampled_from(["a", "red", "cat", "sat", ".", ",", " ", "\n", "isn't", "犬", "猫", "e\u0301"]), max_size=30).map(
        "".join
    ),
    st.text(max_size=40),
)  # fmt: skip


def outside(text: str, spans: tuple[Span, ...]) -> list[str]:
    """Return the words of a text that stand in no span."""
    found = [place for place in words(text) if not any(one.start <= place[0] < one.end for one in spans)]
    return [text[start:end] for start, end in found]


def spelled(text: str, spans: tuple[Span, ...]) -> list[str]:
    return [text[one.start : one.end] for one in spans]


@given(TEXTS, TEXTS)
def test_outside_of_the_spans_both_texts_have_the_same_words(old: str, new: str) -> None:
    for text, spans in zip((old, new), changed(old, new), strict=True):
        assert all(0 <= one.start < one.end <= len(text) for one in spans)
        assert all(before.end <= after.start for before, after in pairwise(spans))
        assert all(text[one.start : one.end] == text[one.start : one.end].strip() for one in spans)
        borders = {border for place in words(text) for border in place}
        assert all({one.start, one.end} <= borders for one in spans)
    gone, come = changed(old, new)
    assert outside(old, gone) == outside(new, come)


@given(TEXTS)
def test_equal_texts_have_no_spans(text: str) -> None:
    assert changed(text, text) == ((), ())
    assert changed(text, " " + text + "\n") == ((), ())


@given(TEXTS, TEXTS)
def test_the_other_way_round_as_many_words_are_kept(old: str, new: str) -> None:
    (gone, come), (back, forth) = changed(old, new), changed(new, old)
    assert (
        len(outside(old, gone))
        == len(outside(new, back))
        == len(outside(new, come))
        == len(outside(old, forth))
    )


@pytest.mark.parametrize(
    ("old", "new", "gone", "come"),
    [
        ("A red cat sits.", "A black cat sits.", ["red"], ["black"]),
        ("Two cats and a dog.", "Two cats.", ["and a dog"], []),
        ("A cat.", "A cat, asleep.", [], [", asleep"]),
        ("", "A cat.", [], ["A cat."]),
        ("The cat isn't red.", "The cat is red.", ["isn't"], ["is"]),
        ("The dog is left of the tree.", "The dog is right of the car.", ["left", "tree"], ["right", "car"]),
        ("猫が二匹います。", "猫が三匹います。", ["二"], ["三"]),
        ("It costs 3 euros", "It costs 4 euros", ["3"], ["4"]),
        ("a a a b", "a a b b", ["a"], ["b"]),
    ],
)  # fmt: skip
def test_what_changed(old: str, new: str, gone: list[str], come: list[str]) -> None:
    before, after = changed(old, new, weight=3.0)
    assert (spelled(old, before), spelled(new, after)) == (gone, come)
    assert {(one.weight, one.label) for one in (*before, *after)} == {(3.0, "changed")}


def test_as_many_words_are_kept_as_can_be() -> None:
    """difflib keeps the longest run, here ``x y z``, and loses four words for it."""
    old, new = "a b x y z c d", "x y z a b c d e"
    assert len(outside(old, changed(old, new)[0])) == 5
    before, after = changed("x y z a b c d", "a b c d x y z")
    assert outside("x y z a b c d", before) == ["a", "b", "c", "d"]
    assert spelled("a b c d x y z", after) == ["x y z"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a b " * 1000, "b b " + "a c " * 1000),
        (" ".join(str(n % 97) for n in range(2000)), " ".join(str(n * n % 89) for n in range(2000))),
        ("a " * 2000, "b " + "a " * 2000),
    ],
    ids=["alternating", "mixed", "one word"],
)
def test_long_texts_are_no_trouble(old: str, new: str) -> None:
    """difflib needs a minute for the first."""
    gone, come = changed(old, new)
    assert outside(old, gone) == outside(new, come) != []


def test_labels_come_from_what_was_said_of_the_words() -> None:
    old, new = "A cat on a mat.", "Two cats on a red mat by a lamp."
    spans = changed(old, new)[1]
    told = relabelled(
        spans,
        new,
        [
            ("counts", "two cats"),
            ("attributes", "Red mat"),
            ("objects", "  "),
            ("objects", "re"),
            ("relations", "("),
        ],
    )
    assert [(new[one.start : one.end], one.label) for one in told] == [
        ("Two cats", "counts"),
        ("red", "attributes"),
        ("by a lamp", "changed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "shape", "count", "of"),
    [("add_att", (0, 1), 494, 692), ("replace_att", (1, 1), 610, 788), ("swap_att", (2, 2), 439, 666), ("swap_obj", (2, 2), 175, 245)],
)  # fmt: skip
def test_real_captions_with_one_thing_changed(
    shared_data: Path, name: str, shape: tuple[int, int], count: int, of: int
) -> None:
    """SugarCrepe's negatives: an attribute put in, another in its place, or two that change places."""
    rows = json.loads((shared_data / "sugarcrepe" / "data" / f"{name}.json").read_text())
    shapes: Counter[tuple[int, int]] = Counter()
    for row in rows.values():
        gone, come = changed(row["caption"], row["negative_caption"])
        assert outside(row["caption"], gone) == outside(row["negative_caption"], come)
        shapes[len(gone), len(come)] += 1
    assert shapes.most_common(1) == [(shape, count)]
    assert shapes.total() == of

"""What every guard must do, whichever it is: run over all parts that the room finds."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairwright.guards import ROOM, Contrast, Guard, SetGuard, Watch, WatchSet
from pairwright.schemas.reasons import EXPLANATIONS

unhurried = settings(max_examples=60, deadline=None)
EVERY = ROOM.names()
SINGLE = [name for name in EVERY if isinstance(ROOM.get(name), Guard)]
OF_SETS = [name for name in EVERY if isinstance(ROOM.get(name), SetGuard)]
WORDS = st.sampled_from(
    [
        "the",
        "image",
        "is",
        "blurry",
        "black",
        "no",
        "cannot",
        "see",
        "a",
        "dog",
        ".",
        ",",
        "!",
        "?",
        "\n",
        "-",
        "1.",
        "3.5",
        "|",
        "",
        "```",
        "一只猫",
        "�",
        "'",
        "’",
        "provided",
        "noise",
    ]
)
TEXTS = st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=60)
GOOD = [
    ("What is it?", "A brown dog on a red sofa.", "Two cats sleep in a basket."),
    ("Is there a cat?", "Yes", "No"),
    ("How many?", "There are three cups.", "There are four cups."),
    ("Describe it.", "A street at night, with a lamp.", "A noisy market with fruit and flowers."),
    ("这是什么?", "一只猫。", "两只狗在跑。"),
]


@st.composite
def contrasts(draw: st.DrawFn) -> Contrast:
    """Draw a pair; some rejected answers go on from the chosen one's beginning."""
    question, chosen, rejected = draw(TEXTS), draw(TEXTS), draw(TEXTS)
    prefix = chosen[: draw(st.integers(0, len(chosen)))] if draw(st.booleans()) else ""
    return Contrast(question, chosen, prefix + rejected, prefix)


def watching(name: str) -> Watch:
    part = ROOM.get(name)
    assert isinstance(part, Guard)
    watch: Watch = part.prepare(part.settings())
    return watch


def watching_sets(name: str) -> WatchSet:
    part = ROOM.get(name)
    assert isinstance(part, SetGuard)
    watch: WatchSet = part.prepare(part.settings())
    return watch


def test_the_room_has_its_guards() -> None:
    assert {"damage_talk", "near_equal", "cut_word", "repetition"} <= set(SINGLE)
    assert "style" in OF_SETS


@pytest.mark.parametrize("name", EVERY)
def test_guards_explain_themselves(name: str) -> None:
    part = ROOM.get(name)
    assert part.summary
    assert part.source
    assert part.reason in EXPLANATIONS
    assert part.settings.__doc__
    for field in part.settings.model_fields.values():
        assert field.description
        assert not field.is_required()  # a guard can be named without more


def test_each_guard_has_a_reason_of_its_own() -> None:
    assert len({ROOM.get(name).reason for name in EVERY}) == len(EVERY)


@pytest.mark.parametrize("name", SINGLE)
@unhurried
@given(contrast=contrasts())
def test_any_pair_is_let_through_or_told_of_and_always_the_same(name: str, contrast: Contrast) -> None:
    said = watching(name)(contrast)
    assert said is None or said.strip()
    assert watching(name)(contrast) == said


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize(("question", "chosen", "rejected"), GOOD)
def test_good_pairs_are_let_through(name: str, question: str, chosen: str, rejected: str) -> None:
    assert watching(name)(Contrast(question, chosen, rejected)) is None
    given_beginning = Contrast(question, f"I see: {chosen}", f"I see: {rejected}", prefix="I see:")
    assert watching(name)(given_beginning) is None


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize(
    "sign", [" ", "\n", "\t", "a", "!", "- ", "1. ", "|", "```\n", "the image is ", "\n \n"]
)
def test_long_texts_are_no_trouble(name: str, sign: str) -> None:
    """A pattern that goes back over its steps would need hours here."""
    text = sign * (60_000 // len(sign))
    watching(name)(Contrast(text, text, text + "x"))
    watching(name)(Contrast("?", "A dog.", text, prefix=text[:30_000]))


@pytest.mark.parametrize("name", OF_SETS)
@settings(max_examples=8, deadline=None)
@given(drawn=st.lists(contrasts(), max_size=12))
def test_a_set_is_told_of_pair_by_pair_in_its_order(name: str, drawn: list[Contrast]) -> None:
    part = ROOM.get(name)
    watch = watching_sets(name)
    many = [*drawn, *(Contrast(f"{n}?", f"It is {n}!", f"It is {n % 7}.") for n in range(60))]
    said = watch(many)
    assert len(said) == len(many)
    assert all(one is None or one.strip() for one in said)
    assert isinstance(part, SetGuard)
    order = Random(len(drawn)).sample(range(len(many)), len(many))
    assert watch([many[number] for number in order]) == [said[number] for number in order]


@pytest.mark.parametrize("name", OF_SETS)
def test_an_empty_shard_is_no_trouble(name: str) -> None:
    assert watching_sets(name)([]) == []

"""What style alone tells, where it is planted and where it is not."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from pairwright.guards import Contrast
from pairwright.guards._style import features
from pairwright.guards.style import Style, prepare, style_accuracy

THINGS = [
    "dog",
    "cat",
    "lamp",
    "chair",
    "cup",
    "boat",
    "tree",
    "car",
    "bird",
    "house",
    "clock",
    "bowl",
    "spoon",
    "horse",
    "rug",
    "shelf",
]
PLACES = [
    "on the left",
    "behind a wall",
    "near the door",
    "in the middle",
    "below a window",
    "beside the road",
]
COLOURS = ["red", "blue", "green", "brown", "white", "black", "yellow", "grey"]


def sentence(rng: Random) -> str:
    """Return a sentence in one of several styles."""
    thing, place, colour = rng.choice(THINGS), rng.choice(PLACES), rng.choice(COLOURS)
    return rng.choice(
        [
            f"There is a {colour} {thing} {place}.",
            f"The image shows a {thing}, {colour} and old, {place}.",
            f"A {thing} stands {place}; it is {colour}.",
            f"{place.capitalize()} one sees a {colour} {thing}!",
            f"I can see {rng.randint(2, 9)} {thing}s {place}",
        ]
    )


def answer(rng: Random) -> str:
    return " ".join(sentence(rng) for _ in range(rng.randint(1, 4)))


def pairs(number: int, seed: int = 0) -> list[Contrast]:
    rng = Random(seed)
    return [Contrast(f"Question {n}?", answer(rng), answer(rng)) for n in range(number)]


def changed(
    contrasts: list[Contrast], chosen: Callable[[str], str], share: float = 1.0, seed: int = 1
) -> list[Contrast]:
    """Return pairs of which so many have their chosen answer changed."""
    rng = Random(seed)
    return [
        Contrast(one.question, chosen(one.chosen) if rng.random() < share else one.chosen, one.rejected)
        for one in contrasts
    ]


LEAKS: dict[str, Callable[[str], str]] = {
    "exclamation mark": lambda text: text.rstrip(".!") + "!",
    "no full stop": lambda text: text.rstrip(".!") + " so",
    "first word": lambda text: "Sure, here it is: " + text,
    "the image": lambda text: "In the image, " + text,
    "lower case": str.lower,
    "longer": lambda text: f"{text} {text}",
    "list": lambda text: "\n".join(f"- {one}" for one in text.split(". ")),
    "bold": lambda text: "**" + text + "**",
    "doubt": lambda text: text.replace(" is ", " appears to be ") + " It may be old.",
    "first person": lambda text: "I think that " + text,
    "yes": lambda text: "Yes, " + text,
    "numbers": lambda text: text + " 1 2 3",
    "quotation": lambda text: f'"{text}"',
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_found(leak: str) -> None:
    leaking = changed(pairs(120), LEAKS[leak])
    found = style_accuracy(leaking)
    assert found is not None
    assert found > 0.9
    said = prepare(Style())(leaking)
    assert all(said)
    assert all("style alone tells" in one for one in said if one)
    # the same on the other side
    turned = [Contrast(one.question, one.rejected, one.chosen) for one in leaking]
    assert style_accuracy(turned) == pytest.approx(found)


def test_random_styles_are_let_through() -> None:
    found = [style_accuracy(pairs(80, seed)) for seed in range(40)]
    accuracies = sorted(one for one in found if one is not None)
    assert 0.45 < sum(accuracies) / 40 < 0.55
    assert accuracies[-2] < 0.65  # one in a hundred comes above it by chance
    assert prepare(Style())(pairs(80, 0)) == [None] * 80


def test_style_that_is_on_both_sides_alike_tells_nothing() -> None:
    rng = Random(3)
    both = [
        Contrast(one.question, *(LEAKS[rng.choice(list(LEAKS))](text) for text in (one.chosen, one.rejected)))
        for one in pairs(150)
    ]
    assert prepare(Style())(both) == [None] * 150


def test_of_a_leak_in_some_pairs_those_are_dropped_and_no_more_than_needed() -> None:
    contrasts = pairs(200)
    leaking = changed(contrasts, LEAKS["exclamation mark"], share=0.6)
    before = style_accuracy(leaking)
    assert before is not None
    assert before > 0.7
    said = prepare(Style())(leaking)
    dropped = [one for one, why in zip(leaking, said, strict=True) if why]
    left = [one for one, why in zip(leaking, said, strict=True) if not why]
    assert 0 < len(dropped) < 120
    assert all(one.chosen.endswith("!") for one in dropped)
    after = style_accuracy(left)
    assert after is not None
    assert after <= 0.7
    (mostly, _), *_ = Counter(why.partition("mostly by: ")[2] for why in said if why).most_common(1)
    assert mostly in ("exclamation marks", "ends with an exclamation mark")


def test_the_order_of_the_pairs_does_not_matter() -> None:
    leaking = changed(pairs(150), LEAKS["first person"], share=0.7)
    leaking += leaking[:7]  # copies too
    said = dict(zip(leaking, prepare(Style())(leaking), strict=True))
    for seed in range(3):
        moved = Random(seed).sample(leaking, len(leaking))
        assert dict(zip(moved, prepare(Style())(moved), strict=True)) == said
        assert style_accuracy(moved) == style_accuracy(leaking)
    assert len({why is None for why in said.values()}) == 2


def test_another_process_says_the_same() -> None:
    code = (
        "from pairwright.guards import Contrast\nfrom pairwright.guards.style import style_accuracy\n"
        "print(repr(style_accuracy([Contrast(str(n), 'word ' * (n % 7) + '!' * (n % 3), 'word ' * (n % 5)) "
        "for n in range(60)])))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-P", "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


@pytest.mark.parametrize(("number", "said"), [(0, False), (1, False), (39, False), (40, True)])
def test_of_few_pairs_nothing_is_said(number: int, said: bool) -> None:
    leaking = changed(pairs(number), LEAKS["exclamation mark"])
    assert (style_accuracy(leaking) is not None) == said
    assert all(prepare(Style())(leaking)) == (said or number == 0)
    assert prepare(Style(min_pairs=41))(leaking) == [None] * number


def test_pairs_of_one_prompt_are_held_out_together() -> None:
    rng = Random(0)
    good = [f"{answer(rng)}!!!" for _ in range(60)]
    assert style_accuracy([Contrast("Describe it.", one, answer(rng)) for one in good]) == 1.0
    # one prompt, as its pairs have an answer in common: there are no others to learn from
    assert style_accuracy([Contrast("Describe it.", good[0], answer(rng)) for _ in range(60)]) == 0.5
    chain = [Contrast("Describe it.", one, "A dog.") for one in good[:30]]
    chain += [Contrast("Describe it.", good[7], answer(rng)) for _ in range(30)]
    assert style_accuracy(chain) == 0.5


def test_equal_answers_tell_nothing() -> None:
    assert style_accuracy([Contrast(str(n), "A cat.", "A cat.") for n in range(50)]) == 0.5


@pytest.mark.parametrize("text", ["", " ", "\n", "!!!", "一只猫。", "\ud800", "1", "a" * 5000])
def test_any_text_has_features(text: str) -> None:
    found = features(text)
    assert list(found) == list(features("A cat."))
    assert all(abs(value) < 1e5 for value in found.values())


def test_how_far_is_a_setting() -> None:
    leaking = changed(pairs(200), LEAKS["exclamation mark"], share=0.6)
    dropped = [sum(map(bool, prepare(Style(at_most=at_most))(leaking))) for at_most in (0.6, 0.7, 0.95)]
    assert dropped[0] > dropped[1] > dropped[2] == 0
    for wrong in (0.4, 1.0):
        with pytest.raises(ValueError, match="at_most"):
            Style(at_most=wrong)


def test_two_models_are_told_apart_by_style(shared_data: Path) -> None:
    folder = shared_data / "pope" / "captions_subset"
    texts = {
        name: [
            json.loads(line)["text"]
            for line in (folder / f"Instruction1_{name}.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        for name in ("llava", "minigpt-4")
    }
    two = zip(texts["llava"], texts["minigpt-4"], strict=True)
    accuracy = style_accuracy([Contrast("Describe the image.", one, other) for one, other in two])
    assert accuracy is not None
    assert accuracy > 0.9
    half = zip(texts["llava"][:100], texts["llava"][100:], strict=True)
    same = style_accuracy([Contrast("Describe the image.", one, other) for one, other in half])
    assert same is not None
    assert 0.35 < same < 0.65

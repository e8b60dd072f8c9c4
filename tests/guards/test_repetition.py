"""Which answers go round in circles, and which only come back to something."""

import json
from pathlib import Path

import pytest

from pairwright.guards import Contrast, Watch
from pairwright.guards.repetition import Repetition, prepare, repeated_share

FINE = "A dog lies on a red sofa."
SOUND = (
    "In the picture a brown dog lies on a red sofa next to a window. Behind the sofa stands a lamp with a yellow shade, "
    "and a small table carries two cups, a newspaper and a bowl of apples. Through the window one sees a garden. "
)


@pytest.fixture(scope="module")
def watch() -> Watch:
    return prepare(Repetition())


@pytest.mark.parametrize(
    "text",
    [
        "The dog is brown. The dog is brown.",
        SOUND + "The dog is asleep now. The dog is asleep now. The dog is asl",
        SOUND + "The dog is asleep now. The dog is asleep now. The dog is asleep",
        SOUND + "The dog is asleep. The dog is asleep. The dog is asleep. There is also a cat.",
        SOUND + "\n".join(["There is a cup on the table"] * 3),
        SOUND + SOUND,
        "A red car. " * 12,
        "a dog and a cat and " * 8,
        SOUND + "next to the lamp and the window and " * 20,
        "\n".join(f"{number}. a red car on the street" for number in range(1, 12)),
        "cake, " * 40,
        SOUND + "very " * 60,
        "The number is 1" + "0" * 40,
        "No" + "!" * 30,
        "图片中有一只狗。" * 6,
        "图中有一只猫和一只狗在沙发上" * 8,
    ],
)
def test_circles_are_caught_on_either_side(watch: Watch, text: str) -> None:
    assert (watch(Contrast("What is it?", FINE, text)) or "").startswith("the rejected answer: ")
    assert (watch(Contrast("What is it?", text, FINE)) or "").startswith("the chosen answer: ")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yes.",
        "Yes. Yes.",
        "No, no, no, no!",
        SOUND,
        (
            "A red car, a blue car, a green car, a yellow car, a white car, a black car, a red bus, a blue bus, a green bus, "
            "a yellow bus, a white bus and a black bus stand in the yard."
        ),
        (
            "1. The first picture shows a dog.\n2. The second picture shows a dog.\n3. The third picture shows a dog.\n"
            "4. The fourth picture shows a cat.\n5. The fifth picture shows a dog.\n6. The sixth picture shows a dog."
        ),
        "- There is no text in it.\n- There is no text in it.",
        "Happy birthday to you,\nHappy birthday to you,\nHappy birthday dear Ann,\nHappy birthday to you.",
        (
            "The woods are lovely, dark and deep,\nBut I have promises to keep,\nAnd miles to go before I sleep,\n"
            "And miles to go before I sleep."
        ),
        "The answer is 4. There are two cups on the table, and two more stand on the shelf. The answer is 4.",
        "| name | fresh | red | sweet |\n|---|---|---|---|\n" + "| apple | yes | yes | yes |\n" * 12,
        "name\tfresh\tred\n" + "apple\tyes\tyes\n" * 15,
        r"\begin{tabular}{ccc}" + "\n" + "yes & no & yes & no \\\\\n" * 15 + r"\end{tabular}",
        "Read it with:\n```python\n" + "    row = next(rows)\n" * 20 + "```\nThen close the file.",
        (
            "Point A lies at the top left of the box, so its height over width is large. Point B lies at the top right of the "
            "box, so its height over width is small. Point C lies at the lower left of the box, so its height over width is "
            "small. Point D lies at the lower right of the box, so its height over width is small. So it is point A."
        ),
        "Name: ____________________________________________\n------------------------------------------------\n. . . .",
        "The price is 1,000,000,000,000 dollars.",
        (
            "The man on the left side of the picture wears a hat. The man on the right side of the picture wears a scarf. "
            "The man in the middle of the picture wears a coat."
        ),
        "the " * 5 + SOUND,
        "图片中有一只狗在沙发上，旁边有一盏灯。图片中还有一张桌子，桌子上有两个杯子和一碗苹果。",
    ],
)
def test_lists_refrains_and_tables_are_let_through(watch: Watch, text: str) -> None:
    assert watch(Contrast("What is it?", FINE, text)) is None
    assert watch(Contrast("What is it?", text, FINE)) is None


def test_which_side_is_looked_at_is_a_setting() -> None:
    loop = "The dog is brown. " * 9
    for side, other in (("chosen", "rejected"), ("rejected", "chosen")):
        watch = prepare(Repetition.model_validate({"side": side}))
        assert watch(Contrast("", **{side: loop, other: FINE}))
        assert watch(Contrast("", **{side: FINE, other: loop})) is None


def test_how_much_is_a_setting() -> None:
    assert repeated_share(SOUND + SOUND) == 1.0
    text = (
        SOUND
        + SOUND.partition("table")[0]
        + "chair stands the dog's bowl, and beside it lies a ball of wool."
    )
    assert 0.5 < repeated_share(text) < 0.75
    assert prepare(Repetition())(Contrast("", FINE, text)) is None
    assert prepare(Repetition(share=0.5))(Contrast("", FINE, text))
    often = " ".join(f"cup {number}" for number in range(12))
    assert prepare(Repetition())(Contrast("", FINE, often)) is None
    assert 'one word stands 12 times among 24: "cup"' in (
        prepare(Repetition(word_times=11))(Contrast("", FINE, often)) or ""
    )


def test_a_loop_behind_a_long_beginning_is_found() -> None:
    sound = " ".join(f"word{number}" for number in range(500))
    assert repeated_share(sound) == 0
    assert repeated_share(sound + " the dog and the cat" * 25) > 0.9
    assert repeated_share(sound + " the dog and the cat" * 5) < 0.3


def test_real_answers(watch: Watch, shared_data: Path) -> None:
    def caught(folder: str, pattern: str, key: str) -> tuple[int, int]:
        lines = [
            line
            for path in sorted((shared_data / folder).glob(pattern))
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
        texts = [str(json.loads(line).get(key, "")) for line in lines]
        return len(texts), sum(watch(Contrast("", FINE, text)) is not None for text in texts)

    assert caught("math-v/answers", "*.jsonl", "response") == (1815, 3)
    assert caught("wildvision-bench/answers", "*.jsonl", "output") == (750, 1)
    assert caught("pope/captions_subset", "*minigpt-4.jsonl", "text") == (200, 38)  # descriptions given twice
    assert caught("pope/captions_subset", "*llava.jsonl", "text") == (200, 0)
    assert caught("imageinwords", "IIW-400.jsonl", "IIW") == (400, 0)

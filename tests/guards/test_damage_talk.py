"""Which answers talk about the damage, and which only seem to."""

import json
from pathlib import Path

import pytest

from pairwright.guards import Contrast, Watch
from pairwright.guards.damage_talk import DamageTalk, prepare

QUESTION = "Describe the picture."
CHOSEN = "A brown dog lies on a red sofa beside a cushion."


@pytest.fixture(scope="module")
def watch() -> Watch:
    return prepare(DamageTalk())


@pytest.mark.parametrize(
    "rejected",
    [
        "The image is blurry, but it seems to show a person.",
        "A blurry photograph of an animal.",
        "This appears to be a very blurred, low-resolution picture of a room.",
        "The photo is out of focus and hard to read.",
        "It looks like a pixelated texture with brown tones.",
        "The image you provided is of poor quality, but I can see an animal.",
        "Due to the low image quality, I cannot tell which breed it is.",
        "The picture is too small and pixelated to make out any details.",
        "The image shows a few large pixels in brown and red.",
        "It is too blurry to identify the object.",
        "The image is noisy, with coloured dots all over.",
        "The picture is filled with colorful noise and a vague brown shape.",
        "The image appears to be static noise, like a television without signal.",
        "A grainy photo of a couch.",
        "There is a lot of digital noise, so the dog is hardly visible.",
        "The image is heavily distorted.",
        "The image has been altered, with unnatural colors and distorted details.",
        "The image seems to be corrupted.",
        "Most of the image is obscured by gray squares.",
        "The image is completely black.",
        "The image is black.",
        "This is a blank image.",
        "The image is solid gray with nothing on it.",
        "The image shows nothing.",
        "The image shows nothing but black.",
        "The image shows nothing other than a gray square.",
        "The picture shows only a solid black rectangle.",
        "The picture contains only a solid color.",
        "I cannot see the image, but sofas are mostly brown.",
        "I’m sorry, but I can’t view the **image** you mention.",
        "As a text-based AI, I am unable to see or interpret images.",
        "Sorry, I am not able to view or analyze any images directly.",
        "Unable to view the image.",
        "No image was provided, so I will describe a typical living room.",
        "No image provided.",
        "There is no image attached to your message.",
        "You haven't attached an image. Could you send it again?",
        "Please provide the image so that I can help you.",
        "Without the actual image, I can only guess that it is a dog.",
        "Without being able to see the image, the answer is probably a dog.",
        "The image was not provided, so the colour is not known.",
        "I don't see an image in our conversation.",
        "The problem does not include any diagram, but let us assume a triangle.",
        "The question refers to a picture which is not provided.",
        "The image seems to be missing.",
        "Blurry",
        "The image has a grainy texture.",
        "The image is not very clear, but there is a dog.",
        "The image is just random noise.",
        "The image is partially obscured.",
        "A dog, although the blurriness of the picture makes it hard to say.",
    ],
)
def test_talk_about_the_damage_is_caught(watch: Watch, rejected: str) -> None:
    said = watch(Contrast(QUESTION, CHOSEN, rejected))
    assert said
    assert said.startswith('the rejected answer says "')


@pytest.mark.parametrize(
    "rejected",
    [
        "A grey cat lies on a green chair.",
        "The crowd makes a lot of noise while the band plays.",
        "A noisy street with many cars.",
        "The grain of the wood runs along the table.",
        "A field of wheat, the grain nearly ripe, and grainy mustard in a jar.",
        "A dark night with a single lamp; the street is empty.",
        "It is too dark outside to see the hills.",
        "The cat cannot see the bird behind the curtain.",
        "The child can't see the picture on the wall because the door is open.",
        "A man plays a distorted guitar solo on the stage.",
        "The mirror shows a distorted reflection of the room.",
        "The dog stands in front of a blurred background.",
        "The background is blurry, which draws attention to the cat.",
        "The wheels are blurred by the motion of the car.",
        "A pixelated sword from a retro video game stands on the shelf.",
        "The licence plate of the car is blurred for privacy.",
        "The image is black and white and shows a horse.",
        "A black-and-white photograph of a horse.",
        "A black picture frame hangs above the sofa.",
        "The blank white wall has an empty picture frame on it.",
        "The image shows an empty room with a broken chair.",
        "I cannot see any people in the image.",
        "There is no picture on the wall, only a clock.",
        "No image of a saint hangs in the church.",
        "I do not see a picture of a cat on the shelf.",
        "The image does not show a dog; it shows a cat.",
        "The image features a completely black cat with yellow eyes.",
        "The image is dominated by a large grey building.",
        "The sky is hazy and the mountains are hidden by clouds.",
        "Static electricity lifts her hair.",
        "The statue's face is hidden behind a mask.",
        "A low-resolution screen shows the time of departure.",
        "It is unclear whether the man is smiling.",
        "The sign is illegible because it is covered by snow.",
        "The photo is taken at night, and the trees are completely dark.",
        "The background of the image is not visible behind the crowd.",
        "The rest of the image is largely blank, so the eye is drawn to the man.",
        "It is not clear from the image whether he is a doctor.",
        "A man with a blurred face stamps a yellow cloth.",
        "The window shows a blurry wooden porch.",
        "The stencils lie on concrete with a grainy texture.",
        "The image is not blurry at all.",
        "The picture isn't distorted, and the colours are natural.",
        "This is a static image, so I cannot tell whether the train moves.",
        "The image is static.",
        "The image shows nothing but trees and a lake.",
        "The image shows only a black cat.",
        "The image shows nothing but white snow.",
        "There is a hidden image of a face in the tree.",
        "The lake shows an inverted image of the tree.",
        "The logo is a black image of an apple.",
        "Sand, in coarse grains, covers the old photograph album.",
    ],
)
def test_words_about_what_is_there_are_let_through(watch: Watch, rejected: str) -> None:
    assert watch(Contrast(QUESTION, CHOSEN, rejected)) is None


@pytest.mark.parametrize(
    ("question", "chosen"),
    [
        ("Is the image blurry?", "No, it is sharp."),
        ("How good is the quality of this photo?", "It is good."),
        ("Why is the picture not clear?", "The camera moved."),
        (QUESTION, "The photo is blurry, as the camera moved; a dog runs past."),
        (QUESTION, "A dog runs past, with motion blur on its legs."),
        (QUESTION, "The dog in the foreground is sharp. The cat beside it is slightly out of focus."),
    ],
)
def test_damage_of_the_true_picture_is_no_damage_talk(watch: Watch, question: str, chosen: str) -> None:
    rejected = "The image is blurry, and a cat runs past."
    assert watch(Contrast(question, chosen, rejected)) is None


@pytest.mark.parametrize(
    ("question", "chosen", "rejected"),
    [
        # another kind of damage than the one that is talked about
        ("Is the image blurry?", "No, it is sharp.", "No image was provided."),
        ("What noise does this animal make?", "It barks.", "The image is too blurry to tell."),
        # a soft background is no damage of the picture
        (QUESTION, "A bird in front of a softly blurred background.", "The image is blurry."),
        (QUESTION, "A bird with the background out of focus.", "The image is very pixelated."),
        # the picture is named, whatever else the sentence tells
        (QUESTION, CHOSEN, "The image is blurry, with a person in the background."),
    ],
)
def test_what_is_shared_must_be_the_same_damage(
    watch: Watch, question: str, chosen: str, rejected: str
) -> None:
    assert watch(Contrast(question, chosen, rejected))


def test_only_the_rejected_answer_is_looked_at(watch: Watch) -> None:
    assert watch(Contrast(QUESTION, "I cannot see the image.", "A dog.")) is None
    assert watch(Contrast(QUESTION, "I cannot see the image.", "No image was provided.")) is None


def test_phrases_of_other_languages_can_be_added() -> None:
    watch = prepare(DamageTalk(also=("unscharf", "图片模糊")))
    assert watch(Contrast("Was ist das?", "Ein Hund.", "Das Bild ist UNSCHARF.")) == (
        'the rejected answer says "unscharf"'
    )
    assert watch(Contrast("这是什么?", "一只狗。", "图片模糊,看不清。"))
    assert watch(Contrast("Ist es unscharf?", "Nein.", "Ja, unscharf.")) is None
    assert watch(Contrast("Was ist das?", "Ein Hund.", "Eine Unschärfe.")) is None


def test_answers_of_a_model_that_saw_no_picture(watch: Watch, shared_data: Path) -> None:
    answers = _answers(shared_data / "math-v" / "answers" / "gpt4-cot-TEXT-ONLY-blind.jsonl", "response")
    caught = [text for text in answers if watch(Contrast("Solve it.", "It is 4.", text))]
    assert (len(answers), len(caught)) == (165, 39)


def test_answers_of_models_that_saw_a_clean_picture(watch: Watch, shared_data: Path) -> None:
    folder = shared_data / "pope" / "captions_subset"
    answers = [text for path in sorted(folder.glob("*.jsonl")) for text in _answers(path, "text")]
    assert len(answers) == 600
    assert [text for text in answers if watch(Contrast("Describe it.", "A street.", text))] == []
    texts = _answers(shared_data / "imageinwords" / "IIW-400.jsonl", "IIW")
    caught = [text for text in texts if watch(Contrast("Describe it.", "A street.", text))]
    assert len(texts) == 400
    assert len(caught) <= 5  # blurred photographs, and called so


def _answers(path: Path, key: str) -> list[str]:
    return [str(json.loads(line)[key]) for line in path.read_text(encoding="utf-8").splitlines()]

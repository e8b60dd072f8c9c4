"""The corrector that changes the style alone."""

import json
from dataclasses import replace

from pairwright.correctors import Task
from pairwright.schemas.image import Image

SAID = json.dumps({"text": "On a mat, a red cat is asleep. It is watched by two dogs."})


def test_only_the_text_is_shown_and_rewritten(rewrite, task: Task) -> None:
    made = rewrite("style_match", task, [SAID])
    assert made.rewritten.text == "On a mat, a red cat is asleep. It is watched by two dogs."
    assert made.rewritten.spans == made.rewritten.original_spans == ()
    assert not any(isinstance(part, Image) for part in made.requests[0].messages[1].parts)
    assert "What is there?" not in made.user()
    assert "The style: plain, neutral prose" in made.system()
    assert (
        "The style: a nursery rhyme."
        in rewrite("style_match", task, [SAID], style="a nursery rhyme").system()
    )


def test_both_sides_are_asked_alike_and_variants_with_other_seeds(rewrite, task: Task) -> None:
    first, second, other = (
        rewrite("style_match", one, [SAID]).requests[0]
        for one in (
            task,
            replace(task, text="A black cat sleeps on a mat. Two dogs see it."),
            replace(task, variant=2),
        )
    )
    assert first.messages[0] == second.messages[0]
    assert first.sampling == second.sampling
    assert first.sampling.temperature == 0.7
    assert first.messages == other.messages
    assert first.sampling.seed != other.sampling.seed


def test_a_text_may_come_back_as_it_was(rewrite, task: Task) -> None:
    assert rewrite("style_match", task, [json.dumps({"text": task.text})]).rewritten.text == task.text

"""Which continuations go on where the given beginning ends, and which do not."""

import pytest

from pairwright.guards import Contrast
from pairwright.guards.cut_word import CutWord, prepare

CHOSEN = "The dog runs along the beach. It's carrying a 3.5 kg stick."


def said(prefix: str, rejected: str, chosen: str = CHOSEN) -> str | None:
    return prepare(CutWord())(Contrast("What happens?", chosen, rejected, prefix))


@pytest.mark.parametrize(
    ("prefix", "rejected", "why"),
    [
        ("The dog run", "The dog running along.", "inside a word of the rejected answer: run|ning"),
        ("The dog", "The dogs sleep.", "inside a word of the rejected answer: dog|s"),
        ("The dog run", "The dog run is fenced.", "inside a word of the chosen answer: run|s"),
        ("The dog runs along the beach. It", "The dog runs along the beach. It'll swim.", "It|'ll"),
        ("The dog runs along the beach. It'", "The dog runs along the beach. It' s", "It'|s"),
        ("The dog", "The dog's bone.", "dog|'s"),
        ("The dog", "The dog\u0301 x.", "dog|"),
        ("It weighs 3", "It weighs 3.7 kg", "3|.7"),
        ("It weighs 3.", "It weighs 3.7 kg", "3.|7"),
        ("It weighs 12", "It weighs 12,000 kg", "12|,000"),
        ("It weighs 12", "It weighs 125 kg", "12|5"),
        ("The dog runs", "A dog runs along the road.", "does not begin as it was given"),
        ("The dog runs", "runs along the road.", "does not begin as it was given"),
        ("The dog runs", "The dog  runs along", "does not begin as it was given"),
        ("The dog runs", "the dog runs along", "does not begin as it was given"),
        ("The dog runs", "The dog runs", "no word follows"),
        ("The dog runs ", "The dog runs...", "no word follows"),
        ("Der Hund l", "Der Hund läuft.", "l|äuft"),
        ("Собака бе", "Собака бежит.", "бе|жит"),
        ("개가 달", "개가 달린다", "달|린다"),
        ("कुत्ता दौ", "कुत्ता दौड़ता है", "दौ|ड़ता"),
    ],
)
def test_a_cut_word_or_a_lost_beginning_is_caught(prefix: str, rejected: str, why: str) -> None:
    assert why in (said(prefix, rejected) or "")


@pytest.mark.parametrize(
    ("prefix", "rejected"),
    [
        ("", "The dogs sleep."),
        ("  \n", "The dogs sleep."),
        ("The dog", "The dog sleeps."),
        ("The dog runs ", "The dog runs home."),
        ("The dog runs", "The dog runs, and the cat follows."),
        ("The dog runs", "The dog runs. It is late."),
        ("The dog runs", "The dog runs\n\nA cat follows."),
        ("The dog runs", "  The dog runs home."),
        ("\nThe dog runs", "The dog runs home."),
        ("A well", "A well-known beach."),
        ("A well-", "A well-known beach."),
        ("The dog runs along the beach.", "The dog runs along the beach. A cat follows."),
        ("It is 3", "It is 3, perhaps 4."),
        ("It is 3", "It is 3."[:-1] + " or so."),
        ("It costs 5", "It costs 5€ each."),
        ("The sign says 'dog", "The sign says 'dog' in red."),
        ("一只", "一只狗在睡觉。"),
        ("これは犬", "これは犬です。"),
        ("สุนัข", "สุนัขนอน"),
        ('He said "', 'He said "stop".'),
    ],
)
def test_continuations_at_a_word_s_end_are_let_through(prefix: str, rejected: str) -> None:
    assert said(prefix, rejected) is None


def test_the_chosen_answer_need_not_begin_so() -> None:
    """The beginning may stem from another text than this pair's chosen answer, as where that was corrected since."""
    assert said("A cat", "A cat sleeps.", chosen="The dog runs.") is None

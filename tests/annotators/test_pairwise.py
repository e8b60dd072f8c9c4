"""Two answers side by side: both orders, all outcomes, and what real judges wrote."""

import asyncio
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pairwright.annotators import Case, Verdict
from pairwright.annotators._sides import Said, agreed, mirrored, read_bracket, read_number
from pairwright.annotators.pairwise import PART, Pairwise
from pairwright.schemas.candidate import Candidate, Outcome
from pairwright.schemas.errors import ParameterError, RowError
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.request import Answer, Ask, Request


def shown(request: Request) -> tuple[str, str]:
    """Return the two answers of a request in the order shown."""
    first, second = re.findall(
        r"=== begin answer \w+ \w+ ===\n(.*?)\n=== end", str(request.messages[1].parts[-1]), re.DOTALL
    )
    return first, second


def decided(ask: Ask, *texts: str, record_id: str = "a:1", **settings: object) -> Verdict:
    case = Case(record_id, 0, Prompt("Which?"), tuple(Candidate(text) for text in texts))
    return asyncio.run(PART.prepare(Pairwise(**settings), "gpt")(case, ask))  # type: ignore[arg-type]


def verdict(value: str) -> str:
    return json.dumps({"rationale": f"so {value}", "verdict": value})


def by_place(straight: str, swapped: str) -> Ask:
    """Return a judge of the answers "x" and "y": what it says when x is shown first, and when y is."""

    async def ask(request: Request) -> tuple[Answer, ...]:
        return (Answer(straight if shown(request)[0] == "x" else swapped, "stop"),)

    return ask


@pytest.mark.parametrize(
    ("straight", "swapped", "outcome"),
    [
        ("A", "B", "first"),
        ("B", "A", "second"),
        ("tie", "tie", "tie"),
        ("A", "A", "cannot_judge"),
        ("B", "B", "cannot_judge"),
        ("A", "tie", "cannot_judge"),
        ("cannot judge", "B", "cannot_judge"),
        ("cannot judge", "tie", "cannot_judge"),
        ("cannot judge", "cannot judge", "cannot_judge"),
    ],
)
def test_only_what_both_orders_say_is_a_verdict(straight: str, swapped: str, outcome: Outcome) -> None:
    found = decided(by_place(verdict(straight), verdict(swapped)), "x", "y")
    (one,) = found.comparisons
    assert (one.first, one.second, one.outcome, one.scorer) == (0, 1, outcome, "gpt")
    assert one.strength == (1.0 if outcome in ("first", "second") else 0.0)
    reasons = f"first shown as A: so {straight}\nfirst shown as B: so {swapped}"
    assert (one.rationale or "").endswith(reasons)
    assert ("disagree" in (one.rationale or "")) == (mirrored_word(swapped) != straight)
    assert found.failures == ()
    assert re.fullmatch(r"pairwise v1 #[0-9a-f]{8}", found.prompt or "")


def mirrored_word(word: str) -> str:
    return {"A": "B", "B": "A"}.get(word, word)


@pytest.mark.parametrize(
    ("setting", "outcome"), [("cannot_judge", "cannot_judge"), ("tie", "tie"), ("verdict", "second")]
)
@pytest.mark.parametrize(("straight", "swapped"), [("B", "tie"), ("tie", "A")])
def test_a_tie_beside_a_verdict(straight: str, swapped: str, setting: str, outcome: Outcome) -> None:
    (one,) = decided(
        by_place(verdict(straight), verdict(swapped)), "x", "y", tie_and_verdict=setting
    ).comparisons
    assert one.outcome == outcome
    assert one.strength == (1.0 if outcome == "second" else 0.0)
    assert agreed(Said("tie", 0), Said("cannot_judge", 0), setting).outcome == "cannot_judge"  # type: ignore[arg-type]
    assert agreed(Said("first", 1), Said("second", 1), setting).outcome == "cannot_judge"  # type: ignore[arg-type]


def test_a_judge_that_likes_the_first_place_gives_no_verdict_at_all() -> None:
    found = decided(by_place(verdict("A"), verdict("A")), "x", "y")
    assert [one.outcome for one in found.comparisons] == ["cannot_judge"]


def test_one_order_is_drawn_and_mapped_back() -> None:
    firsts: list[str] = []

    async def ask(request: Request) -> tuple[Answer, ...]:
        firsts.append(shown(request)[0])
        return (Answer(verdict("A" if firsts[-1] == "x" else "B"), "stop"),)

    for row in range(40):
        (one,) = decided(ask, "x", "y", record_id=f"a:{row}", orders="one").comparisons
        assert one.outcome == "first"
    assert len(firsts) == 40
    assert 10 < firsts.count("x") < 30


def test_strength_is_the_weaker_of_both_orders() -> None:
    (one,) = decided(by_place(verdict("B>>A"), verdict("A>B")), "x", "y", strength=True).comparisons
    assert (one.outcome, one.strength) == ("second", 1.0)
    (one,) = decided(by_place(verdict("B>>A"), verdict("A>>B")), "x", "y", strength=True).comparisons
    assert (one.outcome, one.strength) == ("second", 2.0)
    with pytest.raises(ParameterError, match="strength"):
        PART.prepare(Pairwise(strength=True, output="number"), "gpt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"rationale": "", "verdict": "C"}', "none of A, B, tie, cannot judge"),
        ('{"rationale": "", "verdict": 1}', "none of A, B"),
        ('{"rationale": "", "verdict": "A>>B"}', "none of A, B"),
        ('{"verdict": "A"}', "lacks rationale"),
        ('{"rationale": "", "verdict": "A", "score": 5}', "'score'"),
        ("A", "not JSON"),
    ],
)
def test_what_does_not_keep_the_form_is_no_verdict(text: str, message: str) -> None:
    found = decided(by_place(verdict("A"), text), "x", "y")
    (failed,) = found.failures
    assert (failed.reason, failed.candidates, found.comparisons) == ("cannot_judge", (0, 1), ())
    assert message in failed.message
    assert "in the second order" in failed.message


def test_all_pairs_up_to_a_cap_that_is_drawn() -> None:
    asked: list[tuple[str, str]] = []

    async def ask(request: Request) -> tuple[Answer, ...]:
        asked.append(shown(request))
        first, second = (int(text) for text in asked[-1])
        return (Answer(verdict("A" if first > second else "B"), "stop"),)

    texts = [str(number) for number in range(5)]
    whole = decided(ask, *texts)
    assert [(one.first, one.second) for one in whole.comparisons] == [
        (i, j) for i in range(5) for j in range(i + 1, 5)
    ]
    assert {one.outcome for one in whole.comparisons} == {"second"}
    assert len(asked) == 20
    some = [decided(ask, *texts, most_comparisons=4, record_id=f"a:{row}") for row in range(5)]
    assert all(len(one.comparisons) == 4 and set(one.comparisons) < set(whole.comparisons) for one in some)
    assert all(one.failures == () for one in some)
    assert len({one.comparisons for one in some}) > 1
    assert decided(ask, *texts, most_comparisons=4, record_id="a:0") == some[0]
    assert decided(ask, "1") == Verdict(prompt=whole.prompt)


def test_brackets_and_numbers() -> None:
    (one,) = decided(by_place("A is.\n[[A>>B]]", "B is.\n[[B>A]]"), "x", "y", output="bracket").comparisons
    assert (one.outcome, one.strength) == ("first", 1.0)
    assert one.rationale == "first shown as A: A is.\nfirst shown as B: B is."
    (one,) = decided(by_place("(2)", "Output (1)."), "x", "y", output="number").comparisons
    assert (one.outcome, one.strength, one.rationale) == ("second", 1.0, None)


@pytest.mark.parametrize(
    "text", ["", "[[A]]", "[[1]]", "[A>B]", "[[A>B]] or rather [[A>B>C]]", "[[ A>B ]]", "$ERROR$"]
)
def test_brackets_that_are_no_verdict(text: str) -> None:
    with pytest.raises(RowError):
        read_bracket(text)


def test_the_last_bracket_counts() -> None:
    assert read_bracket("At first [[A>>B]], but then [[B>A]].").outcome == "second"
    assert read_bracket("[[cannot judge]]").outcome == "cannot_judge"


@pytest.mark.parametrize(
    "text", ["", "1", "(3)", "(1) or (2)", "Neither (1) nor (2)", "(1) y", "I choose (1)", "(1)(1)"]
)
def test_numbers_that_are_no_verdict(text: str) -> None:
    with pytest.raises(RowError):
        read_number(text, ["x", "y"])
    assert read_number("(2) y", ["x", "y"]).outcome == "second"


def test_two_orders_commute() -> None:
    said = [Said(outcome, strength) for outcome, strength in (("first", 2.0), ("second", 1.0), ("tie", 0.0))]  # type: ignore[arg-type]
    for one in said:
        for other in said:
            there, back = agreed(one, other, "verdict"), agreed(mirrored(one), mirrored(other), "verdict")
            assert mirrored(there).outcome == back.outcome


def test_wildvision_judgements_give_upstreams_verdict(shared_data: Path) -> None:
    """300 judgements of GPT-4o. Upstream counts four whose calls failed as ties; here they are no verdict."""
    names = {
        "A>>B": ("first", 2),
        "A>B": ("first", 1),
        "A=B": ("tie", 0),
        "B>A": ("second", 1),
        "B>>A": ("second", 2),
    }
    read, failed = 0, []
    for path in sorted((shared_data / "wildvision-bench").glob("judgments*/*.jsonl")):
        for line in path.read_text().splitlines():
            for game in json.loads(line)["games"]:
                try:
                    said = read_bracket(game["judgment"])
                except RowError:
                    failed.append((game["judgment"], game["score"]))
                else:
                    assert (said.outcome, said.strength) == names[game["score"]]
                    read += 1
    assert read == 296
    assert failed == [("\n$ERROR$\n$ERROR$", "A=B")] * 4


def recorded(one: dict[str, Any], other: dict[str, Any]) -> Ask:
    """Return GPT-4V as it answered: the record of the order in which the two captions are shown."""

    async def ask(request: Request) -> tuple[Answer, ...]:
        record = one if shown(request)[0] == one["caption"] else other
        return (Answer(record["answer"]["free_form_answer"], "stop"),)

    return ask


@pytest.mark.parametrize(
    ("name", "upstream", "read"),
    [
        ("swap_obj", (182, 29, 16, 19), (181, 27, 15, 15)),
        ("swap_att", (551, 56, 42, 17), (550, 52, 32, 11)),
        ("replace_att", (709, 25, 31, 23), (708, 23, 29, 14)),
    ],
)
def test_sugarcrepe_judged_again_from_what_gpt4v_answered(
    shared_data: Path, name: str, upstream: tuple[int, ...], read: tuple[int, ...]
) -> None:
    """Upstream counts (right, right), (right, wrong), (wrong, right) and (wrong, wrong), and refusals as wrong.

    Of what it counts, ``read`` are verdicts (the first and the last) and contradictions (those between); the others hold
    a refusal, or words around the number, in one order at least.
    """
    folder = shared_data / "sugarcrepe" / "gpt-4v-results"
    straight, swapped = (
        json.loads((folder / f"{first}-first" / f"gpt4v-{name}.json").read_text())
        for first in ("positive", "negative")
    )
    decide = PART.prepare(Pairwise(output="number", attempts=1), "gpt-4v")

    async def judged() -> Counter[tuple[bool, bool, str]]:
        counts: Counter[tuple[bool, bool, str]] = Counter()
        for one, other in ((straight[n], swapped[n]) for n in straight if isinstance(straight[n], dict)):
            pair = (Candidate(one["caption"]), Candidate(one["negative_caption"]))
            found = await decide(Case(name, 0, Prompt("Which caption?"), pair), recorded(one, other))
            assert len(found.comparisons) + len(found.failures) == 1
            said = found.comparisons[0].outcome if found.comparisons else "failed"
            counts[one["correct"], other["correct"], said] += 1
        return counts

    counts = asyncio.run(judged())
    orders = [(True, True), (True, False), (False, True), (False, False)]
    said = ("first", "cannot_judge", "cannot_judge", "second")
    assert tuple(counts[*order, outcome] for order, outcome in zip(orders, said, strict=True)) == read
    assert (
        tuple(counts[*o, word] + counts[*o, "failed"] for o, word in zip(orders, said, strict=True))
        == upstream
    )
    assert counts.total() == sum(upstream)

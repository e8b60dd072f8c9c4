"""Splits: no picture and no prompt on both sides, shares held, sources on both sides."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairwright.exporters import PairRow, Picture
from pairwright.exporters._export import export
from pairwright.exporters._splits import Apart, Groups, assign, prompt_text, wishes
from pairwright.schemas.errors import ParameterError


def row(
    question: str, pictures: Sequence[str] = (), negatives: Sequence[str] = (), source: str = "s"
) -> PairRow:
    return PairRow(
        id="",
        kind="text",
        question=question,
        system=None,
        history=(),
        chosen="",
        rejected="",
        images=tuple(Picture(name, "PNG") for name in pictures),
        rejected_images=tuple(Picture(name, "PNG") for name in negatives) or None,
        source=source,
        group_id="",
        ground_truth=None,
        score_chosen=None,
        score_rejected=None,
        further={},
    )


def split_of(rows: Sequence[PairRow], asked: str, *, seed: int = 0, apart: Apart = "all") -> list[int]:
    groups = Groups(apart)
    for one in rows:
        groups.add(one)
    return assign(groups.roots(), [one.source for one in rows], wishes([asked]), seed)


def roots(rows: Sequence[PairRow], apart: Apart = "all") -> list[int]:
    groups = Groups(apart)
    for one in rows:
        groups.add(one)
    return groups.roots()


def test_pairs_are_joined_by_pictures_and_by_texts() -> None:
    rows = [
        row("a", ["1"]),
        row("b", ["2"]),
        row("c", ["2", "3"]),
        row("d", ["4"], ["1"]),  # its rejected picture is the first pair's
        row("<image>\n b", ["5"]),  # the second pair's text, but for markers and spaces
        row("e", ["6"]),
    ]
    first, second, third, fourth, fifth, sixth = roots(rows)
    assert first == fourth
    assert second == third == fifth
    assert len({first, second, sixth}) == 3


def test_texts_may_be_let_apart_where_there_are_pictures() -> None:
    rows = [row("Describe it.", ["1"]), row("Describe it.", ["2"]), row("Why?"), row("Why?")]
    assert len(set(roots(rows))) == 2
    first, second, third, fourth = roots(rows, "pictures")
    assert first != second
    assert third == fourth


def test_a_late_pair_joins_two_groups() -> None:
    first, second, third = roots([row("a", ["1"]), row("b", ["2"]), row("c", ["1", "2"])])
    assert first == second == third


def test_what_a_prompt_is_compared_by() -> None:
    assert prompt_text(row("<image>\nWhat  is\nit?")) == prompt_text(row("What is it?"))


unhurried = settings(max_examples=60, deadline=None)


@unhurried
@given(
    pairs=st.lists(
        st.tuples(st.integers(0, 60), st.lists(st.integers(0, 80), max_size=2), st.sampled_from("abc")),
        min_size=40,
        max_size=120,
    ),
    seed=st.integers(0, 5),
)
def test_no_picture_and_no_prompt_is_in_two_splits(pairs, seed) -> None:
    rows = [row(f"question {q}", [str(p) for p in pictures], source=s) for q, pictures, s in pairs]
    try:
        splits = split_of(rows, "test=0.2,validation=0.2", seed=seed)
    except ParameterError:
        return  # groups too large to be split so
    for other in (1, 2):
        for side in ({0, 1, 2} - {other},):
            inside = [one for one, split in zip(rows, splits, strict=True) if split == other]
            outside = [one for one, split in zip(rows, splits, strict=True) if split in side]
            for what in (lambda one: {one.question}, lambda one: {p.sha256 for p in one.images}):
                assert not set().union(*map(what, inside)) & set().union(*map(what, outside))


def test_shares_and_counts_are_met_source_by_source() -> None:
    rows = [row(str(number), [str(number)], source="ab"[number % 10 == 0]) for number in range(1000)]
    splits = split_of(rows, "test=0.05,validation=100")
    assert Counter(splits) == {0: 850, 1: 50, 2: 100}
    assert Counter(one.source for one, split in zip(rows, splits, strict=True) if split == 1) == {
        "a": 45,
        "b": 5,
    }
    assert Counter(one.source for one, split in zip(rows, splits, strict=True) if split == 2) == {
        "a": 90,
        "b": 10,
    }


def test_many_small_sources_do_not_swell_a_split() -> None:
    rows = [row(str(number), [str(number)], source=f"source {number // 6}") for number in range(300)]
    assert Counter(split_of(rows, "test=30"))[1] == 30


def test_a_split_depends_on_the_seed_and_on_nothing_else() -> None:
    rows = [row(str(number), [str(number)]) for number in range(200)]
    assert split_of(rows, "test=0.1") == split_of(rows, "test=0.1")
    assert split_of(rows, "test=0.1") != split_of(rows, "test=0.1", seed=1)


def test_groups_too_large_for_a_split_are_said() -> None:
    rows = [row("Describe it.", [str(number)]) for number in range(100)]
    with pytest.raises(
        ParameterError,
        match=r"test should have 10 of 100 pairs.*largest such group has 100.*--apart pictures",
    ):
        split_of(rows, "test=0.1")
    assert Counter(split_of(rows, "test=0.1", apart="pictures")) == {0: 90, 1: 10}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("test", "NAME=SHARE"),
        ("test=0", "NAME=SHARE"),
        ("test=1.5", "NAME=SHARE"),
        ("test=-1", "NAME=SHARE"),
        ("../x=0.1", "NAME=SHARE"),
        ("train=0.9", "gets what the others leave"),
        ("test=0.1,test=5", "twice"),
        ("a=0.5,b=0.5", "leave nothing"),
    ],
)
def test_splits_that_cannot_be_are_said(asked, told) -> None:
    with pytest.raises(ParameterError, match=told):
        wishes([asked])


@pytest.mark.parametrize("to", ["trl", "ms_swift", "verl", "webdataset"])
def test_every_form_of_files_has_its_splits(to, written, tmp_path: Path, shapes) -> None:
    from dataclasses import replace

    from pairwright.schemas.prompt import Prompt

    image = shapes["one"].prompt.images[0]
    pairs = [
        replace(shapes["one"], id=f"{number:032x}", prompt=Prompt(f"<image>\nQuestion {number}?", (image,)))
        for number in range(20)
    ]
    with pytest.raises(ParameterError):  # all pairs have one picture
        export(written(*pairs), to, out=tmp_path / "out", splits=["test=5"])
    texts = [replace(pair, prompt=Prompt(pair.prompt.question.removeprefix("<image>\n"))) for pair in pairs]
    options = {"pictures": False} if to == "verl" else {}
    for path in (tmp_path / "run").rglob("*.parquet"):
        path.unlink()
    done = export(written(*texts), to, out=tmp_path / "out", splits=["test=5"], options=options)
    assert [(split.name, split.pairs, split.rows) for split in done.splits] == [
        ("train", 15, 15),
        ("test", 5, 5),
    ]
    assert [split["files"] for split in json.loads((done.folder / "export.json").read_text())["splits"]] == [
        list(split.files) for split in done.splits
    ]
    if to == "verl":
        rows = pq.read_table(done.folder / "test").to_pylist()
        assert [row["extra_info"]["split"] for row in rows] == ["test"] * 5
        assert [row["extra_info"]["index"] for row in rows] == [0, 1, 2, 3, 4]

"""Which column is taken for what."""

import pytest

from pairwright.schemas.errors import SourceError
from pairwright.sources.columns import check_said, recognise, said
from pairwright.sources.settings import ColumnMap

PUBLISHED = {
    # RLAIF-V
    "ds_name image question chosen rejected origin_dataset origin_split idx image_path": (
        "source images question chosen rejected - - id -"
    ),
    # trl-lib/rlaif-v
    "images prompt chosen rejected": "images prompt chosen rejected",
    # LLaVA
    "id image conversations": "id images conversations",
    # POVID
    "id image conversations rejected_conversations": "id images conversations rejected_conversations",
    # llamafactory/RLHF-V
    "conversations chosen rejected images": "conversations chosen rejected images",
    # ms-swift
    "messages rejected_response images": "conversations rejected images",
    # HA-DPO
    "image_id question chosen reject answer correct": "id question chosen rejected ground_truth -",
    # ImageDPO
    "good_image bad_image image question chosen rejected": "images rejected_images - question chosen rejected",
    # MM-RLHF
    "prompt chosen rejected image mixed_up_image is_tie": "prompt chosen rejected images rejected_images -",
    # Re-Align
    "image retrieved_image chosen rejected question": "images rejected_images chosen rejected question",
    # mDPO
    "img_path prompt chosen rejected": "images prompt chosen rejected",
    # picture folders of `datasets`
    "file_name text": "images chosen",
    "file_name label": "images -",
    # visual questions
    "Image Question Answer": "images question chosen",
    "image text answer": "images question chosen",
    "image caption": "images chosen",
    "question prompt answer text": "question prompt chosen -",
}


@pytest.mark.parametrize(("names", "fields"), PUBLISHED.items(), ids=list(PUBLISHED))
def test_published_layouts(names: str, fields: str) -> None:
    columns = names.split()
    found = recognise(tuple(columns))
    expected = {field: column for field, column in zip(fields.split(), columns, strict=True) if field != "-"}
    assert dict(found.taken) == expected
    assert found.rest == tuple(name for name in columns if name not in expected.values())
    assert not found.missing
    assert not found.shared


def test_what_the_recipe_says_wins() -> None:
    told = said(ColumnMap(question="caption", chosen="text"))
    found = recognise(("caption", "text", "question", "image"), told)
    assert dict(found.taken) == {"question": "caption", "chosen": "text", "images": "image"}
    assert found.rest == ("question",)


def test_a_column_that_the_recipe_names_is_not_replaced_by_another() -> None:
    found = recognise(("question", "answer"), (("chosen", "gold"),))
    assert found.missing == (("chosen", "gold"),)
    assert "chosen" not in found.taken


def test_a_said_column_that_is_nowhere_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SourceError) as caught:
        check_said(ColumnMap(chosen="anwser"), ["question", "answer", "image"], "t.csv")
    assert str(caught.value) == (
        "source.columns.chosen: no 'anwser' among the columns of t.csv. Did you mean 'answer'? "
        "Known: question, answer, image"
    )


def test_columns_that_differ_only_in_case_are_not_mixed_up() -> None:
    found = recognise(("Question", "question", "answer"))
    assert found.taken["question"] in ("Question", "question")
    assert len(found.rest) == 1

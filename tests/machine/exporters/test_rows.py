"""What each trainer gets, row by row."""

import json
import tarfile
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from pairwright.exporters import ROOM, Exporter

TEXT = ("one", "several", "none", "turns", "told")
COLOR = "What color is it?"


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def part(text: str | None = None) -> dict[str, str | None]:
    return {"type": "image" if text is None else "text", "text": text}


def spoken(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "content": list(parts)}


PROMPTS = {
    "one": [spoken("user", part(), part(COLOR))],
    "several": [spoken("user", part(), part("or"), part(), part("Which is red?"))],
    "none": [spoken("user", part("What is red and blue mixed?"))],
    "turns": [
        spoken("user", part(), part(COLOR)),
        spoken("assistant", part("It is green.")),
        spoken("user", part("Is it red?")),
    ],
    "told": [spoken("system", part("Be brief.")), spoken("user", part(), part("Describe it."))],
}
STRINGS = {
    "one": [user(f"<image>\n{COLOR}")],
    "several": [user("<image>\nor\n<image>\nWhich is red?")],
    "none": [user("What is red and blue mixed?")],
    "turns": [user(f"<image>\n{COLOR}"), assistant("It is green."), user("Is it red?")],
    "told": [{"role": "system", "content": "Be brief."}, user("<image>\nDescribe it.")],
    "image": [user("<image>\nIs it bright?")],
    "two_images": [user("<image>\n<image>\nSame?")],
    "both": [user("<image>\nHow dark?")],
}


def stored(images):
    return [{"bytes": image.data, "path": image.path} for image in images]


@pytest.mark.parametrize("to", ["trl", "unsloth"])
def test_trl_gets_messages_and_original_bytes(to, exported, rows_of, shapes) -> None:
    folder = exported(to, *TEXT)
    assert rows_of(folder) == [
        {
            "images": stored(shapes[name].prompt.images),
            "prompt": PROMPTS[name],
            "chosen": [spoken("assistant", part(shapes[name].chosen))],
            "rejected": [spoken("assistant", part(shapes[name].rejected))],
            "id": shapes[name].id,
        }
        for name in TEXT
    ]
    metadata = pq.read_schema(folder / "train/00000.parquet").metadata
    assert json.loads(metadata[b"huggingface"]) == {"info": {"features": {"images": [{"_type": "Image"}]}}}


@pytest.mark.parametrize("to", ["trl", "unsloth", "kto", "llamafactory", "easyr1"])
def test_no_column_of_images_where_there_are_none(to, exported) -> None:
    schema = pq.read_schema(exported(to, "none") / "train/00000.parquet")
    assert "images" not in schema.names
    assert not schema.metadata


@pytest.mark.parametrize("to", ["trl", "unsloth", "kto"])
def test_a_set_for_a_text_only_model_has_pairs_without_images(to, exported, rows_of) -> None:
    folder = exported(to, "one", "none", options={"pictures": False}, leave_out=["images"])
    assert {row["prompt"][0]["content"][0]["text"] for row in rows_of(folder)} == {
        "What is red and blue mixed?"
    }
    assert "images" not in rows_of(folder)[0]


def test_kto_gets_each_answer_once_with_its_label(exported, rows_of, shapes, written, tmp_path) -> None:
    rows = rows_of(exported("kto", *TEXT))
    assert rows == [
        {
            "images": stored(shapes[name].prompt.images),
            "prompt": PROMPTS[name],
            "completion": [spoken("assistant", part(text))],
            "label": label,
            "id": shapes[name].id,
        }
        for name in TEXT
        for text, label in ((shapes[name].chosen, True), (shapes[name].rejected, False))
    ]


def test_llamafactory_gets_flat_texts_and_no_picture_metadata(exported, rows_of, shapes) -> None:
    folder = exported("llamafactory", *TEXT)
    assert rows_of(folder) == [
        {
            "question": STRINGS[name][-1]["content"],
            "chosen_text": shapes[name].chosen,
            "rejected_text": shapes[name].rejected,
            "images": stored(shapes[name].prompt.images),
            "system": "Be brief." if name == "told" else None,
            "history": [[f"<image>\n{COLOR}", "It is green."]] if name == "turns" else None,
            "id": shapes[name].id,
        }
        for name in TEXT
    ]
    assert not pq.read_schema(folder / "train/00000.parquet").metadata
    assert json.loads((folder / "dataset_info.json").read_text()) == {
        "pairs": {
            "file_name": "train",
            "formatting": "alpaca",
            "ranking": True,
            "columns": {
                "prompt": "question",
                "query": "",
                "system": "system",
                "history": "history",
                "images": "images",
                "chosen": "chosen_text",
                "rejected": "rejected_text",
            },
        }
    }
    config = yaml.safe_load((folder / "train.yaml").read_text())
    assert (config["dataset_dir"], config["dataset"], config["stage"]) == (str(folder), "pairs", "dpo")


def test_llamafactory_gets_single_answers_for_kto(exported, rows_of, shapes) -> None:
    folder = exported("llamafactory", "one", "turns", options={"stage": "kto", "name": "mine"})
    told = [(row["response"], row["kto_tag"], row["history"]) for row in rows_of(folder)]
    turns = [[f"<image>\n{COLOR}", "It is green."]]
    assert told == [
        ("It is red.", True, None),
        ("It is blue.", False, None),
        ("No.", True, turns),
        ("Yes.", False, turns),
    ]
    assert rows_of(folder)[0]["images"] == stored(shapes["one"].prompt.images)
    entry = json.loads((folder / "dataset_info.json").read_text())["mine"]
    assert "ranking" not in entry
    assert entry["columns"].items() >= {"response": "response", "kto_tag": "kto_tag"}.items()


def test_ms_swift_gets_a_rejected_response_where_images_are_the_same(
    exported, lines_of, shapes, same_file
) -> None:
    folder = exported("ms-swift", *TEXT)
    rows = lines_of(folder)
    assert [{**row, "images": len(row["images"])} for row in rows] == [
        {
            "messages": [*STRINGS[name], assistant(shapes[name].chosen)],
            "rejected_response": shapes[name].rejected,
            "images": len(shapes[name].prompt.images),
        }
        for name in TEXT
    ]
    for row, name in zip(rows, TEXT, strict=True):
        for path, image in zip(row["images"], shapes[name].prompt.images, strict=True):
            assert same_file(folder, path, image)


def test_ms_swift_gets_whole_messages_where_some_images_differ(exported, lines_of, shapes, same_file) -> None:
    folder = exported("ms_swift")
    rows = lines_of(folder)
    names = ["image", *TEXT, "two_images", "both"]  # a full row in front, for the types
    assert [(row["messages"], row["rejected_messages"]) for row in rows] == [
        ([*STRINGS[name], assistant(shapes[name].chosen)], [*STRINGS[name], assistant(shapes[name].rejected)])
        for name in names
    ]
    for row, name in zip(rows, names, strict=True):
        assert set(row) == {"messages", "rejected_messages", "images", "rejected_images"}
        expected = (
            shapes[name].rejected_images or shapes[name].prompt.images
        )  # null would be no images at all
        for path, image in zip(row["rejected_images"], expected, strict=True):
            assert same_file(folder, path, image)


def test_ms_swift_without_images_has_no_such_key(exported, lines_of) -> None:
    (row,) = lines_of(exported("ms_swift", "none"))
    assert set(row) == {"messages", "rejected_response"}


def test_ms_swift_margins_and_single_answers(exported, lines_of) -> None:
    folder = exported("ms_swift", "one", options={"stage": "rm", "margin": True})
    assert lines_of(folder)[0]["margin"] == 3.5
    assert "--rlhf_type rm" in (folder / "train.sh").read_text()


def test_ms_swift_single_answers(exported, lines_of) -> None:
    rows = lines_of(exported("ms_swift", "one", options={"stage": "kto"}))
    asked = [user(f"<image>\n{COLOR}")]
    assert [(row["messages"], row["label"]) for row in rows] == [
        ([*asked, assistant("It is red.")], True),
        ([*asked, assistant("It is blue.")], False),
    ]


def test_axolotl_gets_texts(exported, lines_of) -> None:
    folder = exported("axolotl", "none")
    asked = [user("What is red and blue mixed?")]
    row = {"prompt": asked, "chosen": assistant("Purple."), "rejected": assistant("Green.")}
    assert lines_of(folder) == [row]
    config = yaml.safe_load((folder / "axolotl.yaml").read_text())
    assert config["rl"] == "dpo"
    (entry,) = config["datasets"]
    assert entry["type"] == "chat_template.default"
    assert [entry[f"field_{name}"] for name in ("messages", "chosen", "rejected")] == [
        "prompt",
        "chosen",
        "rejected",
    ]
    assert entry["path"] == str(folder / "train.jsonl")


def test_openrlhf_gets_lists_of_messages(exported, lines_of) -> None:
    asked = [user("What is red and blue mixed?")]
    row = {"prompt": asked, "chosen": [assistant("Purple.")], "rejected": [assistant("Green.")]}
    assert lines_of(exported("openrlhf", "none")) == [row]


def test_openrlhf_gets_prompts_with_bare_bytes(exported, rows_of, shapes) -> None:
    rows = rows_of(exported("openrlhf", "one", "none", options={"stage": "rl"}))
    assert rows == [
        {
            "input": f"<image>\n{COLOR}",
            "label": "red",
            "datasource": "colors",
            "id": shapes["one"].id,
            "images": [image.data for image in shapes["one"].prompt.images],
        },
        {
            "input": "What is red and blue mixed?",
            "label": "purple",
            "datasource": "colors",
            "id": shapes["none"].id,
            "images": [],
        },
    ]


def test_verl_gets_string_contents(exported, rows_of, shapes) -> None:
    folder = exported("verl", "one")
    assert rows_of(folder) == [
        {
            "data_source": "colors",
            "prompt": [user(f"<image>\n{COLOR}")],
            "images": stored(shapes["one"].prompt.images),
            "ability": "vqa",
            "reward_model": {"style": "rule", "ground_truth": "red"},
            "extra_info": {"split": "train", "index": 0, "id": shapes["one"].id},
        }
    ]
    assert f'"data.train_files=[{folder}/train/00000.parquet]"' in (folder / "options.txt").read_text()


def test_verl_gets_no_column_of_images_in_a_set_without(exported, rows_of) -> None:
    (row,) = rows_of(exported("verl", "none", options={"pictures": False}))
    assert "images" not in row
    assert row["prompt"] == [user("What is red and blue mixed?")]


def test_easyr1_gets_problems(exported, rows_of, shapes) -> None:
    rows = rows_of(exported("easyr1", "one", "none"))
    assert [(row["problem"], row["answer"], row["images"]) for row in rows] == [
        (f"<image>\n{COLOR}", "red", stored(shapes["one"].prompt.images)),
        ("What is red and blue mixed?", "purple", []),
    ]


def test_internvl_gets_a_path_a_list_or_no_key(exported, lines_of, shapes, same_file) -> None:
    folder = exported("internvl", "one", "several", "none")
    one, several, none = lines_of(folder)
    assert same_file(folder, one.pop("image"), shapes["one"].prompt.images[0])
    for path, image in zip(several.pop("image"), shapes["several"].prompt.images, strict=True):
        assert same_file(folder, path, image)
    assert [one, several, none] == [
        {
            "id": shapes[name].id,
            "question": STRINGS[name][-1]["content"],
            "chosen": shapes[name].chosen,
            "rejected": shapes[name].rejected,
        }
        for name in ("one", "several", "none")
    ]
    assert json.loads((folder / "meta.json").read_text()) == {
        "pairs": {
            "root": f"{folder}/",
            "annotation": f"{folder}/train.jsonl",
            "data_augment": False,
            "repeat_time": 1,
            "length": 3,
        }
    }


def test_mm_rlhf_gets_image_negatives_in_a_file_of_their_own(exported, lines_of, shapes, same_file) -> None:
    folder = exported("mm-rlhf", "one", "image")
    (text,), (mixed,) = lines_of(folder), lines_of(folder, "train_mixed_up.jsonl")
    assert same_file(folder, text.pop("image"), shapes["one"].prompt.images[0])
    assert same_file(folder, mixed.pop("image"), shapes["image"].prompt.images[0])
    assert same_file(folder, mixed.pop("mixed_up_image"), shapes["image"].rejected_images[0])
    told = {"prompt": f"<image>\n{COLOR}", "chosen": "It is red.", "rejected": "It is blue."}
    assert text == {"id": shapes["one"].id, **told}
    same = {"prompt": "<image>\nIs it bright?", "chosen": "Yes.", "rejected": "Yes."}
    assert mixed == {"id": shapes["image"].id, **same}
    listed = yaml.safe_load((folder / "data.yaml").read_text())["datasets"]
    files = [f"{folder}/train.jsonl", f"{folder}/train_mixed_up.jsonl"]
    assert [entry["json_path"] for entry in listed] == files


def test_mm_rlhf_loosely(exported, lines_of) -> None:
    folder = exported("mm-rlhf", "several", "none", "two_images", options={"loose": True})
    several, none = lines_of(folder)
    (mixed,) = lines_of(folder, "train_mixed_up.jsonl")
    assert len(several["image"]) == len(mixed["mixed_up_image"]) == 2
    assert not {"image", "mixed_up_image"} & none.keys()


def test_align_anything_gets_one_picture_and_no_marker(exported, rows_of, shapes) -> None:
    folder = exported("align-anything", "one")
    assert rows_of(folder) == [
        {
            "question": COLOR,
            "image": stored(shapes["one"].prompt.images)[0],
            "chosen": "It is red.",
            "rejected": "It is blue.",
            "id": shapes["one"].id,
        }
    ]
    metadata = pq.read_schema(folder / "train/00000.parquet").metadata
    assert json.loads(metadata[b"huggingface"]) == {"info": {"features": {"image": {"_type": "Image"}}}}


def test_align_anything_takes_rejected_images_in_its_other_template(exported, rows_of, shapes) -> None:
    rows = rows_of(exported("align-anything", "one", "image", "both", options={"template": "ti2ti"}))
    clean, negative = stored(shapes["image"].prompt.images)[0], stored(shapes["image"].rejected_images)[0]
    assert rows[0]["input_image"] == stored(shapes["one"].prompt.images)[0]
    assert rows[0]["better_img"] is rows[0]["worse_img"] is None
    assert rows[1] == {
        "input_text": "Is it bright?",
        "input_image": None,
        "better_text": "Yes.",
        "better_img": clean,
        "worse_text": "Yes.",
        "worse_img": negative,
        "id": shapes["image"].id,
    }
    assert (rows[2]["better_text"], rows[2]["worse_text"]) == ("Not very.", "Very.")


def test_rlaif_v_gets_its_nine_columns(exported, rows_of, shapes) -> None:
    (image,) = shapes["one"].prompt.images
    assert rows_of(exported("rlaif-v", "one")) == [
        {
            "ds_name": "colors",
            "image": {"bytes": image.data, "path": image.path},
            "question": COLOR,
            "chosen": "It is red.",
            "rejected": "It is blue.",
            "origin_dataset": "colors",
            "origin_split": '{"split": "train"}',
            "idx": shapes["one"].id,
            "image_path": image.path,
        }
    ]


def test_jsonl_has_every_column(exported, lines_of, shapes, same_file, tmp_path) -> None:
    folder = exported("jsonl")
    rows = lines_of(folder)
    assert [row["id"] for row in rows] == [pair.id for pair in shapes.values()]
    kept = {}
    for name in ("data", "visual_negative"):
        kept |= {row["id"]: row for row in pq.read_table(tmp_path / "run" / name).to_pylist()}
    for row, pair in zip(rows, shapes.values(), strict=True):
        for path, image in zip(row["images"], pair.prompt.images, strict=True):
            assert same_file(folder, path, image)
        for path, image in zip(row["rejected_images"] or (), pair.rejected_images or (), strict=True):
            assert same_file(folder, path, image)
        pictures = {"images": row["images"], "rejected_images": row["rejected_images"]}
        assert row == kept[pair.id] | pictures


def test_webdataset_samples_hold_everything(exported, shapes) -> None:
    folder = exported("webdataset", "one", "two_images")
    members = {}
    with tarfile.open(folder / "train/train-000000.tar") as tar:
        order = [member.name.partition(".")[0] for member in tar]
        for member in tar:
            members[member.name] = tar.extractfile(member).read()
    assert order == [shapes["one"].id] * 2 + [shapes["two_images"].id] * 5
    pair = shapes["two_images"]
    told = json.loads(members[f"{pair.id}.json"])
    assert told["images"] == ["0.jpg", "1.png"]
    assert told["rejected_images"] == ["rejected.0.jpg", "rejected.1.png"]
    for ending, image in zip(
        told["images"] + told["rejected_images"], pair.prompt.images + pair.rejected_images, strict=True
    ):
        assert members[f"{pair.id}.{ending}"] == image.data
    assert json.loads(members[f"{shapes['one'].id}.json"])["rejected_spans"] == [
        {"start": 6, "end": 10, "weight": 5.0, "label": "changed"}
    ]


def test_a_prompt_is_written_once_for_reinforcement_learning(written, tmp_path, shapes, rows_of) -> None:
    from dataclasses import replace

    from pairwright.exporters._export import export

    again = replace(shapes["one"], id="0" * 32, rejected="It is green.")
    other = replace(shapes["one"], id="1" * 32, ground_truth="crimson")
    done = export(written(shapes["one"], again, other), "verl", out=tmp_path / "out")
    assert [row["reward_model"]["ground_truth"] for row in rows_of(done.folder)] == ["red", "crimson"]
    assert done.repeats == 1


def test_an_answer_of_several_pairs_is_written_once_for_kto(written, tmp_path, shapes, rows_of) -> None:
    from dataclasses import replace

    from pairwright.exporters._export import export

    again = replace(shapes["one"], id="0" * 32, rejected="It is green.")
    done = export(written(shapes["one"], again), "kto", out=tmp_path / "out")
    said = [row["completion"][0]["content"][0]["text"] for row in rows_of(done.folder)]
    assert said == ["It is red.", "It is blue.", "It is green."]
    assert done.repeats == 1


@pytest.mark.parametrize("to", ["rlaif-v", "align-anything", "mm-rlhf"])
def test_an_image_between_words_is_not_moved(to, written, tmp_path, shapes) -> None:
    from dataclasses import replace

    from pairwright.exporters._export import export
    from pairwright.schemas.errors import RunError
    from pairwright.schemas.prompt import Prompt

    images = shapes["one"].prompt.images
    with pytest.raises(RunError, match="1 for image_inside"):
        export(
            written(replace(shapes["one"], prompt=Prompt("Is <image> red?", images))), to, out=tmp_path / "a"
        )
    for path in (tmp_path / "run").rglob("*.parquet"):
        path.unlink()
    behind = replace(shapes["one"], prompt=Prompt("First line.\n\nIs it red?\n<image>", images))
    assert export(written(behind), to, out=tmp_path / "b").splits[0].pairs == 1


def test_the_text_of_a_question_without_its_marker_is_as_it_was(written, tmp_path, shapes, rows_of) -> None:
    from dataclasses import replace

    from pairwright.exporters._export import export
    from pairwright.schemas.prompt import Prompt

    behind = Prompt("First line.\n\nIs it red?\n<image>", shapes["one"].prompt.images)
    done = export(written(replace(shapes["one"], prompt=behind)), "rlaif-v", out=tmp_path / "out")
    assert rows_of(done.folder)[0]["question"] == "First line.\n\nIs it red?"


TAKEN = {
    "trl": set(TEXT),
    "unsloth": set(TEXT),
    "kto": set(TEXT),
    "llamafactory": set(TEXT),
    "ms_swift": set(STRINGS),
    "axolotl": {"none"},
    "openrlhf": {"none"},
    "verl": {"one"},
    "easyr1": {"one", "none"},
    "internvl": {"one", "several", "none"},
    "mm_rlhf": {"one", "image"},
    "align_anything": {"one"},
    "rlaif_v": {"one"},
    "jsonl": set(STRINGS),
    "webdataset": set(STRINGS),
}


TRAINERS = [name for name in ROOM.names() if isinstance(ROOM.get(name), Exporter)]


@pytest.mark.parametrize("to", TRAINERS)
def test_each_takes_what_it_can_and_no_more(to, written, shapes, tmp_path) -> None:
    from pairwright.exporters._export import export
    from pairwright.schemas.errors import RunError

    for name, pair in shapes.items():
        folder = written(pair)
        if name in TAKEN[to]:
            assert export(folder, to, out=tmp_path / name).splits[0].pairs == 1
        else:
            with pytest.raises(RunError, match=f"{to} cannot take 1 of 1 pairs"):
                export(folder, to, out=tmp_path / name)
            assert not (tmp_path / name).exists()
        for path in folder.rglob("*.parquet"):
            path.unlink()

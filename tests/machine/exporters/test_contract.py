"""What holds for every exporter: it says what it does, refuses aloud, and leaves whole folders or none."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pairwright.exporters import ROOM, Exporter
from pairwright.exporters._export import RECORD, export
from pairwright.exporters._plan import ADVICE
from pairwright.runs.disk import temporary
from pairwright.schemas.errors import PairwrightError, ParameterError, RunError, UnknownPartError

EVERY = [name for name in ROOM.names() if isinstance(ROOM.get(name), Exporter)]
WANTED = {
    "align_anything",
    "axolotl",
    "easyr1",
    "internvl",
    "jsonl",
    "kto",
    "llamafactory",
    "mm_rlhf",
    "ms_swift",
    "openrlhf",
    "rlaif_v",
    "trl",
    "unsloth",
    "verl",
    "webdataset",
}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_room_has_its_exporters() -> None:
    assert set(EVERY) >= WANTED


@pytest.mark.parametrize("name", EVERY)
def test_exporters_explain_themselves(name: str) -> None:
    part = ROOM.get(name)
    assert isinstance(part, Exporter)
    assert part.summary
    assert part.source
    assert part.settings.__doc__
    assert part.refusals.keys() <= ADVICE.keys()
    for field in part.settings.model_fields.values():
        assert field.description
        assert not field.is_required()


@pytest.mark.parametrize("name", EVERY)
def test_what_is_refused_can_be_left_out_and_is_counted(name, written, tmp_path, shapes) -> None:
    folder, part = written(), ROOM.get(name)
    done = export(folder, name, out=tmp_path / "out", leave_out=list(part.refusals))
    record = json.loads((tmp_path / "out" / RECORD).read_text())
    assert record["left_out"] == done.left_out
    assert (record["exporter"], record["settings"]) == (name, part.settings().model_dump(mode="json"))
    settings = part.settings()
    from pairwright.exporters._reading import CHECKED, checked_rows, pair_files

    rows = [
        row for batch in pair_files(folder, unfinished=False).batches(CHECKED) for row in checked_rows(batch)
    ]
    refused = [row.id for row in rows if part.refuse(row, settings)]
    assert done.splits[0].pairs == len(shapes) - len(refused)
    for page in done.pages:
        assert (done.folder / page.name).read_text() == page.text
    for split in done.splits:
        assert all((done.folder / file).is_file() for file in split.files)
    assert not list(done.folder.rglob(".*"))


@pytest.mark.parametrize("name", EVERY)
def test_the_same_run_gives_the_same_bytes(name, written, tmp_path, monkeypatch) -> None:
    folder, reasons = written(), list(ROOM.get(name).refusals)
    out = tmp_path / "out"
    export(folder, name, out=out, leave_out=reasons)
    first = files_of(out)
    out.rename(tmp_path / "first")
    export(folder, name, out=out, leave_out=reasons)
    assert files_of(out) == first


def test_the_message_of_a_refusal_tells_why_who_else_and_what_to_do(written, tmp_path) -> None:
    with pytest.raises(RunError) as told:
        export(written(), "trl", out=tmp_path / "out")
    message = str(told.value)
    assert "trl cannot take 3 of 8 pairs" in message
    assert "3 for rejected_images: it puts the images of the prompt on both sides" in message
    assert "ms-swift" in message
    assert "To export the other 5: --leave-out rejected_images" in message
    assert not (tmp_path / "out").exists()
    assert not temporary(tmp_path / "out").exists()


def test_leaving_out_one_reason_of_two_is_not_enough(written, tmp_path) -> None:
    with pytest.raises(RunError, match="for no_image"):
        export(written(), "rlaif_v", out=tmp_path / "out", leave_out=["rejected_images"])


def test_nothing_left_is_an_error_even_on_request(written, tmp_path, shapes) -> None:
    with pytest.raises(RunError, match="No pair is left"):
        export(written(shapes["image"]), "trl", out=tmp_path / "out", leave_out=["rejected_images"])


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"to": "lamafactory"}, "Did you mean 'llamafactory'"),
        ({"to": "trl", "leave_out": ["rejected_image"]}, "Did you mean 'rejected_images'"),
        ({"to": "verl", "leave_out": [], "options": {"abilty": "x"}}, "Did you mean 'ability'"),
        ({"to": "verl", "options": {"pictures": "some"}}, "pictures"),
        ({"to": "llamafactory", "options": {"name": "mine, yours"}}, "name"),
        ({"to": "trl", "splits": ["test:5"]}, "NAME=SHARE"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(choices, told, written, tmp_path) -> None:
    folder = written()
    with pytest.raises((UnknownPartError, ParameterError), match=told):
        export(folder, choices.pop("to"), out=tmp_path / "out", **choices)
    assert not (tmp_path / "out").exists()


def test_an_export_is_never_written_over(written, tmp_path, shapes) -> None:
    folder, out = written(shapes["one"]), tmp_path / "out"
    export(folder, "trl", out=out)
    before = files_of(out)
    with pytest.raises(RunError, match="holds an export already"):
        export(folder, "trl", out=out)
    assert files_of(out) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(RunError, match="not empty"):
        export(folder, "trl", out=tmp_path / "mine")


def test_a_place_with_odd_letters_is_named_so_that_trainers_find_it(written, tmp_path, shapes) -> None:
    import shlex

    import yaml

    out = tmp_path / "my exports: 1 # 'a'"
    for name in ("mm_rlhf", "axolotl", "llamafactory", "rlaif_v"):
        shape = "none" if name == "axolotl" else "one"
        done = export(written(shapes[shape]), name, out=out / name)
        text = done.pages[-1].text
        if name == "rlaif_v":
            assert shlex.split(text.splitlines()[1])[1] == str(out / name / "train")
        else:
            told = yaml.safe_load(text)
            found = (
                told.get("dataset_dir") or (entry := told["datasets"][0]).get("path") or entry["json_path"]
            )
            assert Path(found).is_relative_to(out / name)
        for path in (tmp_path / "run").rglob("*.parquet"):
            path.unlink()


def test_an_empty_folder_may_be_given(written, tmp_path, shapes) -> None:
    (tmp_path / "out").mkdir()
    assert export(written(shapes["one"]), "trl", out=tmp_path / "out").splits[0].rows == 1


def test_a_failure_leaves_nothing(written, tmp_path, monkeypatch) -> None:
    from pairwright.exporters import _files

    placed = []

    def fail(self, picture) -> str:
        placed.append(picture)
        if len(placed) == 3:
            raise OSError(28, "No space left on device")
        return "images/x"

    monkeypatch.setattr(_files.PictureFolder, "place", fail)
    with pytest.raises(RunError, match="No space left"):
        export(written(), "ms_swift", out=tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_a_killed_export_leaves_no_folder_and_the_next_one_starts_anew(written, tmp_path) -> None:
    folder, out = written(), tmp_path / "out"
    code = (
        "import os, signal, sys\n"
        "from pairwright.exporters import _files, _export\n"
        "place, seen = _files.PictureFolder.place, []\n"
        "def once(self, picture):\n"
        "    seen.append(1)\n"
        "    if len(seen) == 4: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return place(self, picture)\n"
        "_files.PictureFolder.place = once\n"
        "_export.export(sys.argv[1], 'jsonl', out=sys.argv[2])\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code, str(folder), str(out)], check=False)
    assert done.returncode == -9
    assert not out.exists()
    assert temporary(out).is_dir()
    export(folder, "jsonl", out=out)
    assert not temporary(out).exists()
    whole = files_of(out)
    export(folder, "jsonl", out=tmp_path / "other")
    pictures = {name for name in whole if name.startswith("images/")}
    assert pictures == {name for name in files_of(tmp_path / "other") if name.startswith("images/")}


def test_two_exports_into_one_place_do_not_mix(written, tmp_path, shapes) -> None:
    from pairwright.runs.folder import locked

    folder = written(shapes["one"])
    with locked(temporary(tmp_path / "out")), pytest.raises(RunError, match="another process"):
        export(folder, "trl", out=tmp_path / "out")


def test_a_picture_that_is_not_the_one_told_of_is_refused(written, tmp_path, shapes) -> None:
    folder = written(shapes["one"])
    path = folder / "data/train-00000-00.parquet"
    rows = pq.read_table(path)
    changed = rows.to_pylist()
    changed[0]["images"][0]["bytes"] += b"x"
    pq.write_table(rows.from_pylist(changed, schema=rows.schema), path)
    with pytest.raises(RunError, match="not the one that images_meta tells of"):
        export(folder, "ms_swift", out=tmp_path / "out")
    changed[0]["images_meta"][0]["sha256"] = "../../../../etc/cron.d/evil"
    pq.write_table(rows.from_pylist(changed, schema=rows.schema), path)
    with pytest.raises(RunError, match="images_meta"):
        export(folder, "ms_swift", out=tmp_path / "out")


def test_a_folder_without_pairs_is_refused(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="holds no pairs"):
        export(tmp_path / "empty", "trl", out=tmp_path / "out")


def test_files_of_another_schema_are_refused(written, tmp_path, shapes) -> None:
    folder = written(shapes["one"])
    path = folder / "data/train-00000-00.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["question"]), path)
    with pytest.raises(RunError, match="no column question"):
        export(folder, "trl", out=tmp_path / "out")


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("chosen_text", None, "chosen_text is null"),
        ("images", None, "images is null"),
        ("images", [], "has not the pictures"),
    ],
)
def test_rows_that_no_validator_would_pass_are_refused(
    column, value, told, written, tmp_path, shapes
) -> None:
    folder = written(shapes["one"])
    path = folder / "data/train-00000-00.parquet"
    rows = pq.read_table(path)
    changed = [row | {column: value} for row in rows.to_pylist()]
    pq.write_table(rows.from_pylist(changed, schema=rows.schema), path)
    with pytest.raises(RunError, match=told):
        export(folder, "trl", out=tmp_path / "out")


@pytest.mark.parametrize("to", ["trl", "jsonl", "webdataset", "verl"])
def test_weights_of_words_that_a_trainer_has_no_column_for_are_told_of(to, written, tmp_path, shapes) -> None:
    done = export(written(shapes["one"]), to, out=tmp_path / "out")
    assert done.spans_lost == (0 if to in ("jsonl", "webdataset") else 1)


def test_a_run_is_exported_by_its_manifest(table, tmp_path) -> None:
    import pairwright

    out = tmp_path / "negatives"
    pairwright.build("image_dpo", source=table(6), out=out, workers=1)
    (out / "visual_negative/train-00099-00.parquet").write_bytes(b"left by a kill")
    assert pairwright.export(out, "ms-swift", out=tmp_path / "swift").splits[0].pairs == 6
    told = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(told | {"status": "running"}))
    with pytest.raises(RunError, match="not finished"):
        pairwright.export(out, "ms-swift", out=tmp_path / "again")
    assert pairwright.export(out, "ms-swift", out=tmp_path / "again", unfinished=True).splits[0].pairs == 6
    next((out / "visual_negative").glob("train-00000*")).write_bytes(b"cut")
    with pytest.raises(RunError, match="cut short"):
        pairwright.export(out, "ms-swift", out=tmp_path / "third", unfinished=True)


def test_many_pairs_make_small_row_groups(written, tmp_path, shapes) -> None:
    pairs = [replace(shapes["one"], id=f"{number:032x}") for number in range(250)]
    export(written(*pairs, files=3), "trl", out=tmp_path / "out", splits=[])
    metadata = pq.read_metadata(tmp_path / "out/train/00000.parquet")
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    assert sum(groups) == 250
    assert max(groups) <= 100


def test_the_command_line(written, tmp_path, shapes) -> None:
    folder = written(shapes["one"], shapes["none"], shapes["image"])
    pairwright = [
        sys.executable,
        "-P",
        "-m",
        "pairwright",
        "export",
        str(folder),
        "--out",
        str(tmp_path / "out"),
    ]
    refused = subprocess.run([*pairwright, "--to", "trl"], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "--leave-out rejected_images" in refused.stderr
    done = subprocess.run(
        [*pairwright, "--to", "trl", "--leave-out", "rejected_images"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "train: 2 pairs, 1 file\nleft out for rejected_images: 1\n" in done.stdout
    assert (tmp_path / "out/load.py").read_text().rstrip() in done.stdout
    ran = subprocess.run(
        [sys.executable, str(tmp_path / "out/load.py")], capture_output=True, text=True, check=True
    )
    assert "num_rows: 2" in ran.stdout


def test_a_broken_option_is_said(written, tmp_path, shapes) -> None:
    from pairwright.commands.export import _options

    assert _options(["pictures=false", "name=x"]) == {"pictures": False, "name": "x"}
    for broken in ("pictures", "=1", "a={"):
        with pytest.raises(PairwrightError):
            _options([broken])

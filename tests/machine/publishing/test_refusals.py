"""What is not published: runs that are not whole, sets without a licence, keys, cards that the Hub would refuse."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pairwright
from pairwright.edition import Version
from pairwright.publishing import card_rules, contents
from pairwright.publishing.contents import edition_of, prepare, versions_of, versions_text
from pairwright.publishing.licence import licence_of
from pairwright.publishing.texts import read_texts
from pairwright.schemas.errors import ParameterError, PublishError, RunError

pytestmark = pytest.mark.filterwarnings(
    "ignore:Use 'content=:DeprecationWarning"
)  # of the client's own calls

KEY = "sk-" + "a1B2" * 8


def refused(run, match: str, **more) -> str:
    with pytest.raises(PublishError, match=match) as told:
        prepare(run, licence=more.get("licence"), link=more.get("link"), token="hf_write")
    return str(told.value)


def changed_run(run, change) -> None:
    path = run / "run.json"
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def test_a_folder_without_a_run_stays_as_it_is(hub, tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        pairwright.push(tmp_path / "none", "me/photos")
    assert not (tmp_path / "none").exists()
    assert hub.seen == []


def test_a_run_that_is_not_finished(hub, run):
    changed_run(run, lambda told: told.update(status="running"))
    with pytest.raises(
        PublishError, match=r"not finished; nothing was uploaded\. The same `pairwright build`"
    ):
        pairwright.push(run, "me/photos")
    assert hub.count("POST|PUT") == 0


def test_a_file_that_is_gone(run):
    (run / "data" / "train-00000-00.parquet").unlink()
    assert "are built again by the same `pairwright build` command" in refused(
        run, "train-00000-00.parquet is missing"
    )


def test_a_file_that_was_changed_by_hand(run, monkeypatch):
    path = run / "data" / "train-00000-00.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(contents, "validate", lambda folder: [])  # a flipped bit in a text breaks no rule
    refused(run, "is not the file that was built: its SHA-256 is another")


def test_rows_that_break_the_schema(run, monkeypatch):
    path = run / "data" / "train-00000-00.parquet"
    table = pq.read_table(path)
    answers = pa.array([""] * len(table))
    pq.write_table(
        table.set_column(table.schema.get_field_index("chosen_text"), "chosen_text", answers), path
    )
    line = json.loads((run / "manifest.jsonl").read_text().splitlines()[0])
    line["files"][0]["bytes"] = path.stat().st_size
    rest = (run / "manifest.jsonl").read_text().splitlines()[1:]
    (run / "manifest.jsonl").write_text("\n".join([json.dumps(line), *rest]) + "\n")
    assert "pairwright validate" in refused(run, "chosen_text")


def test_a_run_without_pairs(tmp_path, table):
    recipe = tmp_path / "empty.yaml"
    recipe.write_text(
        f"name: empty\nsource: {{path: {table(2)}}}\nbuilder: visual_negative\n"
        f"parameters: {{perturbations: [{{name: jpeg}}], accept: {{ssim: {{max: 0.0}}}}}}\noutput: {{path: {tmp_path / 'e'}}}\n"
    )
    pairwright.build(recipe, workers=1)
    refused(tmp_path / "e", "has neither pairs nor candidates; `pairwright show")


def test_too_many_files(photos, monkeypatch):
    monkeypatch.setattr(contents, "MOST_FILES", 1)
    refused(photos(), "config default has 2 files, the Hub takes 1 in a folder; .*output.shard_rows")


@pytest.mark.parametrize("where", ["about", "parameters"])
def test_a_key_in_the_recipe(run, where):
    change = {"about": lambda told: told["recipe"].update(about=f"Asked with {KEY}.")}
    change["parameters"] = lambda told: told["recipe"]["parameters"].update(header=f"Bearer {'x' * 20}")
    changed_run(run, change[where])
    message = refused(run, "holds what looks like a key; nothing was uploaded")
    assert KEY not in message
    assert "x" * 20 not in message


def test_the_key_of_a_variable_that_the_recipe_names(run, monkeypatch):
    monkeypatch.setenv("MY_KEY", "correct horse battery")

    def change(told):
        told["recipe"]["parameters"]["judge"] = {"api_key_env": "MY_KEY"}
        told["recipe"]["about"] = "Judged with correct horse battery."

    changed_run(run, change)
    refused(run, "recipe.yaml, line 2, holds what looks like a key")


@pytest.mark.parametrize("secret", [KEY, "hf_write"])
def test_a_key_in_a_text(tmp_path, secret):
    rows = {"chosen_text": ["fine", f"my key is {secret}"], "license": [None, None], "images_meta": [[], []]}
    pq.write_table(pa.table(rows), tmp_path / "x.parquet")
    with pytest.raises(PublishError, match=r"x.parquet, column chosen_text: a text holds") as told:
        read_texts(tmp_path, ["x.parquet"], {"hf_write"}, None)
    assert secret not in str(told.value)


def test_folders_and_names_of_people_are_told(tmp_path):
    meta = [{"source_uri": "/home/me/cat.jpg", "license": "mit"}]
    rows = {
        "license": [None, "cc0-1.0"],
        "images_meta": [meta, []],
        "chosen_model": ["/home/me/models/llava", "llava"],
        "chosen_text": ["It lies in /home/me/models.", ""],
        "annotations": [[{"annotator": "ann"}, {"annotator": "bob"}], [{"annotator": "ann"}]],
    }
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table(rows), tmp_path / "data" / "x.parquet")
    found = read_texts(tmp_path, ["data/x.parquet"], set(), "unused")
    assert found.homes == {"data.chosen_model": 1, "data.images_meta.source_uri": 1}
    assert found.people == {"ann", "bob"}
    assert found.licences == {"mit", "cc0-1.0"}


def test_rows_that_name_no_licence_have_the_recipes(tmp_path):
    rows = {"license": pa.array([None, None], pa.string()), "images_meta": [[{"license": None}], None]}
    pq.write_table(pa.table(rows), tmp_path / "x.parquet")
    assert read_texts(tmp_path, ["x.parquet"], set(), "mit").licences == {"mit"}
    assert read_texts(tmp_path, ["x.parquet"], set(), None).licences == {None}


def test_licences_that_do_not_go_together(hub, photos):
    run = photos(license="my own terms")
    with pytest.raises(PublishError, match="licences of its rows and pictures: my own terms"):
        pairwright.push(run, "me/photos")
    assert hub.count("POST|PUT") == 0
    pairwright.push(run, "me/photos", license="my own terms", license_link="https://example.org/terms")
    card = hub.store.repos["me/photos"].branches["main"][-1].files["README.md"].content.decode()
    assert "license: other\nlicense_name: my-own-terms\nlicense_link: https://example.org/terms\n" in card
    assert "Published under `my-own-terms` (https://example.org/terms)." in card


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ({"cc-by-sa-4.0", "cc-by-nc-4.0"}, "each asks for what another forbids"),
        ({"cc-by-nd-4.0", "mit"}, "forbid adaptations"),
        ({None, "mit"}, "rows name none at all"),
    ],
)
def test_obstacles_say_what_to_do(names, why):
    with pytest.raises(PublishError, match=why) as told:
        licence_of(names, decided=None, link=None)
    for name in names:
        assert (name or "none named") in str(told.value)
    assert "--license ID decides" in str(told.value)
    assert licence_of(names, decided="CC BY-NC 4.0", link=None).metadata == {"license": "cc-by-nc-4.0"}


def test_a_licence_that_nobody_knows_needs_a_link():
    with pytest.raises(ParameterError, match="does not know 'cc-by-40'"):
        licence_of({"mit"}, decided="cc-by-40", link=None)
    with pytest.raises(ParameterError, match="give both"):
        licence_of({"mit"}, decided=None, link="https://example.org")


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ("license: cc-by-40", "license: the Hub does not know 'cc-by-40'"),
        ("license: other", "license_name: expected"),
        ("license: other\nlicense_name: my-own", "license_link: expected"),
        ("license: mit\nlanguage: [English]", "language: 'English' is no ISO 639 code"),
        ("license: mit\nlanguage: en", "language: expected a list of texts"),
        ("license: mit\nsize_categories: [many]", "size_categories: 'many'"),
        ("license: mit\nlicense: mit", "is no YAML: line 2"),
        ("- license", "no mapping"),
    ],
)
def test_what_the_hub_would_say_is_said_first(metadata, told):
    configs = "configs: [{config_name: a, data_files: [x]}]\npretty_name: x\n" if ":" in metadata else ""
    with pytest.raises(PublishError, match=told):
        card_rules.require_valid(f"---\n{metadata}\n{configs}---\n")


@pytest.mark.parametrize(
    ("configs", "told"),
    [
        ("[]", "the set has no rows"),
        ("[{config_name: a/b, data_files: [x]}]", "'a/b' is no name"),
        ("[{config_name: a, data_files: [x]}, {config_name: a, data_files: [x]}]", "'a' stands twice"),
        ("[{config_name: a}]", "a names no files"),
    ],
)
def test_configs_that_the_hub_would_refuse(configs, told):
    with pytest.raises(PublishError, match=told):
        card_rules.require_valid(f"---\nlicense: mit\npretty_name: x\nconfigs: {configs}\n---\n")


def test_a_card_that_only_the_hub_refuses_uploads_nothing(hub, run):
    said = 'the Hub refuses the card; nothing was uploaded:\n  - "license" must be one of'
    with pytest.raises(PublishError, match=said):
        pairwright.push(run, "me/photos", license="gfdl")  # the double knows few licences
    assert hub.count("PUT|POST .*/commit/") == 0
    assert hub.store.repos == {}


def test_versions_are_read_back():
    versions = (Version(1, "2026-11-22", (("default", 3),), ()), Version(2, "2026-11-23", (), ("ü",)))
    assert versions_of(versions_text(versions).encode()) == versions


def test_hostile_texts_stay_in_the_cells_of_the_card(run):
    prepared = prepare(run, licence=None, link=None, token=None)
    version = Version(1, "2026-11-22", (("default", 1),), ("x | <script>\n# y",))
    card, _ = edition_of(prepared, "me/photos", None, (version,))
    assert "x \\| &lt;script&gt; # y." in card.content.decode()

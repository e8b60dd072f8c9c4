"""The data set card of a run, read back with the Hub's own library and with ``datasets``."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pairwright.card import code, plain, size_category, write_card
from pairwright.licences import hub_license
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RunError
from pairwright.schemas.judgement import Judgement

hub = pytest.importorskip("huggingface_hub")


def metadata(folder: Path) -> dict:
    card = hub.DatasetCard.load(write_card(folder))
    assert yaml.safe_load(card.data.to_yaml()) == card.data.to_dict()
    return card.data.to_dict()


def test_metadata_is_what_the_hub_reads(small_run):
    assert metadata(small_run) == {
        "license": "other",
        "license_name": "mixed",
        "language": ["en"],
        "pretty_name": "run",
        "size_categories": ["n<1K"],
        "task_categories": ["image-text-to-text", "visual-question-answering"],
        "tags": ["preference", "dpo", "multimodal", "vision-language", "pairwright"],
        "configs": [
            {
                "config_name": "default",
                "default": True,
                "data_files": [{"split": "train", "path": "data/train-*.parquet"}],
            },
            {
                "config_name": "visual_negative",
                "data_files": [{"split": "train", "path": "visual_negative/train-*.parquet"}],
            },
        ],
    }


def test_datasets_loads_both_configs(small_run, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    write_card(small_run)
    load = {"split": "train", "cache_dir": str(tmp_path / "cache")}
    default = datasets.load_dataset(str(small_run), **load)
    negatives = datasets.load_dataset(str(small_run), "visual_negative", **load)
    assert set(default["pair_kind"]) == {"text"}
    assert set(negatives["pair_kind"]) == {"image"}
    assert negatives[0]["rejected_images"][0].size == (512, 512)


def test_a_sole_config_is_the_default_one(make_run, image_pair, tmp_path):
    datasets = pytest.importorskip("datasets")
    folder = make_run(([image_pair()], []))
    [config] = metadata(folder)["configs"]
    assert (config["config_name"], config["default"]) == ("visual_negative", True)
    loaded = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded[0]["pair_kind"] == "image"
    assert "DPOTrainer" not in (folder / "README.md").read_text()


def test_datasets_loads_the_candidates(judged_run, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    names = [config["config_name"] for config in metadata(judged_run)["configs"]]
    assert names == ["default", "candidates"]
    load = {"split": "train", "cache_dir": str(tmp_path / "cache")}
    assert len(datasets.load_dataset(str(judged_run), **load)) == 4
    candidates = datasets.load_dataset(str(judged_run), "candidates", **load)
    assert len(candidates) == 5
    assert candidates[0]["images"][0].size == (600, 400)
    assert candidates[0]["candidates"][1]["model"] == "writer-b"


def test_a_judged_card_tells_how_answers_were_written_and_judged(judged_run):
    text = write_card(judged_run).read_text(encoding="utf-8")
    for told in (
        "12 answers to 5 prompts, 11 of them with a score",
        "| writer-b | 4 | 3.75 | 79 % |",
        "- judge-vlm (listwise, prompt listwise v1 #0c1d2e3f), 4 pairs",
        "| judge-vlm | helpfulness | mean 3.18 of 1 to 5 |",
        "no number for how far this judge agrees with people",
        "| writer-b | unknown | 2 |",
        "Judges that are models prefer longer answers",
        "Chosen answers are 333 % longer",
        '"candidates", split="train")',
        "2 candidates refused, 1 pair left out",
    ):
        assert told in text, told


def test_a_public_card_names_no_private_machine_and_no_key(judged_run):
    told = json.loads((judged_run / "run.json").read_text())
    told["recipe"]["parameters"] = {
        "judge": {"base_url": "http://10.1.2.3:8000/v1", "endpoint": "the-box-in-the-cellar"},
        "samplers": [{"base_url": "https://me:pass-word-1@api.judge.example.com/v1?key=sk-secret-2"}],
    }
    (judged_run / "run.json").write_text(json.dumps(told))
    text = write_card(judged_run).read_text(encoding="utf-8")
    for private in ("10.1.2.3", "cellar", "pass-word-1", "sk-secret-2", "somebody"):
        assert private not in text
    assert "judge-vlm at api.judge.example.com" in text
    assert "base_url: https://api.judge.example.com/v1" in text
    assert "| writer-a | 7 | 18 |" in text


def test_a_card_of_checked_answers_says_what_a_rule_cannot_see(make_judged_run, judged, candidate):
    def checked(text: str, value: float) -> Candidate:
        said = (Judgement("candidate", "exact", "correct", value, 0.0, 1.0),)
        return replace(candidate(text, value), judgements=said)

    by = [{"name": "exact", "kind": "exact"}]
    folder = make_judged_run([judged([checked("Two.", 1.0), checked("Six.", 0.0)], judged_by=by)])
    text = write_card(folder).read_text(encoding="utf-8")
    assert "| exact | correct | 1 right, 1 wrong |" in text
    assert "a right answer may stand at the end of wrong reasoning" in text
    assert "Judges that are models" not in text


@pytest.mark.parametrize(
    ("licenses", "expected"),
    [
        (["CC-BY-4.0", "CC-BY-4.0"], {"license": "cc-by-4.0"}),
        (["CC BY 4.0", "cc-by-4.0"], {"license": "cc-by-4.0"}),
        (["mit", "cc-by-4.0"], {"license": "other", "license_name": "mixed"}),
        (["mit", None], {"license": "other", "license_name": "mixed"}),
        ([None, None], {"license": "other", "license_name": "unknown"}),
        (["My Own: Terms", "My Own: Terms"], {"license": "other", "license_name": "my-own-terms"}),
    ],
)
def test_licence(make_run, text_pair, licenses, expected):
    pairs = [text_pair(number=number, license=license) for number, license in enumerate(licenses)]
    folder = make_run((pairs, []))
    found = metadata(folder)
    assert {key: found[key] for key in ("license", "license_name") if key in found} == expected
    assert ("find out before you share" in (folder / "README.md").read_text()) == (None in licenses)


@pytest.mark.parametrize(
    ("name", "expected"), [("odbl-1.0", "odbl"), ("GPL-3.0-only", "gpl-3.0"), ("wild", None)]
)
def test_spdx_identifiers_become_the_hubs(name, expected):
    assert hub_license(name) == expected


@pytest.mark.parametrize(
    ("pairs", "category"),
    [(0, "n<1K"), (9_999, "1K<n<10K"), (10_000, "10K<n<100K"), (10**7, "10M<n<100M"), (10**12, "n>1T")],
)
def test_size_category(pairs, category):
    assert size_category(pairs) == category


def test_the_text_tells_how_it_was_made(small_run):
    text = write_card(small_run).read_text(encoding="utf-8")
    for told in (
        "8 source rows: 5 gave 5 pairs, 3 rejects; 2 rows wait for pairwright retry.",
        "| `gaussian_blur` | radius 12–30 px | 3 |",
        "| row | `image_missing` | 2 |",
        "TRL and LLaMA-Factory ignore the column `rejected_images`",
        "cc-by-4.0 20 %",
        "Recipe `image_dpo`",
    ):
        assert told in text


def test_a_public_card_names_no_folder_of_this_machine(small_run):
    text = write_card(small_run).read_text(encoding="utf-8")
    assert "somebody" not in text
    assert "path: photos.csv" in text


def test_hostile_texts_stay_in_their_place(make_run, text_pair):
    title = 'x"\n---\nlicense: mit # <script>\n```'
    pair = replace(text_pair(license="| <b>\n# own"), language="en\nevil: true")
    folder = make_run(([pair], []), pretty_name=title)
    found = metadata(folder)
    assert found["pretty_name"] == 'x" --- license: mit # <script> ```'
    assert found["license"] == "other"
    assert "language" not in found
    body = (folder / "README.md").read_text().split("\n---\n", 1)[1]
    assert body.count("```yaml") == 1
    prose, recipe = body.split("```yaml")
    assert recipe.count("```") == 1  # the fence ends once, at the end
    assert "<script>" not in prose
    assert "<b>" not in prose


def test_plain_takes_markdown_and_html_out():
    assert plain("[a](b) `c` <i>") == "\\[a\\](b) \\`c\\` &lt;i&gt;"


def test_the_same_folder_gives_the_same_card(small_run):
    first = write_card(small_run).read_bytes()
    assert write_card(small_run).read_bytes() == first


def test_an_unfinished_run_says_so(make_run):
    folder = make_run(status="running")
    assert "configs" not in metadata(folder)
    assert "is not finished" in (folder / "README.md").read_text()


def test_a_folder_that_is_no_run_is_a_clear_error(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        write_card(tmp_path)
    assert not (tmp_path / "README.md").exists()


def test_a_run_file_from_somewhere_puts_nothing_on_the_card(small_run: Path) -> None:
    path = small_run / "run.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"recipe_fingerprint": "`<img src=//evil>`", "limit": "3"})
    )
    assert "`'<img src=//evil>'`" in write_card(small_run).read_text()


def test_code_in_a_table_keeps_to_its_cell() -> None:
    assert code("a`|\u202e\x1b[2J b") == "`a'¦ [2J b`"

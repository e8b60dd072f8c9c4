"""Pushing runs to a double of the Hub with the real client: what stands there then, and what a second push does."""

import json
import re
import shutil

import pytest
import yaml

import pairwright
from pairwright.api import build
from pairwright.cli import main
from pairwright.importing import import_set
from pairwright.publishing.push import preview
from pairwright.schemas.errors import PublishError

pytestmark = pytest.mark.filterwarnings(
    "ignore:Use 'content=:DeprecationWarning"
)  # of the client's own calls

UPLOADS = "PUT /_large/"
COMMITS = "POST .*/commit/"


def last(hub, repo="me/photos", branch="main"):
    return hub.store.repos[repo].branches[branch][-1]


def texts(commit):
    """Return the small files of a commit, all but the Hub's own."""
    return {path: file.content.decode() for path, file in commit.files.items() if not file.large}


def metadata(commit):
    return yaml.safe_load(texts(commit)["README.md"].split("---\n")[1])


def test_a_push_publishes_everything_in_one_commit(hub, photos):
    run = photos()
    pushed = pairwright.push(run, "me/photos")
    repo = hub.store.repos["me/photos"]
    first, commit = repo.branches["main"]
    assert (pushed.committed, pushed.version, pushed.deleted, pushed.said) == (True, 1, 0, ())
    assert pushed.url == f"{hub.url}/datasets/me/photos/commit/{commit.oid}"
    assert commit.summary == "Version 1: default 6 rows, visual_negative 6 rows"
    assert not repo.private
    data = {
        str(path.relative_to(run)): path.read_bytes()
        for folder in ("data", "visual_negative")
        for path in (run / folder).iterdir()
    }
    assert len(data) == 4
    assert {path: commit.files[path].content for path in data} == data
    assert all(commit.files[path].large for path in data)
    assert texts(commit).keys() == {
        *(".gitattributes", "README.md", "manifest.jsonl", "recipe.yaml", "run.json", "versions.json")
    }
    assert pushed.added == len(commit.files) - len(first.files)
    assert pushed.uploaded == sum(len(file.content) for file in commit.files.values()) - len(
        commit.files[".gitattributes"].content
    )


def test_the_card_says_what_the_set_is(hub, photos):
    pairwright.push(photos(), "me/photos")
    commit = last(hub)
    told = metadata(commit)
    assert told["license"] == "cc-by-4.0"
    assert told["pretty_name"] == "Photographs"
    assert [config["config_name"] for config in told["configs"]] == ["default", "visual_negative"]
    card = texts(commit)["README.md"]
    assert 'load_dataset("me/photos", "visual_negative", split="train")' in card
    assert "<this repository>" not in card
    assert "- **1** (2" in card
    shown = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", card)
    assert len(shown) == 3 * 1 + 3 * 2
    assert {path for path in commit.files if path.startswith("samples/")} == set(shown)
    assert all(commit.files[path].content[8:12] == b"WEBP" for path in shown)


def test_candidates_are_published_with_their_ratings(hub, rated):
    pairwright.push(rated, "me/rated", license="cc0-1.0")
    commit = last(hub, "me/rated")
    assert commit.summary == "Version 1: default 15 rows, candidates 5 rows"
    assert "candidates/train-00000-00.parquet" in commit.files
    assert "rejects" not in {path.partition("/")[0] for path in commit.files}
    assert json.loads(texts(commit)["manifest.jsonl"])["files"][-1]["name"].startswith("candidates/")
    assert "decided on its licence" in texts(commit)["README.md"]


def test_candidates_without_pairs_are_a_set_as_well(hub, rated, tmp_path):
    pairwright.pair(rated, "margin", overrides=["at_least=99"], out=tmp_path / "wide")
    pushed = pairwright.push(tmp_path / "wide", "me/wide", license="cc0-1.0")
    assert pushed.committed
    assert last(hub, "me/wide").summary == "Version 1: candidates 5 rows"
    assert [one["config_name"] for one in metadata(last(hub, "me/wide"))["configs"]] == ["candidates"]
    assert "## Samples" not in texts(last(hub, "me/wide"))["README.md"]


def test_nothing_tells_of_the_machine_or_the_token(hub, photos, tmp_path):
    pairwright.push(photos(), "me/photos")
    for path, text in texts(last(hub)).items():
        assert str(tmp_path) not in text, path
        assert "hf_write" not in text, path
    assert json.loads(texts(last(hub))["run.json"])["source"]["path"] == "run.parquet"
    assert not any("hf_write" in one.path for one in hub.seen)
    assert {one.token for one in hub.seen if one.method == "PUT"} == {None}  # storage is another house


def test_a_published_recipe_is_a_recipe(hub, photos, tmp_path):
    pairwright.push(photos(), "me/photos")
    path = tmp_path / "again.yaml"
    path.write_text(texts(last(hub))["recipe.yaml"])
    assert pairwright.load_recipe(path).name == "photos"


def test_a_published_set_downloaded_is_valid_and_can_be_shown(hub, built, csv_with_faults, tmp_path):
    pairwright.push(built(csv_with_faults, name="with-rejects"), "me/photos")
    for path, file in last(hub).files.items():
        (tmp_path / "down" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "down" / path).write_bytes(file.content)
    assert pairwright.validate(tmp_path / "down") == []
    summary = pairwright.summarize(tmp_path / "down")
    assert summary.problems == ()
    assert sum(one.count for one in summary.rejects) == 4


def test_a_push_of_the_same_makes_no_commit(hub, photos):
    run = photos()
    pairwright.push(run, "me/photos")
    before, uploads = last(hub), hub.count(UPLOADS)
    again = pairwright.push(run, "me/photos")
    assert (again.committed, again.version, again.added, again.uploaded) == (False, 1, 0, 0)
    assert again.url == f"{hub.url}/datasets/me/photos"
    assert last(hub) is before
    assert (hub.count(UPLOADS), hub.count(COMMITS)) == (uploads, 1)


def test_another_version_says_what_has_changed(hub, photos, tmp_path):
    pairwright.push(photos(10), "me/photos")
    before = last(hub)
    shutil.rmtree(tmp_path / "run")
    pushed = pairwright.push(photos(6, seed=1), "me/photos")
    commit = last(hub)
    assert commit.summary == "Version 2: default +0 −4 rows, visual_negative +6 −10 rows"
    assert pushed.said == (
        "default: 0 rows added, 4 removed, 6 of the same id (10 before, 6 now)",
        "visual_negative: 6 rows added, 10 removed, 0 of the same id (10 before, 6 now)",
        "recipe: seed was 0, is 1",
    )
    assert commit.description.splitlines()[:3] == list(pushed.said)
    gone = {path for path in before.files if path not in commit.files}
    assert {path for path in gone if not path.startswith("samples/")} == {
        "data/train-00002-00.parquet",
        "visual_negative/train-00002-00.parquet",
    }
    assert pushed.deleted == len(gone)
    card = texts(commit)["README.md"]
    assert card.index("- **2** (") < card.index("- **1** (")
    assert "recipe: seed was 0, is 1." in card
    assert [one["number"] for one in json.loads(texts(commit)["versions.json"])] == [1, 2]
    assert not pairwright.push(tmp_path / "run", "me/photos").committed


def test_only_what_differs_is_uploaded(hub, photos, tmp_path):
    pairwright.push(photos(6), "me/photos")
    uploads = {one.path for one in hub.seen if one.method == "PUT"}
    shutil.rmtree(tmp_path / "run")
    hub.seen.clear()
    pushed = pairwright.push(photos(10), "me/photos")  # the first shard is the same, byte for byte
    assert last(hub).summary == "Version 2: default +4 −0 rows, visual_negative +4 −0 rows"
    assert not uploads & {one.path for one in hub.seen if one.method == "PUT"}
    assert "data/train-00000-00.parquet" not in " ".join(last(hub).changed)
    assert pushed.said[0] == "default: 4 rows added, 0 removed, 6 of the same id (6 before, 10 now)"


def test_another_licence_is_no_other_version(hub, photos):
    run = photos()
    pairwright.push(run, "me/photos")
    pushed = pairwright.push(run, "me/photos", license="cc-by-nc-4.0")
    assert (pushed.committed, pushed.version, pushed.added) == (True, 1, 1)
    assert pushed.said == ("licence was cc-by-4.0, is cc-by-nc-4.0",)
    assert last(hub).summary == "Card and what is told of the run; rows as in version 1"
    assert last(hub).changed == ("file:README.md",)
    assert metadata(last(hub))["license"] == "cc-by-nc-4.0"


def test_private(hub, photos):
    run = photos()
    pairwright.push(run, "me/photos", private=True)
    assert hub.store.repos["me/photos"].private
    assert not pairwright.push(run, "me/photos", private=True).committed
    assert not pairwright.push(run, "me/photos").committed  # and stays private


def test_private_does_not_go_into_what_is_public(hub, photos):
    run = photos()
    pairwright.push(run, "me/photos")
    seen = len(hub.seen)
    with pytest.raises(PublishError, match="is there and public"):
        pairwright.push(run, "me/photos", private=True)
    assert all(one.method == "GET" for one in hub.seen[seen:])


def test_a_branch_begins_at_the_main_one(hub, photos, tmp_path):
    run = photos()
    pairwright.push(run, "me/photos")
    shutil.rmtree(tmp_path / "run")
    pushed = pairwright.push(photos(8), "me/photos", revision="more/rows")
    branches = hub.store.repos["me/photos"].branches
    assert {name: len(commits) for name, commits in branches.items()} == {"main": 2, "more/rows": 2}
    assert branches["more/rows"][-1].summary == "Version 2: default +2 −0 rows, visual_negative +2 −0 rows"
    assert 'split="train", revision="more/rows")' in texts(branches["more/rows"][-1])["README.md"]
    assert pushed.committed
    again = pairwright.push(tmp_path / "run", "me/photos", revision="more/rows")
    assert (again.committed, again.url) == (False, f"{hub.url}/datasets/me/photos/tree/more/rows")


def test_a_first_push_may_go_to_a_branch(hub, photos):
    pairwright.push(photos(), "me/photos", revision="try")
    branches = hub.store.repos["me/photos"].branches
    assert [commit.summary for commit in branches["main"]] == ["initial commit"]
    assert branches["try"][-1].summary.startswith("Version 1")


def test_a_tag_is_no_branch(hub, photos):
    run = photos()
    pairwright.push(run, "me/photos")
    hub.store.repos["me/photos"].tags["v1"] = last(hub)
    with pytest.raises(PublishError, match="v1 is a tag"):
        pairwright.push(run, "me/photos", revision="v1")


def test_what_people_have_put_there_stays(hub, photos, tmp_path):
    from hub_store import moved

    pairwright.push(photos(6), "me/photos")
    moved(hub.store.repos["me/photos"], "main", "LICENSE", b"terms")
    moved(hub.store.repos["me/photos"], "main", "docs/how.md", b"by hand")
    shutil.rmtree(tmp_path / "run")
    pairwright.push(photos(3), "me/photos")
    assert last(hub).files["LICENSE"].content == b"terms"
    assert last(hub).files["docs/how.md"].content == b"by hand"


@pytest.mark.parametrize("path", ["data/train-00000-of-00001.parquet", "model.safetensors"])
def test_a_repository_of_something_else_is_left_alone(hub, photos, path):
    from hub_store import Repo, moved

    hub.store.repos["me/photos"] = Repo(private=False)
    moved(hub.store.repos["me/photos"], "main", path, b"theirs")
    with pytest.raises(PublishError, match=f"no push has put there: {path}"):
        pairwright.push(photos(), "me/photos")
    assert hub.count("POST|PUT") == 0


def test_a_preview_asks_nobody(hub, photos, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    preview(photos(), "me/photos", tmp_path / "look")
    assert hub.seen == []
    card = (tmp_path / "look" / "README.md").read_text()
    assert all((tmp_path / "look" / path).is_file() for path in re.findall(r"\((samples/[^)]*)\)", card))
    assert 'load_dataset("me/photos"' in card


def test_a_preview_does_not_replace_a_run(photos):
    run = photos(1)
    before = (run / "run.json").read_bytes()
    with pytest.raises(pairwright.PairwrightError, match="holds a run"):
        preview(run, "me/photos", run)
    assert (run / "run.json").read_bytes() == before


def test_the_command_tells_what_it_did(hub, photos, capsys):
    run = photos()
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main(["push", str(run), "me/photos"])
        assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"version 1 is published: 1\d files new or changed \([\d.]+ [kM]B\)", lines[0])
    assert lines[1].startswith(f"{hub.url}/datasets/me/photos/commit/")
    assert lines[2:] == [
        "nothing has changed since version 1: no commit was made",
        f"{hub.url}/datasets/me/photos",
    ]


def test_a_run_that_is_built_into_waits(hub, photos, tmp_path):
    from pairwright.runs.folder import locked

    run = photos()
    with locked(run), pytest.raises(pairwright.PairwrightError, match="another process is building"):
        pairwright.push(run, "me/photos")
    build(tmp_path / "run.yaml", workers=1)
    assert pairwright.push(run, "me/photos").committed


def test_what_somebody_has_broken_there_is_written_anew(hub, photos, tmp_path):
    from hub_store import moved

    pairwright.push(photos(3), "me/photos")
    repo = hub.store.repos["me/photos"]
    moved(repo, "main", "recipe.yaml", b"{")
    moved(repo, "main", "README.md", b"My words.")
    shutil.rmtree(tmp_path / "run")
    pushed = pairwright.push(photos(6, seed=1), "me/photos")
    assert [line.partition(":")[0] for line in pushed.said] == ["default", "visual_negative"]
    assert yaml.safe_load(texts(last(hub))["recipe.yaml"])["seed"] == 1
    assert metadata(last(hub))["license"] == "cc-by-4.0"


@pytest.mark.parametrize("content", [b"", b"{}", b'[{"number": 1}]'])
def test_a_list_of_versions_that_cannot_be_read(hub, photos, content):
    from hub_store import moved

    run = photos(3)
    pairwright.push(run, "me/photos")
    moved(hub.store.repos["me/photos"], "main", "versions.json", content)
    with pytest.raises(PublishError, match=r"versions\.json of me/photos is not as a push has written it"):
        pairwright.push(run, "me/photos")


def test_files_of_the_version_before_that_cannot_be_read(hub, photos, tmp_path):
    from hub_store import moved

    pairwright.push(photos(6), "me/photos")
    moved(hub.store.repos["me/photos"], "main", "data/train-00001-00.parquet", b"PAR1 not at all")
    with pytest.raises(
        PublishError, match=r"data/train-00001-00\.parquet of the version before cannot be read"
    ):
        pairwright.push(tmp_path / "run", "me/photos")


def test_a_set_that_people_have_labelled_says_how_far_they_agree(hub, tmp_path, photographs):
    (tmp_path / "a.jpg").write_bytes(photographs[0])
    votes = [
        ["answer_1", "answer_1"],
        ["answer_2", "answer_2"],
        ["answer_1", "answer_2"],
        ["answer_1", "answer_1"],
    ]
    rows = [
        {
            "id": f"r-{number}",
            "_server_id": f"s-{number}",
            "question": "What is it?",
            "image": "a.jpg",
            "answer_1": f"A square, {number}.",
            "answer_2": f"A cat, {number}.",
            "preference.responses": said,
            "preference.responses.users": ["ann", "bob"],
            "preference.responses.status": ["submitted", "submitted"],
        }
        for number, said in enumerate(votes)
    ]
    source = tmp_path / "records.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    import_set(source, layout="argilla", out=tmp_path / "people", overrides=["source.license=mit"], workers=1)
    pushed = pairwright.push(tmp_path / "people", "me/people")
    assert any("names of 2 annotators" in note for note in pushed.notes)
    card = texts(last(hub, "me/people"))["README.md"]
    assert "formed from what people or judges said of answers in the set that it was made of" in card
    assert (
        "- on which of two answers is better: Fleiss' kappa 0.47 over pairs of answers with 2 votes" in card
    )
    assert "Labels are judgements, of people or of models" in card
    for wrong in ("not read by people", "Nobody else judged", "Judges that are models"):
        assert wrong not in card

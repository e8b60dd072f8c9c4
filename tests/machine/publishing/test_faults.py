"""What the Hub refuses or loses, told in words that help, and nothing done twice."""

import logging

import pytest
from huggingface_hub import constants

import pairwright
from pairwright.publishing.repository import Repository
from pairwright.schemas.errors import PublishError

pytestmark = pytest.mark.filterwarnings(
    "ignore:Use 'content=:DeprecationWarning"
)  # of the client's own calls

UPLOADS = "PUT /_large/"
COMMIT = "POST .*/commit/"


@pytest.fixture
def fault(hub):
    """Return a function that makes requests fail."""
    from hub_server import Fault

    def add(pattern: str, status: int = 0, **more):
        hub.faults.append(Fault(pattern, status, **more))

    return add


def commits(hub) -> list[str]:
    return [commit.summary for commit in hub.store.repos["me/photos"].branches["main"][1:]]


def test_nobody_logged_in(hub, run, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(
        PublishError, match=r"nobody is logged in to the Hub: `hf auth login`, or set HF_TOKEN"
    ):
        pairwright.push(run, "me/photos")
    assert hub.seen == []


def test_a_login_that_is_not_valid(hub, run, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_yesterday")
    with pytest.raises(PublishError, match=r"\(401\): `hf auth login`") as refused:
        pairwright.push(run, "me/photos")
    assert "hf_of_yesterday" not in str(refused.value)
    assert hub.count("POST|PUT") == 0


@pytest.mark.parametrize(("token", "repo"), [("hf_read", "me/photos"), ("hf_write", "strangers/photos")])
def test_a_login_that_may_not_write(hub, run, monkeypatch, token, repo):
    monkeypatch.setenv("HF_TOKEN", token)
    owner = repo.partition("/")[0]
    with pytest.raises(
        PublishError, match=rf"\(403\): the token needs the right to write, and {owner} has to be you"
    ):
        pairwright.push(run, repo)
    assert hub.store.repos == {}
    assert hub.count("PUT") == 0


def test_a_repository_that_vanishes(hub, run, monkeypatch):
    upload = Repository.upload

    def vanishing(self, items):
        adds = upload(self, items)
        hub.store.repos.clear()
        return adds

    monkeypatch.setattr(Repository, "upload", vanishing)
    with pytest.raises(PublishError, match=r"did not make the commit: there is no such repository.*\(404\)"):
        pairwright.push(run, "me/photos")


def test_somebody_else_is_quicker(hub, run, monkeypatch):
    from hub_store import moved

    upload = Repository.upload

    def overtaken(self, items):
        adds = upload(self, items)
        moved(hub.store.repos["me/photos"], "main", "LICENSE", b"theirs")
        return adds

    monkeypatch.setattr(Repository, "upload", overtaken)
    with pytest.raises(PublishError, match=r"somebody else .* \(412\)"):
        pairwright.push(run, "me/photos")
    monkeypatch.setattr(Repository, "upload", upload)
    assert commits(hub) == ["Update LICENSE"]
    uploads = hub.count(UPLOADS)
    assert pairwright.push(
        run, "me/photos"
    ).committed  # compares with what is there now, and uploads nothing again
    assert hub.count(UPLOADS) == uploads
    assert commits(hub)[1].startswith("Version 1")


@pytest.mark.parametrize(
    "pattern",
    [
        "POST /api/repos/create",
        COMMIT,
        "POST .*/preupload/",
        "POST .*/objects/batch",
        UPLOADS,
        "GET .*/refs",
        "POST .*yaml",
    ],
)
@pytest.mark.parametrize("status", [500, 0])
def test_faults_that_pass_are_waited_for(hub, run, fault, pattern, status):
    fault(pattern, status, times=2)
    assert pairwright.push(run, "me/photos").committed
    assert len(commits(hub)) == 1


def test_an_answer_that_got_lost_is_no_commit_that_got_lost(hub, run, fault):
    fault(COMMIT, 504, done=True)
    pushed = pairwright.push(run, "me/photos")
    assert (pushed.committed, pushed.url) == (True, f"{hub.url}/datasets/me/photos")
    assert len(commits(hub)) == 1
    assert hub.count(COMMIT) == 1


def test_the_hub_says_how_long_to_wait(hub, run, fault, monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    fault(COMMIT, 429, headers={"Retry-After": "7"})
    fault(COMMIT, 429, headers={"RateLimit": '"api";r=0;t=33'})
    assert pairwright.push(run, "me/photos").committed
    assert waits == [7.0, 33.0]


def test_a_wait_that_is_too_long_is_told(hub, run, fault):
    fault(COMMIT, 429, headers={"Retry-After": "3000"})
    with pytest.raises(PublishError, match=r"too many requests \(429\).* Push again in some minutes"):
        pairwright.push(run, "me/photos")
    uploads = hub.count(UPLOADS)
    assert pairwright.push(run, "me/photos").committed
    assert hub.count(UPLOADS) == uploads


def test_a_hub_that_fails_for_good(hub, run, fault):
    fault(COMMIT, 500, times=99)
    with pytest.raises(PublishError, match=r"it fails itself \(500\), also after several attempts"):
        pairwright.push(run, "me/photos")
    assert hub.count(COMMIT) == 5
    assert commits(hub) == []


def test_an_interrupted_upload_goes_on_where_it_was(hub, run, fault):
    large = {path.name for folder in ("data", "visual_negative") for path in (run / folder).iterdir()}
    assert large
    fault(UPLOADS, 400, times=1)  # one file is not taken, the others are
    with pytest.raises(PublishError, match=r"did not take the files \(400\)"):
        pairwright.push(run, "me/photos")
    assert commits(hub) == []
    there, before = set(hub.store.large), len(hub.seen)
    assert there
    assert pairwright.push(run, "me/photos").committed
    uploaded = {one.path.rpartition("/")[2] for one in hub.seen[before:] if one.method == "PUT"}
    assert uploaded == set(hub.store.large) - there


def test_a_stopped_upload_goes_on_where_it_was(hub, run, monkeypatch):
    commit = Repository.commit

    def stopped(*args, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(Repository, "commit", stopped)
    with pytest.raises(KeyboardInterrupt):
        pairwright.push(run, "me/photos")
    uploads = hub.count(UPLOADS)
    monkeypatch.setattr(Repository, "commit", commit)
    assert pairwright.push(run, "me/photos").committed
    assert hub.count(UPLOADS) == uploads > 0


def test_no_network(hub, run, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens at the discard port
    with pytest.raises(
        PublishError, match=r"could not be asked to show it: ConnectError: .*Is the network up"
    ):
        pairwright.push(run, "me/photos")


def test_the_client_is_told_to_stay_offline(hub, run, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PublishError, match="HF_HUB_OFFLINE"):
        pairwright.push(run, "me/photos")


def test_no_token_in_any_message(hub, run, fault, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    for pattern in ("GET", "PUT", COMMIT):
        fault(pattern, 500, times=2)
    pairwright.push(run, "me/photos")
    assert caplog.records
    assert not any(
        "hf_write" in record.getMessage() for record in caplog.records if record.name.startswith("pairwright")
    )


@pytest.mark.parametrize(
    "name", ["photos", "me/pho tos", "me/photos.git", "me/--x", "a/b/c", "me/" + "x" * 97]
)
def test_names_that_the_hub_does_not_take(hub, run, name):
    with pytest.raises(PublishError, match="cannot be the name of a repository"):
        pairwright.push(run, name)
    assert hub.seen == []

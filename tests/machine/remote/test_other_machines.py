"""A run in an object store that another machine has built meanwhile, and goes that were killed before they had looked."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import pairwright
from pairwright.annotators import Encoding
from pairwright.building import Outcome
from pairwright.encoding.store import NAME as VECTORS
from pairwright.encoding.store import Entry as Vector
from pairwright.encoding.store import key_of, open_vectors
from pairwright.remote import building, fetching, finishing, joining, mirror
from pairwright.remote import lease as leases
from pairwright.remote.answers import Answers, fetch_answers
from pairwright.remote.lease import held
from pairwright.remote.mirror import Mirror
from pairwright.remote.prefix import Prefix
from pairwright.remote.work import fetch_vectors, run_in, work_folder
from pairwright.responses.layout import NAME as RESPONSES
from pairwright.responses.layout import open_files
from pairwright.runs import manifest, run_file
from pairwright.runs.manifest import Counts, Entry, PatchEntry, ShardEntry
from pairwright.schemas.errors import RunError

Table = Callable[..., Path]
ROWS = 40


def recipe() -> pairwright.Recipe:
    return pairwright.load_recipe("image_dpo", ["output.shard_rows=7"])


def store_with(path: Path, go: str, numbers: range) -> Path:
    """Write a call with its answer for each number into a response store."""
    reader, writer, claims = open_files(path)
    reader.close()
    with closing(writer):
        [last] = writer.execute("SELECT coalesce(max(id), 0) FROM calls").fetchone()
        for place, number in enumerate(numbers, last + 1):
            call = (
                place,
                "run",
                go,
                "openai",
                "endpoint",
                "model",
                None,
                f"key {number}",
                0,
                1,
                "answered",
                1,
            )
            writer.execute(
                f"INSERT INTO calls VALUES ({', '.join('?' * 19)})",
                (*call, 3, 4, 0, 1, 0.5, None, f"{number}"),
            )
            writer.execute("INSERT INTO requests VALUES (?, 'model', '{}')", (f"key {number}",))
            writer.execute(
                "INSERT INTO answers VALUES (?, 0, ?, 'stop', NULL, ?)", (f"key {number}", f"{number}", place)
            )
    claims.close()
    return path


def calls_in(path: Path) -> list[tuple[str, str]]:
    """Return go and text of each call, by the answer that it brought; a call of no answer, or two of one, are there as well."""
    with closing(sqlite3.connect(path)) as opened:
        told = opened.execute(
            "SELECT go, text FROM calls LEFT JOIN answers ON answers.call = calls.id ORDER BY go, calls.key"
        )
        return list(told)


def of_go(go: str, numbers: range) -> list[tuple[str, str]]:
    return [(go, f"{number}") for number in numbers]


def test_a_store_that_has_the_beginning_gets_the_rest(prefix: Prefix, tmp_path: Path) -> None:
    """The first machine had five answers; another one fetched them, got three more, and finished: its segments are gone."""
    own = store_with(tmp_path / "one" / RESPONSES, "a", range(5))
    Answers(prefix, own, "one").put()
    other = tmp_path / "two" / RESPONSES
    fetch_answers(prefix, other)
    store_with(other, "b", range(5, 8))
    finishing.put_stores(prefix, other.parent)
    prefix.remove(prefix.sizes("responses"))
    for _ in range(2):
        fetch_answers(prefix, own)
        assert calls_in(own) == of_go("a", range(5)) + of_go("b", range(5, 8))
    Answers(prefix, own, "one").put()
    assert not prefix.sizes("responses"), "all of it is in the store that was fetched"


def test_segments_that_are_left_beside_a_whole_store_are_not_counted_twice(
    prefix: Prefix, tmp_path: Path
) -> None:
    first = store_with(tmp_path / "one" / RESPONSES, "a", range(3))
    Answers(prefix, first, "one").put()
    finishing.put_stores(prefix, first.parent)  # and killed before the segments were cleared away
    for name in ("new", "begun"):
        store = tmp_path / name / RESPONSES
        if name == "begun":
            store_with(store, "c", range(9, 10))
        fetch_answers(prefix, store)
        fetch_answers(prefix, store)
        assert calls_in(store)[:3] == of_go("a", range(3))
        assert len(calls_in(store)) == 3 + (name == "begun")


def test_a_store_joined_of_slices_is_no_segment(prefix: Prefix, tmp_path: Path) -> None:
    joined = store_with(tmp_path / "joined" / RESPONSES, "a", range(3))
    finishing.put_stores(prefix, joined.parent)
    store = tmp_path / "new" / RESPONSES
    fetch_answers(prefix, store)
    Answers(prefix, store, "new").put()
    assert not prefix.sizes("responses")


@pytest.fixture
def build_on(table: Table, url: str, tmp_path: Path) -> Callable[[str], Outcome]:
    """Return a function that builds the run on one of the machines: each has a work folder of its own."""
    source = table(ROWS)
    return lambda machine: pairwright.build(
        recipe(), source=source, out=url, work=tmp_path / machine, workers=1
    )


@pytest.fixture
def begun_and_finished(build_on: Callable[[str], Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine ``one`` has built two shards; ``two`` has built the others."""
    with monkeypatch.context() as patch:
        patch.setattr(mirror, "commit", stopping_after(2))
        with pytest.raises(RunError, match="the store is down"):
            build_on("one")
    build_on("two")


@pytest.mark.usefixtures("begun_and_finished")
def test_a_finished_run_is_left_as_it_is_by_the_machine_that_began_it(
    build_on: Callable[[str], Outcome], prefix: Prefix
) -> None:
    there = contents(prefix)
    outcome = build_on("one")
    assert (outcome.already_done, outcome.mended, outcome.counts.rows) == (True, 0, ROWS)
    assert contents(prefix) == there


@pytest.mark.usefixtures("begun_and_finished")
def test_a_go_that_was_killed_before_it_had_looked_is_not_trusted(
    build_on: Callable[[str], Outcome], url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(building, "pull", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_on("one")
    outcome = build_on("one")
    assert (outcome.already_done, outcome.mended) == (True, 0)
    place = run_in(work_folder(url, tmp_path / "one", None), url)
    assert len(manifest.read(place)) == 6


def test_answers_that_were_not_put_go_before_those_of_others(prefix: Prefix, tmp_path: Path) -> None:
    """Behind the calls of others they would count as put, and another machine would pay for them again."""
    run = tmp_path / "one" / "run"
    own = store_with(run / RESPONSES, "a", range(3))
    other = store_with(tmp_path / "two" / RESPONSES, "b", range(3, 6))
    Answers(prefix, other, "two").put()
    going = building._Going(prefix, tmp_path / "one", "one", None, print)
    plan = building._Plan(recipe(), None, None, None)
    with held(prefix, "one", print) as lease:
        going._pulled(plan, lease, Answers(prefix, own, "one"))
    fetch_answers(prefix, tmp_path / "three" / RESPONSES)
    assert calls_in(tmp_path / "three" / RESPONSES) == of_go("a", range(3)) + of_go("b", range(3, 6))


def test_a_run_that_is_begun_again_while_it_is_fetched(
    table: Table, url: str, prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "work", workers=1)
    true, told = fetching._entries, prefix.read(run_file.NAME)
    assert told is not None

    def meanwhile(prefix: Prefix, *, finished: bool) -> Sequence[ShardEntry]:
        prefix.put(run_file.NAME, run_file.unfinished(told))
        return true(prefix, finished=finished)

    with monkeypatch.context() as patch:
        patch.setattr(fetching, "_entries", meanwhile)
        with pytest.raises(RunError, match="has changed while it was fetched: give the same command again"):
            fetching.fetch(url, tmp_path / "copy")
    copy = run_file.read(tmp_path / "copy")
    assert copy is not None
    assert copy.status == "running"
    prefix.put(run_file.NAME, told)
    fetched = fetching.fetch(url, tmp_path / "copy")
    assert (fetched.finished, fetched.new, fetched.files) == (True, 0, 6)


def test_vectors_of_a_finished_run_stay_where_another_machine_goes_on(
    table: Table, url: str, prefix: Prefix, tmp_path: Path
) -> None:
    pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "one", workers=1)
    told = prefix.read(run_file.NAME)
    assert told is not None
    run = run_file.parsed(told, url).name
    for name, numbers in (("finished", range(3)), ("here", range(2, 5))):
        with open_vectors(tmp_path / name / VECTORS, run) as store:
            encoder = store.number_of("encoder", "model")
            store.put(encoder, [vector(number) for number in numbers])
    prefix.put_file(VECTORS, tmp_path / "finished" / VECTORS)
    (tmp_path / "here" / run_file.NAME).write_bytes(told)
    for _ in range(2):
        fetch_vectors(prefix, tmp_path / "here")
    with open_vectors(tmp_path / "here" / VECTORS, run) as store:
        assert store.counts(store.number_of("encoder", "model")) == {"text": 5, "attack": 0}
    fetch_vectors(prefix.below("elsewhere"), tmp_path / "here")


def vector(number: int) -> Vector:
    return Vector(
        key_of("encoder", "text", str(number)), "text", Encoding(np.array([number], np.float32), False)
    )


@pytest.mark.parametrize("last", ["put_stores", "write_card", "put_run_file", "clear"])
def test_a_join_that_is_killed_is_done_again(
    last: str, table: Table, url: str, prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = table(ROWS)
    pairwright.build(recipe(), source=source, out=url, work=tmp_path / "w", workers=1, shard="0/2")
    true = joining.finish

    def killed(prefix: Prefix, folder: Path, lease: leases.Lease) -> None:
        prefix.put(RESPONSES, b"as of a run that asks models")
        with monkeypatch.context() as patch:
            patch.setattr(finishing, last, interrupted)
            true(prefix, folder, lease)

    with monkeypatch.context() as patch:
        patch.setattr(joining, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            pairwright.build(recipe(), source=source, out=url, work=tmp_path / "w", workers=1, shard="1/2")
    outcome = pairwright.build(recipe(), source=source, out=url, work=tmp_path / "w", workers=1, shard="1/2")
    assert (outcome.slices_left, outcome.counts.rows) == ((), ROWS)
    assert not prefix.sizes("slices")
    told = prefix.read(run_file.NAME)
    assert told is not None
    assert run_file.parsed(told, url).status == "finished"


def test_slices_that_are_gone_while_they_are_joined(
    table: Table, url: str, prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process took the join over from one that stood still for minutes, and has cleared them away."""
    source = table(ROWS)
    pairwright.build(recipe(), source=source, out=url, work=tmp_path / "w", workers=1, shard="0/2")
    true = joining.runs_of_slices
    with monkeypatch.context() as patch:
        patch.setattr(joining, "read_records", lambda prefix, keys: ())
        patch.setattr(joining, "slices_left", lambda prefix, count: [])
        patch.setattr(joining, "check_slices", lambda *given: None)
        patch.setattr(
            joining, "runs_of_slices", lambda prefix, count: dict(list(true(prefix, 2).items())[:1])
        )
        with pytest.raises(RunError, match="slices are gone while they were joined"):
            joining.join_slices(
                prefix,
                tmp_path / "w",
                "one",
                recipe().placed(source=source, out=None, seed=None),
                None,
                2,
                print,
            )


@pytest.mark.parametrize("last", ["put_stores", "put_run_file"])
def test_one_that_stood_still_while_it_finished_replaces_nothing(
    last: str, table: Table, url: str, prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process took over, tried failed rows again, and its parts are named by nothing that the first one knows."""
    true, part = getattr(finishing, last), "visual_negative/train-00003-p01-00-deadbeef.parquet"

    def stands_still(*given: object) -> None:
        true(*given)
        prefix.put("lease/00000009.json", leases._content(leases.Holder("x", "go", "host", 1)))
        prefix.put(part, b"of a patch")

    monkeypatch.setattr(finishing, last, stands_still)
    with pytest.raises(RunError, match="another process has taken over"):
        pairwright.build(recipe(), source=table(ROWS), out=url, work=tmp_path / "work", workers=1)
    assert part in prefix.sizes()
    told = prefix.read(run_file.NAME)
    assert told is not None
    assert (run_file.parsed(told, url).status == "finished") is (last == "put_run_file")


def test_records_of_a_dropped_shard_go_patch_by_patch_from_the_last(
    prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries: list[Entry] = [ShardEntry(4, 28, Counts(), ())]
    entries += [PatchEntry(4, number, Counts(), ()) for number in range(1, 12)]
    (tmp_path / run_file.NAME).write_text('{"recipe": {"output": {}}}')
    removed: list[list[str]] = []
    with held(prefix, "one", print) as lease, mirror_of(prefix, tmp_path, lease) as taking:
        for entry in entries:
            taking.take(entry)
        taking.drain()
        monkeypatch.setattr(Prefix, "remove", lambda prefix, keys: removed.append(list(keys)))
        taking.begin([ShardEntry(4, 28, Counts(), (), 11)])
    records = [keys for keys in removed if keys and keys[0].startswith("shards/")]
    assert records == [[f"shards/00004-p{number:02d}.json"] for number in range(11, 0, -1)] + [
        ["shards/00004.json"]
    ]


def test_patches_that_are_left_have_their_records_before_the_manifest_is_written_anew(
    prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its line of the shard would hold the patch as well, and be another than the record that is there."""
    (tmp_path / run_file.NAME).write_text('{"recipe": {"output": {}}}')
    shard, patch = ShardEntry(4, 28, Counts(), ()), PatchEntry(4, 1, Counts(), ())
    lost = ShardEntry(5, 35, Counts(), ())
    for entry in (shard, patch, lost):
        manifest.append(tmp_path, entry)
    true = mirror.commit

    def slowly(prefix: Prefix, entry: Entry) -> None:
        leases.time.sleep(0.1)
        true(prefix, entry)

    monkeypatch.setattr(mirror, "commit", slowly)
    with held(prefix, "one", print) as lease, mirror_of(prefix, tmp_path, lease) as taking:
        taking.begin([lost])
        assert prefix.sizes("shards").keys() == {"shards/00004.json", "shards/00004-p01.json"}


def test_patches_of_different_shards_are_put_at_once(
    prefix: Prefix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for the records of its own shard alone: here both must be under way before either goes on."""
    met, true = threading.Barrier(2, timeout=30), mirror.commit

    def together(prefix: Prefix, entry: Entry) -> None:
        met.wait()
        true(prefix, entry)

    monkeypatch.setattr(mirror, "commit", together)
    with held(prefix, "one", print) as lease, mirror_of(prefix, tmp_path, lease) as taking:
        for shard in (4, 5):
            taking.take(PatchEntry(shard, 1, Counts(), ()))
        taking.drain()
    assert prefix.sizes("shards").keys() == {"shards/00004-p01.json", "shards/00005-p01.json"}


def mirror_of(prefix: Prefix, folder: Path, lease: leases.Lease) -> Mirror:
    return Mirror(prefix, prefix, folder, lease, {}, Answers(prefix, folder / RESPONSES, "one"))


def contents(prefix: Prefix) -> dict[str, bytes]:
    return prefix.read_all(key for key in prefix.sizes() if not key.startswith("lease/"))


def stopping_after(records: int) -> Callable[[Prefix, Entry], None]:
    true = mirror.commit

    def commit(prefix: Prefix, entry: Entry) -> None:
        if len(prefix.sizes("shards")) >= records:
            raise RunError("the store is down")
        true(prefix, entry)

    return commit


def interrupted(*given: object, **named: object) -> None:
    raise KeyboardInterrupt

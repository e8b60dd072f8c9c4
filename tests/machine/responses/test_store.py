"""The store: what put returned for is on disk, whatever happens next; and files that cannot be used say why."""

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairwright.responses.layout import VERSION, open_files
from pairwright.responses.store import Call, gaps, open_store
from pairwright.schemas.errors import RowError, RunError
from pairwright.schemas.request import Answer, ModelId, Reply, Token

MODEL = ModelId("echo", "http://a", "m")

PUTTING = """
import asyncio, sys
from pathlib import Path
from pairwright.responses.store import Call, open_store
from pairwright.schemas.request import Answer, ModelId, Reply

async def put(store, name, number):
    key = f"{name}-{number}"
    call = Call("run", ModelId("echo", "a", "m"), key, range(1), "answered", answers=1)
    await store.put_reply(call, "{}", Reply((Answer("x" * 1000, "stop"),), "m", 1, 1))
    print(key, flush=True)

async def main(path, name, count):
    with open_store(Path(path)) as store:
        for start in range(0, count, 50):
            await asyncio.gather(*(put(store, name, number) for number in range(start, start + 50)))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def putting(path: Path, name: str, count: int, **options) -> "subprocess.Popen[str]":
    code = [sys.executable, "-P", "-c", PUTTING, str(path), name, str(count)]
    return subprocess.Popen(code, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def call_of(key: str, n: int, **told) -> Call:
    return Call("run", MODEL, key, range(n), "answered", answers=n, **told)


def kept(path: Path, *replies: tuple[Answer, ...]) -> list[dict[int, Answer]]:
    """Put answers in one go and read them in the next."""

    async def put():
        with open_store(path) as store:
            await asyncio.gather(
                *(
                    store.put_reply(call_of(str(number), len(answers)), "{}", Reply(answers, "m", 1, 1))
                    for number, answers in enumerate(replies)
                )
            )

    async def read():
        with open_store(path) as store:
            return [
                await store.answers(str(number), range(len(answers)))
                for number, answers in enumerate(replies)
            ]

    asyncio.run(put())
    return asyncio.run(read())


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
numbers = st.floats(max_value=0, allow_nan=False)
tokens = st.builds(Token, texts, numbers, st.lists(st.tuples(texts, numbers), max_size=2).map(tuple))
answers = st.builds(
    Answer, texts, st.sampled_from(["stop", "length"]), st.none() | st.lists(tokens, max_size=3).map(tuple)
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(answers, min_size=1, max_size=3).map(tuple), min_size=1, max_size=5))
def test_answers_come_back_as_they_were(tmp_path_factory, replies):
    path = tmp_path_factory.mktemp("store") / "responses.sqlite"
    assert kept(path, *replies) == [dict(enumerate(answers)) for answers in replies]


def test_a_text_with_half_a_surrogate_pair_is_kept_with_a_replacement_character(tmp_path):
    [found] = kept(tmp_path / "s", (Answer("ab\ud83d", "stop"), Answer("\x00c", "stop")))
    assert [answer.text for answer in found.values()] == ["ab\ufffd", "\x00c"]


def test_log_probabilities_are_made_text_by_the_writer(tmp_path):
    threads = []

    class Told(tuple):
        __slots__ = ()

        def __iter__(self):
            threads.append(threading.current_thread())
            return super().__iter__()

    kept(tmp_path / "s", (Answer("a", "stop", Told((Token("a", -0.1),))),))
    assert [thread is threading.main_thread() for thread in threads] == [False]


def test_more_answers_than_one_insert_holds(tmp_path):
    replies = [(Answer(str(number), "stop"),) for number in range(700)]
    assert [found[0].text for found in kept(tmp_path / "s", *replies)] == [str(n) for n in range(700)]


def test_a_call_that_cannot_be_written_fails_alone(tmp_path):
    async def put():
        with open_store(tmp_path / "s") as store:
            reply = Reply((Answer("a", "stop"),), "m", 1, 1)
            calls = [call_of("0", 1), call_of("1", 1, prompt_tokens=2**70), call_of("2", 1)]
            outcomes = await asyncio.gather(
                *(store.put_reply(call, "{}", reply) for call in calls), return_exceptions=True
            )
            return outcomes, [store.samples(str(number), range(1)) for number in range(3)]

    outcomes, found = asyncio.run(put())
    assert [type(outcome) for outcome in outcomes] == [type(None), RunError, type(None)]
    assert [len(one) for one in found] == [1, 0, 1]


def test_only_refusals_are_kept_of_errors(tmp_path):
    async def work():
        with open_store(tmp_path / "s") as store:
            for key, outcome in (("a", "refused"), ("b", "failed")):
                call = Call("run", MODEL, key, range(2), outcome)
                await store.put_error(call, "{}", RowError("call_refused", "prompt", "too long"))
            return store.refusal("a", range(2)), store.refusal("b", range(2)), store.refusal("a", range(1))

    refused, failed, fewer = asyncio.run(work())
    assert str(refused) == "prompt: too long"
    assert failed is None
    assert fewer is None


def test_what_put_returned_for_survives_a_kill(tmp_path):
    path = tmp_path / "s"
    process = putting(path, "a", 1_000_000)
    told = [process.stdout.readline() for _ in range(300)]
    process.send_signal(signal.SIGKILL)
    told += process.communicate()[0].splitlines(keepends=True)
    keys = [line.strip() for line in told if line.endswith("\n")]
    assert len(keys) >= 300

    async def missing():
        with open_store(path) as store:
            return [key for key in keys if not store.samples(key, range(1))]

    assert asyncio.run(missing()) == []


def test_several_processes_write_to_one_store(tmp_path):
    path = tmp_path / "s"
    processes = [putting(path, str(number), 400) for number in range(4)]
    for process in processes:
        assert process.communicate(timeout=120)[1] == ""
    with sqlite3.connect(path) as store:
        counts = [
            store.execute(f"select count(*) from {table}").fetchone()[0]
            for table in ("requests", "calls", "answers", "exchanges")
        ]
    store.close()
    assert counts == [1600] * 4


def test_a_full_disk_is_told(tmp_path):
    def narrow() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    path = tmp_path / "s"
    process = putting(path, "a", 5_000, preexec_fn=narrow)
    out, err = process.communicate(timeout=120)
    assert f"RunError: {path} cannot be used" in err
    assert "free space, or choose another place, then run again: what is stored is kept" in err
    assert {found[0] for found in answered(path)} >= set(out.split())


def answered(path: Path) -> list[tuple[str]]:
    with sqlite3.connect(path) as store:
        found = store.execute("select key from answers").fetchall()
    store.close()
    return found


def opening(path: Path) -> None:
    async def work() -> None:
        with open_store(path):
            pass

    asyncio.run(work())


def test_a_file_that_is_no_store(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a data base, but long enough to look like one\n" * 100)
    before = path.read_bytes()
    with pytest.raises(RunError, match=r"notes\.txt is no response store .*: name another file"):
        opening(path)
    assert path.read_bytes() == before


def test_another_sqlite_file(tmp_path):
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("create table mine (a)")
    other.close()
    with pytest.raises(RunError, match="some other SQLite file: name another file"):
        opening(path)


def test_a_store_of_another_version(tmp_path):
    path = tmp_path / "s"
    opening(path)
    with sqlite3.connect(path) as store:
        store.execute(f"PRAGMA user_version = {VERSION + 1}")
    store.close()
    with pytest.raises(
        RunError, match=f"tables of version {VERSION + 1}, and this pairwright reads version {VERSION}"
    ):
        opening(path)


def test_a_damaged_store(tmp_path):
    path = tmp_path / "s"
    kept(path, *[(Answer("x" * 3000, "stop"),) for _ in range(100)])
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * 8000 + content[8100:])
    with pytest.raises(RunError, match="is damaged"):
        opening(path)


def test_views_and_triggers_of_a_stranger_s_store_are_not_trusted(tmp_path):
    reader, writer, claims = open_files(tmp_path / "s")
    for connection in (reader, writer):
        assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
        connection.close()
    claims.close()


@pytest.mark.parametrize("place", ["file/inside", "folder"])
def test_a_place_where_no_file_can_be(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(RunError, match=r"cannot be used .* choose another place"):
        opening(tmp_path / place)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_store_that_may_only_be_read(tmp_path):
    opening(tmp_path / "s")
    (tmp_path / "s").chmod(0o444)
    with pytest.raises(RunError, match="readonly"):
        opening(tmp_path / "s")


@given(st.integers(0, 20), st.integers(1, 20), st.sets(st.integers(0, 45)))
def test_gaps_are_what_is_missing_in_the_fewest_ranges(first, n, found):
    samples = range(first, first + n)
    missing = gaps(samples, [sample for sample in sorted(found) if sample in samples])
    assert [sample for gap in missing for sample in gap] == [s for s in samples if s not in found]
    assert all(one.stop < two.start for one, two in pairwise(missing))

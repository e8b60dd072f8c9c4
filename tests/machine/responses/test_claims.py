"""Claims: one holder at a time, in this process and among all, and none by the dead."""

import signal
import subprocess
import sys

from pairwright.responses.claims import open_claims

HOLDING = """
import sys, time
from pathlib import Path
from pairwright.responses.claims import open_claims
print(open_claims(Path(sys.argv[1])).take(sys.argv[2]), flush=True)
time.sleep(60)
"""


def holding(path, name) -> tuple["subprocess.Popen[str]", str]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", HOLDING, str(path), name], stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def end(process) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_name_is_held_by_one_user_of_this_process(tmp_path):
    one, other = open_claims(tmp_path / "lock"), open_claims(tmp_path / "lock")
    assert one.take("a")
    assert not other.take("a")
    assert not one.take("a")
    assert other.take("b")
    other.free("a")  # not its own
    assert not other.take("a")
    one.free("a")
    assert other.take("a")
    one.close()
    other.close()


def test_a_name_is_held_by_one_process_until_it_dies(tmp_path):
    process, got = holding(tmp_path / "lock", "a")
    assert got == "True"
    claims = open_claims(tmp_path / "lock")
    assert not claims.take("a")
    assert claims.take("b")
    end(process)
    assert claims.take("a")
    claims.close()


def test_one_user_who_leaves_does_not_take_the_claims_of_another_along(tmp_path):
    one, other = open_claims(tmp_path / "lock"), open_claims(tmp_path / "lock")
    assert one.take("a")
    assert other.take("b")
    other.close()
    for name, wanted in (("a", "False"), ("b", "True")):
        process, got = holding(tmp_path / "lock", name)
        assert got == wanted
        end(process)
    one.close()
    process, got = holding(tmp_path / "lock", "a")
    assert got == "True"
    end(process)

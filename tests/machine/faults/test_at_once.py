"""Two runs that begin at the same moment: on one folder, and in two folders over one response store."""

import subprocess
from pathlib import Path
from typing import Any

from going import command
from sameness import parts

from pairwright.runs import manifest


def together(*commands: list[str]) -> list[tuple[int, str]]:
    """Start processes at once; return how each ended, and what it said."""
    processes = [
        subprocess.Popen(one, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for one in commands
    ]
    said = [process.communicate(timeout=120)[0] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]


def test_on_one_folder(own: Any, odd_server: Any) -> None:
    run, odd_server.slow_s = (
        own(12, timeout_s=60, concurrency=1),
        0.4,
    )  # one takes longer than the other waits
    ends = sorted(together(*[command("build", run.path)] * 3))
    assert [status for status, _ in ends] == [0, 1, 1]
    assert all("another process is building into" in text for _, text in ends[1:])
    odd_server.slow_s = 0
    assert set(odd_server.answered.values()) == {1}
    assert [entry.shard for entry in manifest.read(run.folder)] == [0, 1, 2]
    assert parts(run.folder) == parts(own(12, "whole").build().folder)


def test_over_one_store(own: Any, odd_server: Any, tmp_path: Path) -> None:
    odd_server.slow_s = 0.05
    runs = [own(12, name, timeout_s=60) for name in ("one", "two")]
    store = ["--set", f"output.responses={tmp_path / 'answers.sqlite'}"]
    ends = together(*(command("build", run.path, *store) for run in runs))
    assert [status for status, _ in ends] == [0, 0], ends
    assert (len(odd_server.answered), set(odd_server.answered.values())) == (12, {1})
    assert parts(runs[0].folder) == parts(runs[1].folder)

"""Kills while failed rows are tried again: the same `retry` goes on to the bytes of one that nobody disturbed."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from going import UNDER_WAY, Executor, Work, build, command, ran
from killing import Hit, Trial, Verb
from sameness import answered, contents

PLANS = {
    ("one", "models"): {"driver": 3},
    ("sliced", "models"): {"driver": 2},
    ("several", "image"): {"driver": 1, "worker": 2},
    ("standing", "image"): {"driver": 1, "all": 1},
}
"""How often whom, by who built the run and of what recipe; whoever built it, it is tried again by local processes."""

SHORT = {("several", "image"): {"driver": 1, "worker": 1}}
CHOSEN = PLANS if "CONFORMANCE" in os.environ else SHORT


@pytest.mark.parametrize(("executor", "name"), CHOSEN, indirect=["executor"])
def test_a_retry_is_killed_at_random_moments(
    name: str,
    executor: Executor,
    works: Callable[[str, str], Work],
    server: Any,
    tmp_path: Path,
    toll: list[Hit],
) -> None:
    work, plan = works(name, "jsonl"), CHOSEN[executor.name, name]
    base, undisturbed = tmp_path / "base" / "out", tmp_path / "whole" / "out"
    work = replace(work, source=_own_copy(work.source, tmp_path / "source"))
    with _failing(work, server):
        build(executor, work, base)
    before = len(answered(base))
    shutil.copytree(base, undisturbed)
    statuses, said = ran(_retry(undisturbed), undisturbed, {})
    assert statuses == [0], said
    whole = contents(undisturbed, killed=True)
    assert len(whole["manifest.jsonl"]) > len(contents(base)["manifest.jsonl"]), (
        "there was nothing to try again"
    )

    def begin(out: Path) -> None:
        shutil.copytree(base, out)
        server.start_anew(failing=())

    verb = Verb(
        name=f"retry of {executor.name}, {work.name}",
        rows=work.rows,
        begin=begin,
        commands=_retry,
        whole=whole,
        server=server if work.asks else None,
        most_under_way=UNDER_WAY,
        answers_before=before,
    )
    trial = Trial(verb, tmp_path / "killed")
    trial.through(list(Counter(plan).elements()))
    toll += trial.hits


def _retry(out: Path) -> list[list[str]]:
    return [command("retry", out)]


def _own_copy(source: Path, folder: Path) -> Path:
    """Return a copy, without the row whose picture must stay where it is: each `retry` would try that anew."""
    shutil.copytree(source.parent, folder)
    copy = folder / source.name
    copy.write_text(source.read_text().replace("../secret.jpg", f"{source.stem}/20.jpg"))
    return copy


@contextmanager
def _failing(work: Work, server: Any) -> Iterator[None]:
    """Have a part of the rows fail for a while: calls to a model, or pictures that are not there."""
    if work.asks:
        server.start_anew(latency_ms=0, failing=("is in picture 1", "is in picture 2"))
        try:
            yield
        finally:
            server.start_anew(latency_ms=0, failing=())
        return
    pictures = work.source.with_suffix("")
    away = [path for path in pictures.glob("*.jpg") if int(path.stem) % 3 == 1]
    for path in away:
        path.rename(path.with_suffix(".away"))
    try:
        yield
    finally:
        for path in away:
            path.with_suffix(".away").rename(path)

"""Disks that are full and folders that may only be read: real ones, in a mount namespace of their own.

Tests are skipped where nobody may mount anything.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from shlex import join

import pytest

_TOGETHER = 'go() {{ {starts} status=0; for process in $all; do wait "$process" || status=$?; done; return "$status"; }}\n'

_FULL = """
out=$1; copy=$2; size=$3
mount -t tmpfs -o size=$size none "$out" || exit 77
go; echo "first: $?" >&2
find "$out" -name '*.tmp' >&2
mount -o remount,size=64m "$out"
go; echo "second: $?" >&2
cp -r "$out/." "$copy"
"""

_READ_ONLY = """
out=$1
mount --bind "$out" "$out" && mount -o remount,ro,bind "$out" || exit 77
go
"""

Done = subprocess.CompletedProcess[str]


def full_and_then_not(commands: Sequence[Sequence[str]], out: Path, copy: Path, size: str) -> Done:
    """Run commands at once, twice: with ``out`` on a disk of ``size``, and when it has grown; then copy ``out``.

    Standard error has ``first: STATUS``, what temporary files were left, and ``second: STATUS``.
    """
    return _alone(commands, _FULL, out, copy, size)


def read_only(commands: Sequence[Sequence[str]], out: Path) -> Done:
    """Run commands at once where ``out`` may only be read."""
    return _alone(commands, _READ_ONLY, out)


def _alone(commands: Sequence[Sequence[str]], script: str, *arguments: object) -> Done:
    starts = " ".join(f'{join(words)} & all="$all $!";' for words in commands)
    whole = _TOGETHER.format(starts=f"all=; {starts}") + script
    unshared = ["unshare", "--map-root-user", "--mount", "sh", "-c", whole, "sh", *map(str, arguments)]
    try:
        done = subprocess.run(unshared, capture_output=True, text=True, timeout=900, check=False)
    except FileNotFoundError:
        pytest.skip("needs unshare, of Linux")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"may not mount anything here: {done.stderr}")
    return done

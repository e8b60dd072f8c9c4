"""Run folders from somewhere: what reads one works or says what is wrong with it, and touches nothing beside it."""

import copy
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pairwright.api import build
from pairwright.cli import main
from pairwright.importing import import_set
from pairwright.recipe import load_recipe
from pairwright.schemas.codec import encode

PROFILE = settings.get_profile("fuzz")
FUZZ = settings(PROFILE, max_examples=max(PROFILE.max_examples // 4, 10), phases=[Phase.generate])
VOTE = {
    "id": "1",
    "image": "a.png",
    "conversations": [{"from": "human", "value": "<image>\nWhat?"}],
    "output_1": {"from": "gpt", "value": "This is a plain wall."},
    "output_2": {"from": "gpt", "value": "That."},
    "preference": 2,
}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**20),
    st.just(10**400),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(
        [
            "",
            "\0",
            "../x",
            "/etc/passwd",
            "data/../../outside.parquet",
            "\x1b[2J",
            "os:system",
            "{{ 7 * 7 }}",
            "1/0",
        ]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)

_TOUCHED: list[tuple[str, bool]] | None = None


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if _TOUCHED is None:
        return
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        mode, flags = str(arguments[1] or ""), int(arguments[2] or 0)
        writes = bool(set(mode) & set("wax+")) or bool(
            flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        )
        _TOUCHED.append((os.path.realpath(os.fsdecode(arguments[0])), writes))
    elif event in ("os.remove", "os.rename", "os.rmdir", "os.truncate", "shutil.rmtree"):
        _TOUCHED.append((os.path.realpath(os.fsdecode(arguments[0])), True))
    elif event in ("os.system", "subprocess.Popen", "os.exec", "pickle.find_class", "socket.connect"):
        _TOUCHED.append((event, True))


sys.addaudithook(_heard)


@contextmanager
def touched() -> Iterator[list[tuple[str, bool]]]:
    """Note every file that is opened or removed, and whether it may be changed by that."""
    global _TOUCHED
    _TOUCHED = []
    try:
        yield _TOUCHED
    finally:
        _TOUCHED = None


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with two runs in it: one with candidates, one with image negatives; and a file outside of them."""
    folder = tmp_path_factory.mktemp("runs").resolve()
    source = folder / "source"
    source.mkdir()
    for number, name in enumerate(("a.png", "b.png")):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 50, 3), np.uint8)
        (source / name).write_bytes(encode(pixels, "png"))
    (source / "votes.json").write_text(json.dumps([VOTE, VOTE | {"id": "2", "image": "none.png"}]))
    import_set(
        source / "votes.json",
        out=folder / "judged",
        layout="llava_rlhf",
        workers=1,
        overrides=("source.license=cc0-1.0",),
    )
    (source / "pairs.csv").write_text("image,question,chosen\na.png,What?,A wall.\nb.png,What?,A door.\n")
    recipe = load_recipe("image_dpo", ["source.license=cc0-1.0"])
    build(recipe, source=source / "pairs.csv", out=folder / "negatives", workers=1)
    shutil.copy(next((folder / "judged" / "data").glob("*.parquet")), folder / "outside.parquet")
    return folder


VERBS = {
    "show": ["show", "{run}"],
    "status": ["status", "{run}"],
    "report": ["report", "{run}", "--out", "{out}/report.html"],
    "validate": ["validate", "{run}"],
    "pair": ["pair", "{run}", "--rule", "preferences", "--out", "{out}/paired", "--workers", "1"],
    "export": ["export", "{run}", "--to", "jsonl", "--out", "{out}/trl"],
    "push": ["push", "{run}", "me/set", "--preview", "{out}/preview"],
}


def run(verb: str, folder: Path) -> int:
    """Run a verb on a copy of a run and return its status; what it writes goes beside the copy and is removed."""
    out = folder.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    told = [part.replace("{run}", str(folder)).replace("{out}", str(out)) for part in VERBS[verb]]
    with touched() as seen, pytest.raises(SystemExit) as ended:
        main(told)
    own = (str(folder) + "/", str(out) + "/", str(folder) + "-")
    changed = [
        path for path, writes in seen if writes and not path.startswith((*own, "/dev/null", "/tmp/tmp"))
    ]
    assert [path for path in changed if "__pycache__" not in path] == []
    assert str(folder.parent / "outside.parquet") not in [path for path, _ in seen]
    return int(ended.value.code or 0)


def copied(place: Path, name: str) -> Path:
    folder = place / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(place / name, folder)
    return folder


@pytest.mark.parametrize("name", ["judged", "negatives"])
@pytest.mark.parametrize("verb", VERBS)
def test_the_runs_that_are_changed_are_sound(place, verb, name):
    assert run(verb, copied(place, name)) == (1 if (verb, name) == ("pair", "negatives") else 0)


def places(tree: Any) -> list[tuple[Any, Any]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, inner in items for place in ((tree, key), *places(inner))]


@st.composite
def changed(draw: st.DrawFn, tree: Any) -> Any:
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 2))):
        if not places(tree):
            return tree
        at, key = draw(st.sampled_from(places(tree)))
        if draw(st.integers(0, 4)):
            at[key] = copy.deepcopy(draw(VALUES))
        else:
            del at[key]
    return tree


RUNS = st.sampled_from(["judged", "negatives"])


@FUZZ
@given(data=st.data(), name=RUNS, verb=st.sampled_from(sorted(VERBS)))
def test_run_files(place, verb, data, name):
    folder = copied(place, name)
    told = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(data.draw(changed(told) | VALUES)))
    assert run(verb, folder) in (0, 1)


@FUZZ
@given(data=st.data(), name=RUNS, verb=st.sampled_from(sorted(VERBS)))
def test_manifests(place, verb, data, name):
    folder = copied(place, name)
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    made = data.draw(changed(lines) | st.lists(VALUES, max_size=2))
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in made))
    assert run(verb, folder) in (0, 1)


@FUZZ
@given(data=st.data(), name=RUNS, verb=st.sampled_from(sorted(VERBS)))
def test_broken_bytes(place, verb, data, name):
    folder = copied(place, name)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path.write_bytes(content[: data.draw(st.none() | st.integers(0, len(content)))])
    assert run(verb, folder) in (0, 1)

"""The shape of the house: links, import directions, and what the bare install may import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pairwright

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "annotators",
    "builders",
    "correctors",
    "guards",
    "pairings",
    "perturbations",
    "recipes",
    "samplers",
    "schemas",
)
MAY_IMPORT = {
    "schemas": {"schemas"},
    "annotators": {"schemas", "annotators"},
    "perturbations": {"schemas", "perturbations"},
    "samplers": {"schemas", "samplers"},
    "pairings": {"schemas", "pairings"},
    "correctors": {"schemas", "annotators", "correctors"},
    "guards": {"schemas", "annotators", "pairings", "guards"},
    "builders": {
        "schemas",
        "samplers",
        "annotators",
        "perturbations",
        "pairings",
        "correctors",
        "guards",
        "builders",
    },
    "recipes": {"recipes"},
}
HEAVY = ("cv2", "numpy", "pyarrow", "pydantic", "PIL", "yaml", "jinja2", "datasets", "torch")


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_is_linked_into_the_package(room: str) -> None:
    link = ROOT / "src" / "pairwright" / room
    assert link.is_symlink(), f"{link} must be a relative link"
    assert link.readlink() == Path(f"../../{room}")
    assert link.resolve() == ROOT / room


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room: str) -> None:
    for path in sorted((ROOT / room).glob("*.py")):
        for module in _imported(path):
            if module.split(".")[0] == "pairwright":
                target = [*module.split("."), ""][1]
                assert target in MAY_IMPORT[room], f"{path.relative_to(ROOT)} imports {module}"


def test_import_pairwright_is_light() -> None:
    code = f"import sys, pairwright; print([m for m in {HEAVY} if m in sys.modules])"
    assert _python(code) == "[]"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        f"import sys\nfrom pairwright.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as e:\n    assert not e.code\n"
        f"print('heavy:', [m for m in {HEAVY} if m in sys.modules])"
    )
    assert _python(code).splitlines()[-1] == "heavy: []"


def test_exported_members() -> None:
    assert pairwright.__all__ == sorted(pairwright.__all__)
    for name in pairwright.__all__:
        assert getattr(pairwright, name) is not None
    assert set(pairwright._HOMES) | {"__version__"} == set(pairwright.__all__)


def test_no_file_has_outgrown_itself() -> None:
    folders = [ROOT / room for room in ROOMS] + [ROOT / "src" / "pairwright"]
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        assert len(path.read_text().splitlines()) <= 400, f"{path} passes 400 lines: it is asking to be two"


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module or "")
    return found


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    return done.stdout.strip()

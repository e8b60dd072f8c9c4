"""EMMOE: steps of a robot in a house. A step that failed stands against the one that was planned anew and succeeded.

Two forms: pairs that were made already, and episodes, of which every failed step that the next one makes good is a pair.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import present
from pairwright.layouts._said import mappings
from pairwright.schemas.errors import RowError

_STEPS = ("steps", "trajectory")
_OUTPUT = ("output", "subtask", "plan")
_PROMPT = ("prompt", "instruction", "task")
_STATE = ("success", "feedback", "result")
_GOOD = frozenset({"true", "success", "succeeded", "1"})


def recognise(row: Row) -> int:
    """Tell episodes by steps with an outcome, and pairs by answers of the form ``Subtask: [...] Model: [...]``."""
    name = _first(row, _STEPS)
    if name is not None:
        steps = row[name]
        first = steps[0] if isinstance(steps, list) and steps else None
        known = isinstance(first, Mapping) and _first(first, _OUTPUT) and _first(first, _STATE)
        return 4 if known and _first(row, _PROMPT) else 0
    sides = [row.get(side) for side in ("chosen", "rejected")]
    texts = all(isinstance(side, str) and "Subtask:" in side and "Model:" in side for side in sides)
    return 5 if texts and "prompt" in row else 0


def split(row: Row) -> Sequence[Row]:
    """Return a row for each failed step of an episode whose next step succeeded; a pair is one row.

    Raises:
        RowError: ``no_contrast`` for an episode without such a step.
    """
    name = _first(row, _STEPS)
    if name is None:
        return (row,)
    steps = mappings(row[name], name)
    made = [
        {**row, "before": steps[: number - 1], "failed": failed, "succeeded": succeeded}
        for number, (failed, succeeded) in enumerate(pairwise(steps), 1)
        if not _succeeded(failed) and _succeeded(succeeded)
    ]
    if not made:
        raise RowError("no_contrast", name, "no failed step is followed by one that succeeded")
    return made


def read(row: Row) -> Read:
    """Return the state before the step as the question, the new plan as chosen, the failed one as rejected."""
    if "failed" not in row:
        taken = {
            "id": "id",
            "question": "prompt",
            "chosen": "chosen",
            "rejected": "rejected",
            "images": "images",
        }
        return Read(row, present(row, taken))
    asked = str(row[_first(row, _PROMPT) or "prompt"])
    done = [f"{number}. {_output(step)} ({_state(step)})" for number, step in enumerate(row["before"], 1)]
    question = "\n".join([asked, "Steps so far:", *done]) if done else asked
    failed, succeeded = row["failed"], row["succeeded"]
    fields = {
        **row,
        "question": question,
        "succeeded.output": _output(succeeded),
        "failed.output": _output(failed),
    }
    taken = {"question": "question", "chosen": "succeeded.output", "rejected": "failed.output"}
    if failed.get("images"):
        fields["failed.images"] = failed["images"]
        taken["images"] = "failed.images"
    return Read(fields, taken | present(row, {"id": "id"}))


def _output(step: Mapping[str, Any]) -> str:
    return str(step.get(_first(step, _OUTPUT) or "output") or "")


def _state(step: Mapping[str, Any]) -> str:
    name = _first(step, _STATE) or "success"
    if isinstance(step.get(name), bool):
        return "success" if step[name] else "failed"
    return str(step.get(name))


def _succeeded(step: object) -> bool:
    return isinstance(step, Mapping) and _state(step).strip().lower() in _GOOD


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in row), None)


PART = Layout(
    recognise=recognise,
    read=read,
    summary="prompt, chosen, rejected of the form Subtask: [...] Model: [...]; or episodes: a task and steps with output and success",
    source="Dongping-Li/EMMOE-100 (arXiv 2503.08604)",
    split=split,
)

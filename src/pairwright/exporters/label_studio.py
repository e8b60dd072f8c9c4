"""Label Studio: tasks as its JSON, and the labelling configuration."""

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from pairwright.exporters import Gathered, Page, Row, Task, Tasks, TaskSettings
from pairwright.exporters._layouts import dialogue, numbered


class LabelStudio(TaskSettings):
    """Settings of the exporter."""

    prefix: str = "/data/local-files/?d="
    """What stands before a picture's path to make it an address that Label Studio shows; by default that of its local
    storage, whose root is then the export's folder."""


def row(task: Task, paths: Sequence[str], settings: LabelStudio) -> Row:
    """The task's data; only what the configuration names is shown, so models stay unknown to the people who label."""
    data: dict[str, Any] = {
        **numbered(task),
        "images": list(paths),
        "shown": [f"{settings.prefix}{path}" for path in paths],
        "dialogue": dialogue(task),
    }
    if settings.ask == "ranking":
        data["answers"] = [
            {"id": f"answer_{n}", "title": str(n), "body": one.text} for n, one in enumerate(task.answers, 1)
        ]
    return {"data": data}


def loading(settings: LabelStudio, gathered: Gathered) -> Sequence[Page]:
    """The labelling configuration."""
    lines = ["<View>", _tag("Text", name="dialogue", value="$dialogue")]
    if gathered.images:
        lines.append(_tag("Image", name="image", valueList="$shown"))
    if settings.ask == "ranking":
        lines += [
            _tag("List", name="answers", value="$answers", title="Answers"),
            _tag("Ranker", name="ranking", toName="answers"),
        ]
    else:
        lines += [_tag("Text", name=name, value=f"${name}") for name in ("answer_1", "answer_2")]
        lines.append(
            _tag(
                "Choices",
                name="preference",
                toName="answer_1",
                choice="single-radio",
                required="true",
                end=">",
            )
        )
        lines += [
            f"  {_tag('Choice', value=value)}" for value in ("answer_1", "answer_2", "tie", "cannot_judge")
        ]
        lines.append("  </Choices>")
    to = "answers" if settings.ask == "ranking" else "answer_1"
    lines.append(_tag("TextArea", name="reason", toName=to, placeholder="Why?", maxSubmissions="1"))
    return (Page("config.xml", "\n".join([*lines, "</View>", ""])),)


def _tag(name: str, /, *, end: str = "/>", **attributes: str) -> str:
    told = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"  <{name}{told}{end}"


PART = Tasks(
    settings=LabelStudio,
    row=row,
    loading=loading,
    file="tasks.json",
    summary="Label Studio: tasks of answers to compare or rank, with the labelling configuration",
    source="Label Studio's task format and tags (Text, Image, Choices, List, Ranker, TextArea)",
)

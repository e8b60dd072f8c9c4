"""Prompt files: what a judge is told, apart from the code, with a name and a version.

A file is Markdown with a head in YAML and two parts, both Jinja templates::

    ---
    name: listwise
    version: 1
    judge: listwise
    ---
    # System
    What holds for every record. Servers compute it once and keep it.
    # User
    What holds for one.

Templates run in Jinja's sandbox; a name that does not exist is an error, and so is anything random. Nothing is escaped:
a judge reads text, not HTML. Errors name the file and the line.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import jinja2
import jinja2.meta
import jinja2.nodes
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import Field, ValidationError

from pairwright.schemas.errors import ParameterError
from pairwright.schemas.room import unknown
from pairwright.schemas.settings import Settings

Need = Literal["pictures", "reference", "evidence"]


class Head(Settings):
    """What stands at the top of a prompt file."""

    name: str
    """Name of the prompt; recorded with every verdict."""
    version: int = Field(ge=1)
    """Raised whenever the words change."""
    judge: str
    """The judge it is written for."""
    needs: tuple[Need, ...] = ()
    """What it cannot do without; the judge's settings must provide it."""


@dataclass(frozen=True, slots=True)
class View:
    """What the user's part of a prompt may name: one record, every foreign text fenced."""

    code: str
    """The code of this record's fences."""
    pictures: int
    """Pictures that stand before the text; 0 where the judge reads instead."""
    instructions: str | None
    """The system text under which the answers were written."""
    turns: Sequence[str]
    """Earlier turns of the conversation, the user's and the assistant's in turn."""
    question: str
    reference: str | None
    evidence: str | None
    answers: Sequence[str]
    labels: Sequence[str]
    """Names of the answers, in the order shown."""


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt file that was read but not yet tried."""

    path: str
    head: Head
    system: str
    """Template, with the line breaks before it, so that line numbers are the file's."""
    user: str
    mark: str
    """Name, version and hash, for provenance: ``listwise v1 #0c1d2e3f``."""

    digest: str
    """SHA-256 of the file, in full."""


@dataclass(frozen=True, slots=True)
class ReadyPrompt:
    """A prompt that has been tried and can be filled."""

    head: Head
    system: str
    """Final text, the same for all records."""
    user: Callable[[View], str]
    mark: str


def packaged() -> list[str]:
    """Return the names of the prompts that come with pairwright.

    >>> packaged()
    ['listwise', 'pairwise', 'pairwise_with_examples', 'pointwise']
    """
    return sorted(file.name.removesuffix(".md") for file in _folder().iterdir() if file.name.endswith(".md"))


def read_prompt(where: str, judge: str) -> PromptFile:
    """Read a prompt: the name of a packaged one, or the path of a user's file (ending in ``.md``).

    Raises:
        ParameterError: there is no such file, it has no head or lacks a part, or it is written for another judge.
    """
    path, text = _text_of(where)
    head, first = _head(path, text)
    if head.judge != judge:
        raise ParameterError(f"{path}: this prompt is for the judge {head.judge}, not {judge}")
    system, user = _parts(path, text, first)
    digest = sha256(text.encode()).hexdigest()
    return PromptFile(path, head, system, user, f"{head.name} v{head.version} #{digest[:8]}", digest)


def ready_prompt(prompt: PromptFile, rules: Mapping[str, object]) -> ReadyPrompt:
    """Fill the system part, and try the user's part with and without all that may be missing.

    ``rules`` is all that the system part may name, so that it cannot change from record to record; the user's part may
    name a :class:`View` besides.

    Raises:
        ParameterError: a template cannot be parsed or filled; the message has file and line.
    """
    system = _filled(prompt.path, _template(prompt.path, prompt.system, list(rules)), rules)
    names = [field.name for field in fields(View)]
    template = _template(prompt.path, prompt.user, [*rules, *names])

    def user(view: View) -> str:
        return _filled(prompt.path, template, {**rules, **{name: getattr(view, name) for name in names}})

    full = View("0" * 12, 1, "…", ("…", "…"), "…", "…", "…", ("…", "…"), ("A", "B"))
    for trial in (full, View("0" * 12, 0, None, (), "…", None, None, ("…",), ("A",))):
        user(trial)
    return ReadyPrompt(prompt.head, system, user, prompt.mark)


def _folder() -> Any:  # Traversable, which moves between modules from one Python to the next
    return files("pairwright.annotators").joinpath("prompts")


def _text_of(where: str) -> tuple[str, str]:
    if not where.endswith(".md"):
        if where not in packaged():
            raise ParameterError(
                f"prompt: {unknown('prompts', where, packaged())}, or the path of a .md file"
            )
        return f"{where}.md", _folder().joinpath(f"{where}.md").read_text(encoding="utf-8")
    try:
        return where, Path(where).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"prompt: {where} cannot be read: {error}") from error


def _head(path: str, text: str) -> tuple[Head, int]:
    """Return the head, and the number of the line after it, from 0."""
    lines = text.splitlines()
    if not lines or lines[0] != "---" or "---" not in lines[1:]:
        raise ParameterError(
            f"{path}, line 1: expected a head between two lines of ---, with name, version, judge"
        )
    end = lines.index("---", 1)
    try:
        return Head.model_validate(yaml.safe_load("\n".join(lines[1:end]))), end + 1
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: the head is not YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ParameterError(f"{path}: head: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _parts(path: str, text: str, first: int) -> tuple[str, str]:
    """Return both templates, each with as many line breaks before it as there are lines before it in the file."""
    lines = text.splitlines()
    starts = {
        name: [n for n in range(first, len(lines)) if lines[n] == name] for name in ("# System", "# User")
    }
    for name, found in starts.items():
        if len(found) != 1:
            raise ParameterError(f"{path}: expected one line {name!r}, found {len(found)}")
    (system,), (user,) = starts.values()
    if system > user:
        raise ParameterError(f"{path}, line {user + 1}: '# User' stands before '# System'")
    return "\n" * (system + 1) + "\n".join(lines[system + 1 : user]), "\n" * (user + 1) + "\n".join(
        lines[user + 1 :]
    )


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # the reader is a model, and escaping would change what it judges
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.DictLoader({}),
    )
    environment.globals.clear()  # lipsum is random
    del environment.filters["random"]
    return environment


def _template(path: str, source: str, known: Sequence[str]) -> jinja2.Template:
    environment = _environment()
    try:
        tree = environment.parse(source)
        strange = jinja2.meta.find_undeclared_variables(tree) - set(known)
        template = environment.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise ParameterError(f"{path}, line {error.lineno}: {error.message}") from error
    for name in tree.find_all(jinja2.nodes.Name):
        if name.name in strange:
            problem = unknown("what this part may name", name.name, sorted(known))
            raise ParameterError(f"{path}, line {name.lineno}: {problem}")
    return template


def _filled(path: str, template: jinja2.Template, variables: Mapping[str, object]) -> str:
    try:
        return template.render(variables).strip()
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        frames = [
            f for f in traceback.extract_tb(error.__traceback__) if f.filename in ("<template>", "<unknown>")
        ]
        line = f", line {frames[-1].lineno}" if frames else ""
        raise ParameterError(f"{path}{line}: {error}") from error

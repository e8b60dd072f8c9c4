"""Prompt files: what a model is told, apart from the code, with a name and a version.

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
a model reads text, not HTML. Errors name the file and the line.

A :class:`Shelf` says which room the prompts are of, what their head has to say and what their user's part may name: judges
have theirs here, other rooms bring their own.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Generic, Literal, TypeAlias, TypeVar

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


class AnyHead(Settings):
    """What stands at the top of every prompt file."""

    name: str
    """Name of the prompt; recorded with everything that was said under it."""
    version: int = Field(ge=1)
    """Raised whenever the words change."""
    needs: tuple[Need, ...] = ()
    """What it cannot do without; the settings must provide it."""


class Head(AnyHead):
    """What stands at the top of a judge's prompt file."""

    judge: str
    """The judge it is written for."""


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


V = TypeVar("V")
"""What the user's part of a prompt may name: a dataclass like :class:`View`."""


@dataclass(frozen=True, slots=True)
class Shelf(Generic[V]):
    """Prompts of one room."""

    package: str
    """Import name of the room; its packaged prompts lie in the folder ``prompts``."""
    owner: str
    """Key of the head that names the part a prompt is written for."""
    head: type[AnyHead]
    """What the head has to say, ``owner`` among it."""
    trials: tuple[V, ...]
    """Records that every prompt must be able to show: one with all that there may be, one with as little as there may be."""


@dataclass(frozen=True, slots=True)
class Script(Generic[V]):
    """A prompt file that was read but not yet tried."""

    path: str
    head: AnyHead
    system: str
    """Template, with the line breaks before it, so that line numbers are the file's."""
    user: str
    mark: str
    """Name, version and hash, for provenance: ``listwise v1 #0c1d2e3f``."""
    digest: str
    """SHA-256 of the file, in full."""
    shelf: Shelf[V]


@dataclass(frozen=True, slots=True)
class Tried(Generic[V]):
    """A prompt that has been tried and can be filled."""

    head: AnyHead
    system: str
    """Final text, the same for all records."""
    user: Callable[[V], str]
    mark: str


PromptFile: TypeAlias = Script[View]
"""A judge's prompt file."""
ReadyPrompt: TypeAlias = Tried[View]
"""A judge's prompt."""

JUDGES: Shelf[View] = Shelf(
    "pairwright.annotators",
    "judge",
    Head,
    (
        View("0" * 12, 1, "…", ("…", "…"), "…", "…", "…", ("…", "…"), ("A", "B")),
        View("0" * 12, 0, None, (), "…", None, None, ("…",), ("A",)),
    ),
)
"""Prompts of judges."""


def packaged(shelf: Shelf[Any] = JUDGES) -> list[str]:
    """Return the names of the prompts of a room that come with pairwright.

    >>> "listwise" in packaged()
    True
    """
    names = (file.name for file in _folder(shelf).iterdir())
    return sorted(name.removesuffix(".md") for name in names if name.endswith(".md"))


def read_prompt(where: str, judge: str) -> PromptFile:
    """Read a judge's prompt; as :func:`read_script` of the shelf :data:`JUDGES`."""
    return read_script(JUDGES, where, judge)


def read_script(shelf: Shelf[V], where: str, owner: str) -> Script[V]:
    """Read a prompt: the name of a packaged one, or the path of a user's file (ending in ``.md``).

    Raises:
        ParameterError: there is no such file, it has no head or lacks a part, or it is written for another part than
            ``owner``.
    """
    path, text = _text_of(shelf, where)
    head, first = _head(shelf, path, text)
    written_for = getattr(head, shelf.owner)
    if written_for != owner:
        raise ParameterError(f"{path}: this prompt is for the {shelf.owner} {written_for}, not {owner}")
    system, user = _parts(path, text, first)
    digest = sha256(text.encode()).hexdigest()
    mark = f"{head.name} v{head.version} #{digest[:8]}"
    return Script(path, head, system, user, mark, digest, shelf)


def ready_prompt(prompt: Script[V], rules: Mapping[str, object]) -> Tried[V]:
    """Fill the system part, and try the user's part with and without all that may be missing.

    ``rules`` is all that the system part may name, so that it cannot change from record to record; the user's part may
    name what its shelf's records have besides.

    Raises:
        ParameterError: a template cannot be parsed or filled; the message has file and line.
    """
    system = _filled(prompt.path, _template(prompt.path, prompt.system, list(rules)), rules)
    names = [field.name for field in fields(prompt.shelf.trials[0])]  # type: ignore[arg-type]  # a dataclass
    template = _template(prompt.path, prompt.user, [*rules, *names])

    def user(view: V) -> str:
        return _filled(prompt.path, template, {**rules, **{name: getattr(view, name) for name in names}})

    for trial in prompt.shelf.trials:
        user(trial)
    return Tried(prompt.head, system, user, prompt.mark)


def _folder(shelf: Shelf[Any]) -> Any:  # Traversable, which moves between modules from one Python to the next
    return files(shelf.package).joinpath("prompts")


def _text_of(shelf: Shelf[Any], where: str) -> tuple[str, str]:
    if not where.endswith(".md"):
        known = packaged(shelf)
        if where not in known:
            raise ParameterError(f"prompt: {unknown('prompts', where, known)}, or the path of a .md file")
        return f"{where}.md", _folder(shelf).joinpath(f"{where}.md").read_text(encoding="utf-8")
    try:
        return where, Path(where).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"prompt: {where} cannot be read: {error}") from error


def _head(shelf: Shelf[Any], path: str, text: str) -> tuple[AnyHead, int]:
    """Return the head, and the number of the line after it, from 0."""
    lines = text.splitlines()
    if not lines or lines[0] != "---" or "---" not in lines[1:]:
        raise ParameterError(
            f"{path}, line 1: expected a head between two lines of ---, with name, version, {shelf.owner}"
        )
    end = lines.index("---", 1)
    try:
        return shelf.head.model_validate(yaml.safe_load("\n".join(lines[1:end]))), end + 1
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

"""Recipes: YAML files that say what to build, read strictly.

A recipe has a source, a builder, that builder's parameters, and the output. Everything is checked before any work
starts, and every problem is listed at once. A key that means nothing is an error.
"""

import difflib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from pairwright import __version__
from pairwright.annotators._encoding import OF_ENCODING
from pairwright.builders import ROOM as BUILDERS
from pairwright.builders import (
    AnyBuilder,
    Builder,
    Construct,
    ConstructAsking,
    ConstructEncoding,
    EncodingBuilder,
    ModelBuilder,
    Run,
    Settle,
)
from pairwright.recipe_problems import problems_of
from pairwright.recipes import packaged
from pairwright.remote import is_url, refuse_misspelt
from pairwright.responses.asking import check_models
from pairwright.responses.settings import Budget
from pairwright.samplers import Model
from pairwright.samplers import checked as checked_model
from pairwright.schemas.errors import (
    MissingExtraError,
    PairwrightError,
    ParameterError,
    RecipeError,
    RunError,
    UnknownPartError,
)
from pairwright.schemas.room import unknown
from pairwright.schemas.settings import Settings
from pairwright.sources.settings import SourceSettings
from pairwright.strict_yaml import LONGEST, read_yaml


class OutputSettings(Settings):
    """Where the run goes and how it is cut."""

    path: str | None = None
    """Folder of the run; ``<recipe>-out`` if nothing is said here or on the command line."""
    shard_rows: Annotated[int, Field(ge=1, le=100_000)] = 250
    """Source rows per shard: the unit of work, commit and resume, and of one Parquet file."""
    pretty_name: str | None = None
    """Title of the data set card."""
    responses: str | None = None
    """Response store, a file that several runs may share; ``responses.sqlite`` in the run's folder if not set."""


class RecipeFile(Settings):
    """A recipe as it stands in its file."""

    name: str
    about: str = ""
    """What it builds and which paper's numbers it has."""
    source: SourceSettings = SourceSettings()
    builder: str
    parameters: dict[str, Any] = {}
    output: OutputSettings = OutputSettings()
    budget: Budget = Budget()
    """Where a run that asks models stops."""
    seed: int = 0
    round: Annotated[int, Field(ge=1)] = 1
    """Round of self-training: answers that are written now belong to it. Those of earlier rounds come with the source."""


_PLACES = (
    *(("source", key) for key in ("path",)),
    *(("output", key) for key in ("path", "pretty_name", "responses")),
)
OF_CALLS = frozenset({"base_url", "endpoint", "api_key_env", "calls", "prices"})
"""Keys of a model that say how it is called and what it costs, not which rows come out."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe that was checked: it can be run."""

    file: RecipeFile
    builder: AnyBuilder
    parameters: Settings
    """``file.parameters``, parsed by the builder, with all defaults filled in."""

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.file.name

    def placed(self, *, source: str | Path | None, out: str | Path | None, seed: int | None) -> "Recipe":
        """Return the recipe with another source path, output folder or seed, where one is given."""
        settings, output = self.file.source, self.file.output
        if source is not None:
            settings = settings.model_copy(update={"path": str(source)})
        if out is not None:
            output = output.model_copy(update={"path": str(out)})
        chosen = self.file.seed if seed is None else seed
        file = self.file.model_copy(update={"source": settings, "output": output, "seed": chosen})
        return replace(self, file=file)

    def url(self) -> str | None:
        """Return the address in an object store that the run goes to; None where it goes to a folder."""
        return self.file.output.path if is_url(self.file.output.path) else None

    def folder(self) -> Path:
        """Return the run folder: the one that was set, or ``<recipe>-out`` in the working directory.

        Raises:
            RunError: an address in an object store was set, and only a build can write there; or what was meant as one.
        """
        if (url := self.url()) is not None:
            raise RunError(f"{url} is in an object store, where build alone can write: name a folder")
        refuse_misspelt(self.file.output.path or "")
        return Path(self.file.output.path or f"{self.name}-out")

    def construct(self) -> Construct:
        """Return the function that every source row goes through, of a builder that asks no model."""
        if not isinstance(self.builder, Builder):
            raise TypeError(f"{self.file.builder} asks models: use construct_asking")
        construct: Construct = self.builder.prepare(self.parameters, self._run())
        return construct

    def uses_neighbours(self) -> bool:
        """Tell whether rows will ask for others of their shard."""
        asks = None if isinstance(self.builder, ModelBuilder) else self.builder.uses_neighbours
        return asks is not None and asks(self.parameters)

    def construct_asking(self) -> ConstructAsking:
        """Return the function that every source row goes through, of a builder that asks models."""
        if not isinstance(self.builder, ModelBuilder):
            raise TypeError(f"{self.file.builder} asks no models: use construct")
        construct: ConstructAsking = self.builder.prepare(self.parameters, self._run())
        return construct

    def construct_encoding(self, *, counting: bool = False) -> ConstructEncoding:
        """Return the function that every source row goes through, of a builder that encodes; see ``Run.counting``."""
        if not isinstance(self.builder, EncodingBuilder):
            raise TypeError(f"{self.file.builder} encodes nothing: use construct or construct_asking")
        run = replace(self._run(), counting=counting)
        construct: ConstructEncoding = self.builder.prepare(self.parameters, run)
        return construct

    def settle(self) -> Settle | None:
        """Return what is decided over a whole shard, if anything."""
        return self.builder.settle(self.parameters) if self.builder.settle else None

    def models(self) -> Mapping[str, Model]:
        """Return the models that will be asked, by the name under which they stand in ``parameters``.

        Raises:
            RecipeError: one of them cannot be asked: it has no name, or an option that its sampler does not know; or the
                budget does not fit them.
        """
        if isinstance(self.builder, Builder):
            return {}
        models = self.builder.models(self.parameters)
        problems = [problem for name, model in models.items() if (problem := _model_problem(name, model))]
        if problems:
            raise RecipeError(self.name, problems)
        try:
            check_models(models, self.file.budget)
        except ParameterError as error:
            raise RecipeError(self.name, [str(error)]) from error
        return models

    def runs_code(self) -> Mapping[str, str]:
        """Return the user's own functions that are run, as ``module:function``, by where the parameters name them."""
        asks = None if isinstance(self.builder, Builder) else self.builder.runs_code
        return asks(self.parameters) if asks else {}

    def responses(self) -> Path:
        """Return the file of the response store."""
        return Path(self.file.output.responses or self.folder() / "responses.sqlite")

    def _run(self) -> Run:
        return Run(self.name, self.file.seed, __version__, self.file.round)

    def resolved(self) -> dict[str, Any]:
        """Return the whole recipe with every default filled in, as plain values for ``run.json``."""
        plain = self.file.model_dump(mode="json")
        return plain | {"parameters": self.parameters.model_dump(mode="json")}

    def marks(self) -> Mapping[str, str]:
        """Return the SHA-256 of each file that decides rows beside the recipe, by the parameter that names it.

        Raises:
            ParameterError: one of them cannot be read.
        """
        asks = None if isinstance(self.builder, Builder) else self.builder.marks
        return asks(self.parameters) if asks else {}

    def identity(self) -> str:
        """Return a fingerprint of all that decides which rows come out.

        Left out are descriptions, where things lie, and how models are reached and paid.
        """
        plain = self.resolved()
        for key in ("about", "budget"):
            plain.pop(key)
        plain["parameters"] = _without_calls(plain["parameters"])
        if marks := self.marks():
            plain["marks"] = dict(marks)
        for block, key in _PLACES:
            plain[block].pop(key, None)
        return sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def decides_rows(key: str) -> bool:
    """Tell whether a key of a resolved recipe, dotted, decides which rows come out: whether a run may go on without it.

    >>> decides_rows("parameters.judge.calls.retries"), decides_rows("parameters.judge.params.scale")
    (False, True)
    """
    steps = key.split(".")
    if steps[0] in ("about", "budget") or tuple(steps[:2]) in _PLACES:
        return False
    of_encoder = steps[1:2] == ["encoders"] and steps[-1] in OF_ENCODING
    return steps[0] != "parameters" or not (of_encoder or OF_CALLS & set(steps))


def _without_calls(value: Any) -> Any:
    if isinstance(value, dict):
        # Only a model has all of the first, only an encoder all of the second.
        left_out = next((keys for keys in (OF_CALLS, OF_ENCODING) if value.keys() >= keys), frozenset())
        return {key: _without_calls(inner) for key, inner in value.items() if key not in left_out}
    return [_without_calls(inner) for inner in value] if isinstance(value, list) else value


def _model_problem(name: str, model: Model) -> str | None:
    try:
        checked_model(model)
    except (ParameterError, UnknownPartError) as error:
        how = f" (--set {name}.model=NAME)" if not model.model else ""
        return f"{name}.{error}{how}"
    return None


def load_recipe(recipe: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        recipe: a YAML file, or the name of a recipe that comes with the package.
        overrides: ``key=value`` lines, dotted and relative to the recipe, the value in YAML:
            ``parameters.per_row=all``, ``source.columns.question=Q``, ``parameters.perturbations.0.weight=3``.
            A key that does not start with a recipe's own block is looked for under ``parameters``.

    Raises:
        RecipeError: with every problem found.
    """
    shown, text = _text_of(recipe)
    try:
        parsed = read_yaml(text)
    except yaml.YAMLError as error:
        raise RecipeError(shown, [f"not valid YAML: {error}"]) from error
    if not isinstance(parsed, dict):
        raise RecipeError(shown, ["expected a mapping with name, builder and parameters at the top"])
    changed = [changed_by(parsed, override, shown) for override in overrides]
    decisive = [key for key in changed if key.startswith(("parameters", "builder")) and decides_rows(key)]
    if decisive:  # card and report print `about`, which would speak of another recipe
        parsed["about"] = f"{parsed.get('about', '')} Changed for this run: {', '.join(decisive)}.".strip()
    return parse(parsed, shown)


def checked(file: RecipeFile) -> Recipe:
    """Return the recipe of a file that was checked before, in this process or another."""
    return parse(file.model_dump(mode="json"), file.name)


def packaged_about(name: str) -> str:
    """Return what a packaged recipe says of itself; its parts need not be installed."""
    return RecipeFile.model_validate(read_yaml(packaged()[name].read_text(encoding="utf-8"))).about


def packaged_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(packaged())


def _text_of(recipe: str | Path) -> tuple[str, str]:
    known = packaged()
    if isinstance(recipe, str) and recipe in known:
        return recipe, known[recipe].read_text(encoding="utf-8")
    path = Path(recipe)
    try:
        with path.open(encoding="utf-8") as file:
            return str(path), file.read(LONGEST + 1)  # a device has no end; longer ones are refused there
    except (FileNotFoundError, IsADirectoryError) as error:
        if path.suffix in (".yaml", ".yml") or path.parent != Path("."):
            raise RecipeError(str(path), [f"no such file (working directory: {Path.cwd()})"]) from error
        raise RecipeError(
            str(path), [f"no such file, and {unknown('recipes', str(path), sorted(known))}"]
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(str(path), [f"cannot be read: {error}"]) from error


def changed_by(recipe: dict[str, Any], override: str, shown: str) -> str:
    """Change one key of a recipe as it was read; return the key in full."""
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(shown, [f"--set {override!r}: expected key=value"])
    steps = key.strip().split(".")
    if steps[0] not in RecipeFile.model_fields:
        near = difflib.get_close_matches(steps[0], RecipeFile.model_fields, n=1, cutoff=0.8)
        if near and steps[0] not in _parameters_of(recipe):
            raise RecipeError(
                shown, [f"--set {key}: {unknown('blocks', steps[0], list(RecipeFile.model_fields))}"]
            )
        steps.insert(0, "parameters")
    try:
        value = read_yaml(text)
    except yaml.YAMLError as error:
        raise RecipeError(shown, [f"--set {key}: {text!r} is not valid YAML ({error})"]) from error
    at: Any = recipe
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if isinstance(at, list):
            if not step.isdigit() or int(step) >= len(at):
                raise RecipeError(shown, [f"--set {key}: {step!r} is no position in a list of {len(at)}"])
            index: Any = int(step)
        elif isinstance(at, dict):
            index = step
            if not last and at.get(index) is None:
                if number == 1 and steps[2].isdigit() and step in _parameters_of(recipe):
                    whole = f"--set '{step}=[{{model: NAME, ...}}]'"
                    raise RecipeError(
                        shown, [f"--set {key}: the recipe has no {step}; give the whole list ({whole})"]
                    )
                at[index] = {}
        else:
            raise RecipeError(
                shown, [f"--set {key}: {'.'.join(steps[:number])} is a single value, it has no {step!r}"]
            )
        if last:
            at[index] = value
        else:
            at = at[index]
    return ".".join(steps)


def _parameters_of(recipe: Mapping[str, Any]) -> Collection[str]:
    builder = _builder_of(recipe, [])
    return () if builder is None else builder.settings.model_fields


def parse(parsed: Mapping[str, Any], shown: str) -> Recipe:
    """Return the recipe of plain values as YAML has them, checked. Raises RecipeError; ``shown`` is its name there."""
    problems: list[str] = []
    file: RecipeFile | None = None
    parameters: Settings | None = None
    try:
        file = RecipeFile.model_validate(parsed)
    except ValidationError as error:
        problems += problems_of(error, RecipeFile, "")
    builder = _builder_of(parsed, problems)
    if builder is not None and isinstance(parsed.get("parameters", {}), dict):
        try:
            parameters = builder.settings.model_validate(parsed.get("parameters", {}))
        except ValidationError as error:
            problems += problems_of(error, builder.settings, "parameters.")
    if builder is not None and parameters is not None:
        try:
            builder.prepare(parameters, Run(str(parsed.get("name")), 0, __version__))
        except (MissingExtraError, ParameterError, UnknownPartError) as error:
            problems.append(f"parameters: {error}")
    if problems or file is None or builder is None or parameters is None:
        raise RecipeError(shown, problems)
    return Recipe(file, builder, parameters)


def _builder_of(parsed: Mapping[str, Any], problems: list[str]) -> AnyBuilder | None:
    name = parsed.get("builder")
    if not isinstance(name, str):
        return None  # RecipeFile has said so
    try:
        return BUILDERS.get(name)
    except PairwrightError as error:
        problems.append(f"builder: {error}")
        return None

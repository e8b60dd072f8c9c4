"""What must not leave the house with a set: keys and tokens, in its texts or in what is told of its run. And what it says of licences."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pairwright.schemas.errors import PublishError

_LIKE_A_KEY = (
    r"hf_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{36}|AKIA[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{35}"
    r"|xox[abp]-[0-9A-Za-z-]{20,}|Bearer [A-Za-z0-9._~+/-]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
"""Forms of keys: of the Hub, OpenAI and its kin, GitHub, AWS, Google, Slack; headers; PEM files."""
_HOME = r"(?:^|[\s\"'=(,])(?:/home/|/Users/|/root/|[A-Za-z]:\\Users\\)[^\s\"']+"
"""Folders of a person on a machine."""
_SHORTEST = 8
"""Characters that a secret has at least: the value of a variable like ``EMPTY`` is none."""
_PICTURES = frozenset({"images", "rejected_images"})
_NOT_WRITTEN_BY_MODELS = re.compile(
    r"provenance|extra|source|source_id|record_id|(chosen|rejected)_model|candidates\.(model|params)"
    r"|(rejected_)?images_meta\.source_uri"
)
"""Columns in which a folder is one of a machine, and not the talk of a model."""
_BATCH = 1024


@dataclass(slots=True)
class Findings:
    """What the texts of a set hold."""

    licences: set[str | None] = field(default_factory=set)
    """Licences of rows and pictures; None where a row names none."""
    homes: Counter[str] = field(default_factory=Counter)
    """Texts that name a person's folder on a machine, by ``config.column``."""
    people: set[str] = field(default_factory=set)
    """Names under which people have labelled."""


def known_secrets(recipe: Mapping[str, Any], token: str | None) -> frozenset[str]:
    """Return what is known to be secret here: the Hub's token, and the keys in the variables that a recipe names."""
    variables = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", *_variables(recipe)}
    values = {token or "", *(os.environ.get(name, "") for name in variables)}
    return frozenset(value for value in values if len(value) >= _SHORTEST)


def _variables(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "api_key_env" and isinstance(inner, str):
                yield inner
            yield from _variables(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _variables(inner)


def refuse_secrets(name: str, text: str, secrets: Collection[str]) -> None:
    """Raise :class:`PublishError` where a text that is to be published holds a secret; the message does not."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if any(secret in line for secret in secrets) or re.search(_LIKE_A_KEY, line):
            raise PublishError(
                f"{name}, line {number}, holds what looks like a key; nothing was uploaded. Keys belong into environment "
                "variables that the recipe names (api_key_env). Take it out of the recipe and build into another --out "
                "with output.responses set to the old response store: nothing is asked again"
            )


def read_texts(
    folder: Path, files: Collection[str], secrets: Collection[str], default_licence: str | None
) -> Findings:
    """Read all texts of a set's files, some rows at a time, no pictures.

    Raises:
        PublishError: a text holds a secret.
    """
    found = Findings()
    for name in files:
        with pq.ParquetFile(folder / name) as opened:
            columns = [column for column in opened.schema_arrow.names if column not in _PICTURES]
            for batch in opened.iter_batches(_BATCH, columns=columns):
                _read_batch(batch, name, secrets, found)
                found.licences |= _licences(batch, default_licence)
    return found


def _read_batch(batch: pa.RecordBatch, name: str, secrets: Collection[str], found: Findings) -> None:
    config = name.partition("/")[0]
    for column in batch.schema.names:
        for path, texts in _leaves(column, batch[column]):
            _refuse_secret_texts(texts, f"{name}, column {path}", secrets)
            if _NOT_WRITTEN_BY_MODELS.fullmatch(path):
                homes = pc.sum(pc.match_substring_regex(texts, _HOME)).as_py() or 0
                found.homes.update({f"{config}.{path}": homes} if homes else {})
            if path == "annotations.annotator":
                found.people |= {one for one in pc.unique(texts).to_pylist() if one}


def _leaves(path: str, array: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """Yield every text array in a nested one, with its dotted path; lists have no step of their own."""
    kind = array.type
    if pa.types.is_list(kind):
        yield from _leaves(path, array.flatten())
    elif pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            yield from _leaves(f"{path}.{kind.field(number).name}", pc.struct_field(array, [number]))
    elif pa.types.is_string(kind):
        yield path, array


def _refuse_secret_texts(texts: pa.Array, where: str, secrets: Collection[str]) -> None:
    bad = pc.any(pc.match_substring_regex(texts, _LIKE_A_KEY)).as_py() or any(
        pc.any(pc.match_substring(texts, secret)).as_py() for secret in secrets
    )
    if bad:
        raise PublishError(
            f"{where}: a text holds what looks like a key or token; nothing was uploaded. Look for it there, take it out of "
            "the source, and build again"
        )


def _licences(batch: pa.RecordBatch, default: str | None) -> set[str | None]:
    """Return the licences of rows and pictures; a row that names none, nor its pictures, has the recipe's."""
    named: list[set[str | None]] = [{one} if one else set() for one in batch["license"].to_pylist()]
    for column in ("images_meta", "rejected_images_meta"):
        if column in batch.schema.names:
            for row, metas in zip(named, batch[column].to_pylist(), strict=True):
                row.update(meta["license"] for meta in metas or () if meta["license"])
    return {one for row in named for one in (row or {default})}

"""What the Hub wants of a data set card's metadata, checked before anything is asked of it.

The rules are those of the Hub's documentation of cards; the Hub checks again, and has the last word.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from pairwright.licences import HUB_LICENCES
from pairwright.schemas.errors import PublishError
from pairwright.strict_yaml import read_yaml

_SIZES = frozenset(
    "n<1K 1K<n<10K 10K<n<100K 100K<n<1M 1M<n<10M 10M<n<100M 100M<n<1B 1B<n<10B 10B<n<100B 100B<n<1T n>1T".split()  # noqa: SIM905  # as a line it can be read
)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*|code|multilingual")
_LICENCE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_CONFIG_NAME = re.compile(r"[^<>:/\\|?*\s]+")
_LINK = re.compile(r"https?://\S+|[\w./-]+")
_LISTS = ("language", "size_categories", "task_categories", "tags", "source_datasets")


class CardError(PublishError):
    """A card whose metadata the Hub would refuse."""


def metadata_of(card: str) -> Mapping[str, Any]:
    """Return the metadata of a card.

    Raises:
        CardError: it has none, or such as is no YAML mapping.
    """
    if not card.startswith("---\n") or "\n---\n" not in card[3:]:
        raise CardError("the card has no metadata: it must begin with YAML between two lines of ---")
    try:
        told = read_yaml(card[4:].split("\n---\n", 1)[0])
    except yaml.YAMLError as error:
        raise CardError(f"the card's metadata is no YAML: {error}") from error
    if not isinstance(told, dict):
        raise CardError("the card's metadata is no mapping of names to values")
    return told


def require_valid(card: str) -> None:
    """Raise :class:`CardError` with all that the Hub would say against a card's metadata."""
    problems = list(_problems(metadata_of(card)))
    if problems:
        lines = "\n".join(f"  - {line}" for line in problems)
        raise CardError(f"the Hub would refuse the card:\n{lines}")


def _problems(told: Mapping[str, Any]) -> Iterator[str]:
    for key in _LISTS:
        found = told.get(key, [])
        if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
            yield f"{key}: expected a list of texts, got {found!r}"
            return
    if not isinstance(told.get("pretty_name"), str) or not told["pretty_name"]:
        yield f"pretty_name: expected a text, got {told.get('pretty_name')!r}; set output.pretty_name in the recipe"
    yield from _licence_problems(told)
    yield from (
        (f"language: {one!r} is no ISO 639 code" for one in told["language"] if not _LANGUAGE.fullmatch(one))
        if "language" in told
        else ()
    )
    yield from (
        f"size_categories: {one!r} is none of the Hub's"
        for one in told.get("size_categories", [])
        if one not in _SIZES
    )
    yield from _config_problems(told.get("configs", []))


def _licence_problems(told: Mapping[str, Any]) -> Iterator[str]:
    name = told.get("license")
    if name != "other" and name not in HUB_LICENCES:
        yield f"license: the Hub does not know {name!r}; other licences are `other` with a name and a link"
    if name == "other":
        if not _LICENCE_NAME.fullmatch(str(told.get("license_name") or "")):
            yield f"license_name: expected small letters, digits, dots and dashes, got {told.get('license_name')!r}"
        if not _LINK.fullmatch(str(told.get("license_link") or "")):
            yield f"license_link: expected an address or a file of the repository, got {told.get('license_link')!r}"


def _config_problems(configs: Any) -> Iterator[str]:
    if not isinstance(configs, list) or not configs:
        yield "configs: the set has no rows"
        return
    names = [str(config.get("config_name")) for config in configs]
    yield from (f"configs: {name!r} stands twice" for name in sorted(set(names)) if names.count(name) > 1)
    yield from (
        f"configs: {name!r} is no name of a config" for name in names if not _CONFIG_NAME.fullmatch(name)
    )
    if sum(bool(config.get("default")) for config in configs) > 1:
        yield "configs: more than one is the default"
    yield from (
        f"configs: {config['config_name']} names no files"
        for config in configs
        if not config.get("data_files")
    )

"""What is published of a run: its Parquet files as they are, the card, and what tells how it was made, fit for strangers' eyes."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from pairwright.api import validate
from pairwright.card import NAME as CARD
from pairwright.card import public_recipe, render, without_places
from pairwright.edition import Edition, SamplePair, Version
from pairwright.publishing import card_rules
from pairwright.publishing.items import Item, of_file, of_text
from pairwright.publishing.licence import Licence, licence_of
from pairwright.publishing.samples import sample_pairs
from pairwright.publishing.texts import Findings, known_secrets, read_texts, refuse_secrets
from pairwright.runs import manifest, run_file
from pairwright.runs.endpoints import without_secrets
from pairwright.runs.summary import Summary, summarize
from pairwright.schemas.errors import PublishError

RECIPE, VERSIONS = "recipe.yaml", "versions.json"
MOST_FILES = 10_000
"""Files of one folder that the Hub recommends at most (hub-docs, storage limits)."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that may be published, and what of it does not change with the version."""

    summary: Summary
    data: tuple[Item, ...]
    told: tuple[Item, ...]
    """Recipe, run file, manifest and small pictures."""
    samples: tuple[SamplePair, ...]
    licence: Licence
    secrets: frozenset[str]
    notes: tuple[str, ...]
    """What to know before it is public, one line each."""


def prepare(folder: Path, *, licence: str | None, link: str | None, token: str | None) -> Prepared:
    """Check a run and gather what is published of it; nothing is asked of the Hub.

    Raises:
        RunError: the folder holds no run.
        PublishError: the run is unfinished, empty, invalid or changed, has no licence, or holds a secret.
        ParameterError: ``licence`` needs a ``link``.
    """
    run = run_file.read(folder)
    if run is None:
        raise run_file.none_in(folder)
    _require_finished(folder, run.status)
    summary = summarize(folder)
    _require_sound(folder, summary)
    files = [file.name for config in summary.configs for file in config.files]
    secrets = known_secrets(run.recipe, token)
    found = read_texts(folder, files, secrets, summary.run.license)
    chosen = licence_of(found.licences, decided=licence, link=link)
    samples, pictures = sample_pairs(folder)
    return Prepared(
        summary=summary,
        data=_data(folder, summary),
        told=(*_told(folder, summary, secrets), *pictures),
        samples=samples,
        licence=chosen,
        secrets=secrets,
        notes=_notes(summary, found),
    )


def edition_of(
    prepared: Prepared, repo: str, revision: str | None, versions: Collection[Version]
) -> tuple[Item, ...]:
    """Return the card and the list of versions of an edition.

    Raises:
        PublishError: the Hub would refuse the card, or it holds a secret.
    """
    edition = Edition(
        repo=repo,
        revision=revision,
        licence=prepared.licence.metadata,
        licence_note=prepared.licence.note,
        samples=prepared.samples,
        versions=tuple(versions),
    )
    card = render(prepared.summary, edition).encode(errors="replace").decode()
    refuse_secrets("the card", card, prepared.secrets)
    card_rules.require_valid(card)
    return of_text(CARD, card), of_text(VERSIONS, versions_text(versions))


def versions_text(versions: Collection[Version]) -> str:
    """Return versions as JSON, one line each.

    >>> versions_text([Version(1, "2026-11-22", (("default", 3),), ())])
    '[\\n{"number": 1, "date": "2026-11-22", "rows": {"default": 3}, "said": []}\\n]\\n'
    """
    told = [
        {"number": one.number, "date": one.date, "rows": dict(one.rows), "said": list(one.said)}
        for one in versions
    ]
    return "[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in told) + "\n]\n"


def versions_of(text: bytes) -> tuple[Version, ...]:
    """Return the versions of a list that was published. Raises ValueError, KeyError or TypeError for anything else."""
    told = json.loads(text)
    if not isinstance(told, list):
        raise TypeError(f"expected a list, got {type(told).__name__}")
    return tuple(
        Version(int(one["number"]), str(one["date"]), tuple(one["rows"].items()), tuple(one["said"]))
        for one in told
    )


def _require_finished(folder: Path, status: str) -> None:
    if status != "finished":
        raise PublishError(
            f"the run in {folder} is not finished; nothing was uploaded. The same `pairwright build` command goes on with it"
        )


def _require_sound(folder: Path, summary: Summary) -> None:
    if not summary.configs:
        raise PublishError(
            f"the run in {folder} has neither pairs nor candidates; `pairwright show {folder}` says why"
        )
    problems = [*summary.problems, *(str(one) for one in validate(folder))]
    if problems:
        shown = "\n".join(f"  - {line}" for line in problems[:_SHOWN])
        more = f"\n  … and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise PublishError(
            f"the run in {folder} is not as it was built; nothing was uploaded:\n{shown}{more}\n"
            f"`pairwright validate {folder}` shows all. Files that are gone or cut short are built again by the same "
            "`pairwright build` command; what was changed by hand has to be deleted first"
        )
    for config in summary.configs:
        if len(config.files) > MOST_FILES:
            raise PublishError(
                f"config {config.name} has {len(config.files):,} files, the Hub takes {MOST_FILES:,} in a folder; build into "
                "another --out with a larger output.shard_rows"
            )


def _data(folder: Path, summary: Summary) -> tuple[Item, ...]:
    """Return the Parquet files, each held against the hash that the manifest has of it."""
    items = []
    for config in summary.configs:
        for file in config.files:
            item = of_file(file.name, folder / file.name)
            if item.sha256 != file.sha256:
                raise PublishError(
                    f"{folder / file.name} is not the file that was built: its SHA-256 is another. Nothing was uploaded; "
                    "delete it, and the same `pairwright build` command makes it anew"
                )
            items.append(item)
    return tuple(items)


def _told(folder: Path, summary: Summary, secrets: Collection[str]) -> tuple[Item, ...]:
    told = json.loads((folder / run_file.NAME).read_bytes())
    public = json.dumps(without_places(without_secrets(told)), indent=2, ensure_ascii=False) + "\n"
    folders = {name for config in summary.configs for name in config.folders}
    shards = [
        replace(one, files=tuple(manifest.parquet_files([one], folders)))  # rejects stay at home
        for one in manifest.read(folder)
    ]
    lines = "".join(json.dumps(manifest.to_line(shard)) + "\n" for shard in shards)
    texts = (
        (RECIPE, public_recipe(summary.run.recipe_text)),
        (run_file.NAME, public),
        (manifest.NAME, lines),
    )
    for name, text in texts:
        refuse_secrets(name, text, secrets)
    return tuple(of_text(name, text) for name, text in texts)


def _notes(summary: Summary, found: Findings) -> tuple[str, ...]:
    notes = [
        f"{number:,} texts in {column} name somebody's folder on a machine; they are published as they are"
        for column, number in sorted(found.homes.items())
    ]
    if found.people:
        notes.append(
            f"the names of {len(found.people):,} annotators are published in the config candidates (annotations.annotator)"
        )
    if summary.run.limit is not None:
        notes.append(f"the run used only the first {summary.run.limit:,} rows of its source")
    return tuple(notes)

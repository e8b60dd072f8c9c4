"""The data set card of a run: ``README.md`` with the metadata that the Hugging Face Hub reads."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from pairwright.edition import Edition
from pairwright.licences import hub_license
from pairwright.pages import environment
from pairwright.runs.contents import MEASURES
from pairwright.runs.disk import replace_whole
from pairwright.runs.endpoints import is_address, public_host, public_name
from pairwright.runs.files import Files
from pairwright.runs.know_before import warnings
from pairwright.runs.seen import SEEN, seen_middle, seen_text
from pairwright.runs.summary import CANDIDATES, PerturbationSummary, Share, Sides, Summary, summarize
from pairwright.runs.wording import (
    KINDS,
    measure_text,
    middle_text,
    outcome,
    refused_texts,
    unparsed,
    when_text,
)

NAME = "README.md"

_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
    (10**10, "1B<n<10B"),
)
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PLACE = re.compile(r"[/\\~]|[A-Za-z]:[/\\]|file:")
"""How an absolute path begins."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of what follows them."""


def write_card(folder: str | Path, files: Files | None = None) -> Path:
    """Write ``README.md`` into a run folder and return where; the same folder gives the same card.

    ``files`` are the data files, where they are not in the folder.

    Raises:
        RunError: the folder holds no run, or cannot be written.
    """
    folder = Path(folder)
    card = render(summarize(folder, files))
    path = folder / NAME
    replace_whole(path, card.encode(errors="replace"))
    return path


def render(summary: Summary, edition: Edition | None = None) -> str:
    """Return the card: YAML metadata between two lines of dashes, then Markdown; with what an edition adds to it."""
    templates = environment(keep_trailing_newline=True)
    templates.filters |= {
        "plain": plain,
        "code": code,
        "medians": _medians,
        "public": _public,
        "host": public_host,
        "sides": _sides,
    }
    metadata = yaml.safe_dump(_metadata(summary, edition), sort_keys=False, allow_unicode=True)
    text = templates.get_template("card.md").render(
        summary=summary,
        run=summary.run,
        title=_title(summary, edition),
        edition=edition,
        configs={config.name: config for config in summary.configs},
        kinds=[(kind, count, KINDS.get(kind, "")) for kind, count in summary.kinds],
        outcome=outcome(summary),
        when=when_text(summary.run),
        measures=[f"{info.label}: {info.about}" for info in MEASURES.values()],
        seen=_seen(summary),
        seen_measures=_seen_measures(summary),
        recipe=_shown_recipe(summary.run.recipe_text),
        license_note=edition.licence_note if edition else _license_note(summary.licenses),
        warnings=warnings(summary),
        refused=refused_texts(summary),
        unparsed=unparsed(summary),
        judges=summary.text_pairs.judges if summary.text_pairs else (),
        verified=_verified(summary),
        judging=_judging(summary),
        labelled=summary.run.builder == "labelled",
    )
    return f"---\n{metadata}---\n\n{text}"


def size_category(pairs: int) -> str:
    """Return the Hub's size category of a number of rows.

    >>> size_category(999), size_category(1000), size_category(250_000)
    ('n<1K', '1K<n<10K', '100K<n<1M')
    """
    return next(
        (name for limit, name in _SIZES if pairs < limit), "n>1T" if pairs >= 10**12 else "10B<n<100B"
    )


def plain(text: str) -> str:
    """Return a text from outside as it may stand in a line or a table cell of Markdown.

    >>> plain("a | b\\n<script>")
    'a \\\\| b &lt;script&gt;'
    """
    flat = (
        " ".join(_UNSEEN.sub(" ", text).split())
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
    )
    return re.sub(r"([\\`*_~\[\]|])", r"\\\1", flat)


def code(text: str) -> str:
    """Return a text from outside as inline code of Markdown, which a bar would end in a table.

    >>> code("image_dpo")
    '`image_dpo`'
    """
    flat = " ".join(_UNSEEN.sub(" ", text).replace("`", "'").replace("|", "¦").split())
    return f"`{flat}`"


def _metadata(summary: Summary, edition: Edition | None) -> dict[str, object]:
    languages = [x.name for x in summary.languages if x.name and _LANGUAGE.fullmatch(x.name)]
    sources = _source_datasets(summary)
    metadata: dict[str, object] = {**(edition.licence if edition else _license(summary.licenses))}
    if languages:
        metadata["language"] = languages
    metadata |= {
        "pretty_name": _title(summary, edition),
        "size_categories": [size_category(summary.pairs)],
        "task_categories": ["image-text-to-text", "visual-question-answering"],
        "tags": ["preference", "dpo", "multimodal", "vision-language", "pairwright"],
    }
    if sources:
        metadata["source_datasets"] = sources
    metadata["configs"] = [
        {"config_name": config.name}
        | ({"default": True} if number == 0 and config.name != CANDIDATES else {})
        | {"data_files": [{"split": "train", "path": _patterns(config.folders)}]}
        for number, config in enumerate(summary.configs)
    ]
    if not summary.configs:
        del metadata["configs"]
    return metadata


def _patterns(folders: Sequence[str]) -> str | list[str]:
    """Return what finds the files of a config, in as few words as the Hub takes."""
    patterns = [f"{folder}/train-*.parquet" for folder in folders]
    return patterns[0] if len(patterns) == 1 else patterns


def _license(shares: Sequence[Share]) -> dict[str, str]:
    """Return the licence block: one identifier where every pair has it, ``other`` where not."""
    names = {share.name for share in shares}
    if not names or names == {None}:
        return {"license": "other", "license_name": "unknown"}
    known = {hub_license(name) for name in names}
    if len(known) == 1 and (one := known.pop()):
        return {"license": one}
    if len(names) == 1:
        return {"license": "other", "license_name": _slug(next(iter(names)) or "unknown")}
    return {"license": "other", "license_name": "mixed"}


def _license_note(shares: Sequence[Share]) -> str:
    if not shares or any(share.name is None for share in shares):
        return (
            "Rows without a licence of their own are marked unknown: find out before you share this data set."
        )
    if len(shares) > 1:
        return "The licences differ between rows; the columns `license` and `images_meta` say which row has which."
    return "The column `license` says it for each row, `images_meta` for each picture where it is known."


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-") or "other"


def _source_datasets(summary: Summary) -> list[str]:
    """Return the Hub id that rows came from; a local path is none."""
    path = summary.run.source_path
    of_hub = any(mark.size == 0 and mark.name.startswith(f"{path} (") for mark in summary.run.source_files)
    return [path] if of_hub and _HUB_ID.fullmatch(path) else []


def _title(summary: Summary, edition: Edition | None) -> str:
    name = edition.repo.rpartition("/")[2] if edition else summary.folder
    return " ".join((summary.run.pretty_name or name.replace("_", " ").replace("-", " ")).split())


def _verified(summary: Summary) -> bool:
    """Tell whether answers were checked by rule and by nothing else."""
    said = summary.candidates
    return said is not None and any(one.right is not None for one in said.rated) and not _judging(summary)


def _judging(summary: Summary) -> bool:
    """Tell whether answers were rated or compared by anything but a verifier."""
    said = summary.candidates
    return said is not None and bool(said.compared or any(one.right is None for one in said.rated))


def _public(name: str | None) -> str:
    """Return the name of a model or judge as a card may have it."""
    return "unknown" if name is None else plain(public_name(name))


def _sides(sides: Sides) -> str:
    """Return the lengths of sides of pictures."""
    if sides.min == sides.max:
        return f"{sides.min} px"
    return f"{sides.min} to {sides.max} px (median {sides.median})"


def _medians(perturbation: PerturbationSummary) -> list[str]:
    spreads = ((name, perturbation.measure(name)) for name in MEASURES)
    return [
        f"{measure_text(name, spread.median)} ({middle_text(name, spread)})" if spread else ""
        for name, spread in spreads
    ]


def _seen(summary: Summary) -> list[tuple[str, str, str, str]]:
    """Return perturbation, measure, median and middle of all that encoders say."""
    return [
        (one.name, by.by.label, seen_text(by.name, by.spread.median), seen_middle(by))
        for one in summary.perturbations
        for by in one.seen
    ]


def _seen_measures(summary: Summary) -> list[str]:
    names = {by.name for one in summary.perturbations for by in one.seen}
    return [f"{info.label}: {info.about}" for name, info in SEEN.items() if name in names]


def public_recipe(text: str) -> str:
    """Return a recipe whose absolute paths are cut to their last part: a card is public, a home folder is not."""
    dumped: str = yaml.safe_dump(
        without_places(yaml.safe_load(text)), sort_keys=False, allow_unicode=True, width=100
    )
    return dumped


def _shown_recipe(text: str) -> str:
    """Return a public recipe without the keys that are not set, to be read; it stands between fences."""
    dumped = yaml.safe_dump(
        _without_nothing(yaml.safe_load(public_recipe(text))), sort_keys=False, allow_unicode=True, width=100
    )
    return str(dumped).replace("```", "'''")


def _without_nothing(value: object) -> object:
    """Return plain values without keys that have none, nor anything in them."""
    if isinstance(value, list):
        return [_without_nothing(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _without_nothing(inner) for key, inner in value.items()}
    return {key: inner for key, inner in kept.items() if inner is not None and inner != {}}


def _told(key: str, value: object) -> object:
    """Return a value of a recipe as the public may see it; names of endpoints are nobody else's business."""
    if key in ("base_url", "endpoint") and isinstance(value, str) and not public_host(value):
        return "(not told)"
    return without_places(value)


def without_places(value: object) -> object:
    """Return the plain values of a recipe or a run file without folders of a machine and addresses nobody else can call."""
    if isinstance(value, dict):
        return {key: _told(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_places(inner) for inner in value]
    if isinstance(value, str) and is_address(value) and not value.startswith("file:"):
        return value if public_host(value) else "(not told)"
    if isinstance(value, str) and _PLACE.match(value):
        return re.split(r"[/\\]", value.rstrip("/\\"))[-1]
    return value

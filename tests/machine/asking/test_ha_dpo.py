"""HA-DPO from real pictures: their instance annotations are the evidence, the models are the HTTP double's."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import pairwright
from pairwright.recipe import load_recipe
from pairwright.runs import manifest

MODELS = ("samplers.0", "correctors.0", "style")


@pytest.fixture(scope="session")
def annotated(shared_data: Path) -> dict[str, str]:
    """File names of photographs, and what is annotated in each: ``2 horse``, ``1 dog; 1 tie``."""
    folder = shared_data / "cc0-coco-objects"
    told = json.loads((folder / "instances.json").read_text())
    names = {one["id"]: one["name"].lower() for one in told["categories"]}
    found: dict[int, Counter[str]] = {}
    for one in told["annotations"]:
        found.setdefault(one["image_id"], Counter())[names[one["category_id"]]] += 1
    files = {one["id"]: one["file_name"] for one in told["images"]}
    return {
        files[image]: "; ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        for image, counts in sorted(found.items())
        if (folder / "images" / files[image]).exists()
    }


def own(evidence: str) -> str:
    return f"The photograph shows {evidence} and, in front of it, one umbrella. The light is soft."


def mended(evidence: str) -> str:
    return f"The photograph shows {evidence}. The light is soft."


def styled(text: str) -> str:
    return text.replace("The photograph shows", "In this picture there is").replace("soft", "gentle")


def right(number: int) -> bool:
    """Tell whether the description of a picture is one in which the corrector finds nothing wrong."""
    return number % 5 == 4


def rules(annotated: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what the double answers. A corrector that is not shown the picture's own annotations gets no such answer."""
    made: list[dict[str, Any]] = []
    for number, (name, evidence) in enumerate(annotated.items()):
        wrong = [{"wrong": "in front of it, one umbrella", "right": "no umbrella"}]
        text = own(evidence) if right(number) else mended(evidence)
        report = {"errors": [] if right(number) else wrong, "text": text}
        shown = ["Correct the answer.", f"Describe {name}", f"\n{evidence}\n", own(evidence)]
        made += [
            {"contains": shown, "reply": report},
            *(
                {"contains": ["Rewrite the text.", f"\n{old}\n"], "reply": {"text": styled(old)}}
                for old in (own(evidence), mended(evidence))
            ),
        ]
    asked = [{"contains": f"Describe {name}", "reply": own(evidence)} for name, evidence in annotated.items()]
    return made + asked


def source_of(annotated: Mapping[str, str], path: Path) -> Path:
    rows = (
        {"id": name, "question": f"Describe {name}.", "image": f"images/{name}", "evidence": evidence}
        for name, evidence in annotated.items()
    )
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def marked(text: str, spans: Sequence[Mapping[str, Any]]) -> list[str]:
    return [text[one["start"] : one["end"]] for one in spans]


def test_descriptions_are_corrected_by_the_annotations(
    annotated: dict[str, str], shared_data: Path, double: Any, tmp_path: Path
) -> None:
    double.rules(rules(annotated))
    told = [f"{place}.{key}" for place in MODELS for key in ("model=tiny", f"base_url={double.url}")]
    told += ["style_variants=1", "output.shard_rows=8"]
    told += [f"source.image_root={shared_data / 'cc0-coco-objects'}"]
    source, out = source_of(annotated, tmp_path / "photographs.jsonl"), tmp_path / "run"
    pairwright.build(load_recipe("ha_dpo", told), source=source, out=out)

    given = list(annotated.items())
    assert len(given) == 21
    pairs = pq.read_table(out / "data").to_pylist()
    assert [(one["source_id"], one["chosen_text"], one["rejected_text"]) for one in pairs] == [
        (name, styled(mended(evidence)), styled(own(evidence)))
        for number, (name, evidence) in enumerate(given)
        if not right(number)
    ]
    assert all(one["chosen_spans"] is None for one in pairs)  # nothing was put in
    for one in pairs:
        assert marked(one["rejected_text"], one["rejected_spans"]) == ["and, in front of it, one umbrella"]
        side = json.loads(one["provenance"])["chosen"]["params"]
        assert (side["kind"], side["before"]["kind"]) == ("style_match", "minimal")
    counts = manifest.total(manifest.read(out))
    assert (counts.rows, counts.paired) == (21, 17)
    assert counts.rejects["row"] == {"no_correction": 4}
    # one description and one correction of each; two texts brought to style where there is a pair
    assert double.stats()["paid_distinct"] == 21 + 21 + 2 * 17
    assert pairwright.validate(out) == []

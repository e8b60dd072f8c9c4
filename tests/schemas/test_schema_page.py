"""docs/schema.md: every column as the schemas have it, and example rows that are real ones.

Run as a script it prints the examples, to be pasted after a change.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pairwright.annotators.pixels import Measures
from pairwright.schemas.annotation import Annotation
from pairwright.schemas.arrow import REQUIRED, SCHEMA, SCHEMA_VERSION, to_row, to_table
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.candidate_table import CANDIDATES_SCHEMA, to_candidate_table
from pairwright.schemas.claim import Claim
from pairwright.schemas.codec import read_image
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.pair import Pair, group_id, pair_id
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.span import Span
from pairwright.schemas.validate import FORBIDDEN_COLUMNS, OPTIONAL_COLUMNS, check_table
from pairwright.schemas.validate_candidates import CANDIDATES_REQUIRED, findings
from pairwright.schemas.validate_file import KINDS_OF_FOLDER, MAX_GROUP_ROWS
from pairwright.schemas.validate_row import Pictures

PAGE = Path(__file__).resolve().parents[2] / "docs" / "schema.md"

RED = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAGCAIAAABxZ0isAAAAEUlEQVR42mP8z4AdMDEMoAQAmIUBC3dwj0AAAAAASUVORK5CYII="
GREY = (
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAGCAIAAABxZ0isAAAAFUlEQVR42mNsaGhgwAaYGHAAekgAAOIaAYxPq/WCAAAAAElFTkSuQmCC"
)


def example() -> Pair:
    """Return the pair of the page: a picture of 8 × 6 red pixels, and a grey one in its place."""
    red = read_image(base64.b64decode(RED), source_uri="pictures/red.png", license="cc0-1.0")
    grey = read_image(base64.b64decode(GREY)).with_edit("greyscale amount=1 share")
    prompt = Prompt("<image>\nWhat color is it?", (red,), system="Answer in one sentence.")
    provenance = {
        "builder": "visual_negative",
        "pairwright": "0.1.0",
        "seed": 7,
        "record_id": "colors.csv:12",
    }
    return Pair(
        id=pair_id("colors.csv:12", prompt, "It is red.", "It is red.", (grey,)),
        prompt=prompt,
        chosen="It is red.",
        rejected="It is red.",
        rejected_images=(grey,),
        kind="image",
        source="colors",
        source_id="c-12",
        group_id=group_id(prompt),
        scores=Measures(changed=1.0, psnr=7.4, ssim=0.68, entropy_ratio=None).judgements(
            "rejected_images[0]"
        ),
        license="cc0-1.0",
        language="en",
        tags=("color",),
        provenance=json.dumps(provenance),
    )


def candidates_example() -> SourceRow:
    """Return the prompt of the page with its answers: a corrected one, and the one of the source that it comes from."""
    red = read_image(base64.b64decode(RED), source_uri="pictures/red.png", license="cc0-1.0")
    ratings = [
        Judgement("candidate", "judge-vlm", "helpfulness", 4.0, 1.0, 5.0, "It names the colour."),
        Judgement("candidate", "judge-vlm", "visual_faithfulness", 5.0, 1.0, 5.0, "The picture is red."),
    ]
    wrong = [replace(one, value=1.0, rationale="Nothing is blue.") for one in ratings]
    written = Candidate(
        "It is red.",
        "writer-vlm",
        finish="stop",
        request="9f2b6c0e5d7a4b1882c3f4a5d6e7f80913a2b4c5d6e7f8091a2b3c4d5e6f7081",
        sample=0,
        params='{"temperature": 1.0}',
        score=4.5,
        judgements=tuple(ratings),
        round=1,
        spans=(Span(6, 9, 5.0, "changed"),),
    )
    known = Candidate(
        "It is blue.",
        score=1.0,
        judgements=tuple(wrong),
        claims=(Claim("It is blue.", "wrong", "Is it blue?", 0.02),),
        spans=(Span(6, 10, 5.0, "changed"),),
    )
    return SourceRow(
        record_id="colors.csv:12",
        source="colors",
        source_id="c-12",
        prompt=Prompt("<image>\nWhat color is it?", (red,)),
        candidates=(written, known),
        comparisons=(Comparison(0, 1, "first", "judge-vlm", 2.0, "Only the first one is right."),),
        annotations=(Annotation("ann", (1, 0), 12.5, "2026-03-01T10:00:00Z", "An easy one."),),
        ground_truth="red",
        license="cc0-1.0",
        language="en",
        tags=("color",),
    )


def rendered(row: Mapping[str, object]) -> str:
    """Return a row as JSON, a column a line, image bytes in base64."""

    def encode(value: object) -> str:
        assert isinstance(value, bytes)
        return base64.b64encode(value).decode()

    lines = [f'  "{name}": {json.dumps(value, default=encode)}' for name, value in row.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def examples() -> list[str]:
    """Return the examples in the order of the page."""
    [candidates] = to_candidate_table([candidates_example()]).to_pylist()
    pair = to_row(example())
    return [rendered({name: pair[name] for name in SCHEMA.names}), rendered(candidates)]


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_examples_are_what_the_code_makes(page):
    assert re.findall(r"```json\n(.*?)\n```", page, re.DOTALL) == examples()


def test_example_is_valid():
    assert check_table(to_table([example()])) == []


def test_the_example_of_candidates_is_valid():
    [row] = to_candidate_table([candidates_example()]).to_pylist()
    assert list(findings(row, Pictures())) == []


SECTIONS = {
    "pairs": ("## Columns", SCHEMA, REQUIRED),
    "candidates": ("## The config candidates", CANDIDATES_SCHEMA, CANDIDATES_REQUIRED),
}


@pytest.mark.parametrize(("heading", "schema", "required"), SECTIONS.values(), ids=SECTIONS.keys())
def test_every_column_is_described_with_its_type_and_whether_it_may_be_null(page, heading, schema, required):
    section = re.split(r"\n(?=## )", page[page.index(heading) :])[0]
    short = dict(re.findall(r"^- `(\w+)`: `(list<.*>)`$", page, re.MULTILINE))
    columns = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (yes|no) \| (.+) \|$", section, re.MULTILINE)
    described = {name: (_spelled(type_, short), null == "yes") for name, type_, null, _ in columns}
    expected = {field.name: (_bare(field.type), field.name not in required) for field in schema}
    assert described == expected
    assert [name for name, *_ in columns] == schema.names


def test_every_member_of_candidates_and_comparisons_is_described(page):
    members = re.findall(
        r"^\| `(candidates|comparisons|annotations)\[\]\.(\w+)` \| `([\w<>]+)` \|", page, re.MULTILINE
    )
    short = dict(re.findall(r"^- `(\w+)`: `(list<.*>)`$", page, re.MULTILINE))
    for column in ("candidates", "comparisons", "annotations"):
        described = [(name, _spelled(kind, short)) for of, name, kind in members if of == column]
        struct = CANDIDATES_SCHEMA.field(column).type.value_type
        assert described == [(field.name, _bare(field.type)) for field in struct]


def _spelled(type_: str, short: Mapping[str, str]) -> str:
    return short.get(type_, type_)


def _bare(type_: object) -> str:
    return str(type_).replace("item: ", "")


def test_names_and_numbers_of_the_page(page):
    for name in [*FORBIDDEN_COLUMNS, *OPTIONAL_COLUMNS, *KINDS_OF_FOLDER]:
        assert f"`{name}`" in page, name
    assert f"schema version is `{SCHEMA_VERSION}`" in page
    assert f"at most {MAX_GROUP_ROWS} rows" in page


if __name__ == "__main__":
    print("\n\n".join(examples()))

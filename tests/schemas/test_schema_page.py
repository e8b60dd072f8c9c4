"""docs/schema.md: every column as the schema has it, and an example row that is a real one.

Run as a script it prints the example, to be pasted after a change.
"""

import base64
import json
import re
from pathlib import Path

import pytest

from pairwright.annotators.pixels import Measures
from pairwright.schemas.arrow import REQUIRED, SCHEMA, SCHEMA_VERSION, to_row, to_table
from pairwright.schemas.codec import read_image
from pairwright.schemas.pair import Pair, group_id, pair_id
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.validate import FORBIDDEN_COLUMNS, OPTIONAL_COLUMNS, check_table
from pairwright.schemas.validate_file import KINDS_OF_FOLDER, MAX_GROUP_ROWS

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


def rendered() -> str:
    """Return the example as JSON, a column a line, image bytes in base64."""

    def encode(value: object) -> str:
        assert isinstance(value, bytes)
        return base64.b64encode(value).decode()

    row = to_row(example())
    lines = [f'  "{name}": {json.dumps(row[name], default=encode)}' for name in SCHEMA.names]
    return "{\n" + ",\n".join(lines) + "\n}"


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def test_example_is_what_the_code_makes(page):
    [block] = re.findall(r"```json\n(.*?)\n```", page, re.DOTALL)
    assert block == rendered()


def test_example_is_valid():
    assert check_table(to_table([example()])) == []


def test_every_column_is_described_with_its_type_and_whether_it_may_be_null(page):
    short = dict(re.findall(r"^- `(\w+)`: `(list<.*>)`$", page, re.MULTILINE))
    columns = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (yes|no) \| (.+) \|$", page, re.MULTILINE)
    described = {name: (short.get(type_, type_), null == "yes") for name, type_, null, _ in columns}
    expected = {
        field.name: (str(field.type).replace("item: ", ""), field.name not in REQUIRED) for field in SCHEMA
    }
    assert described == expected
    assert [name for name, *_ in columns] == SCHEMA.names


def test_names_and_numbers_of_the_page(page):
    for name in [*FORBIDDEN_COLUMNS, *OPTIONAL_COLUMNS, *KINDS_OF_FOLDER]:
        assert f"`{name}`" in page, name
    assert f"schema version is `{SCHEMA_VERSION}`" in page
    assert f"at most {MAX_GROUP_ROWS} rows" in page


if __name__ == "__main__":
    print(rendered())

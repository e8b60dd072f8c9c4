"""What the tests of verifiers and judges share."""

from collections.abc import Callable

import numpy as np
import pytest

from pairwright.annotators import ROOM, Case, Checked
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.codec import encode, read_image
from pairwright.schemas.image import Image
from pairwright.schemas.prompt import Prompt

Verify = Callable[..., Checked]


@pytest.fixture(scope="session")
def verify() -> Verify:
    """Check one text with the verifier of a name: ``verify(name, text, reference, question=…, **settings)``."""

    def checked(
        name: str, text: str, reference: str | None, question: str = "What is it?", **settings
    ) -> Checked:
        part = ROOM.get(name)
        candidate = Candidate(text)
        case = Case("rows.jsonl:7", 0, Prompt(question), (candidate,), reference)
        return part.prepare(part.settings.model_validate(settings))(case, candidate)

    return checked


@pytest.fixture(scope="session")
def picture() -> Image:
    return read_image(encode(np.zeros((8, 8, 3), np.uint8), "png"))

"""IoU: how well a box in the answer covers the right one, the reward of VLM-R1 (arXiv 2504.07615).

The value is the share of intersection in union; where right begins (VLM-R1's papers and RefCOCO count from 0.5 on) is
for the pairing to say.
"""

import re
from dataclasses import dataclass
from typing import Literal

from pairwright.annotators import Case, Check, Checked, Verifier
from pairwright.annotators._extract import Extraction, found, graded, nothing_found, unparsable
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.schemas.settings import Settings

Form = Literal["xyxy", "xywh"]
Unit = Literal["pixels", "share", "thousandths"]

_NUMBER = r"\s*(-?\d{1,9}(?:\.\d{1,9})?|-?\.\d{1,9})\s*"
_BOX = re.compile(rf"[\[(<]{','.join([_NUMBER] * 4)}[\])>]")
_BARE = re.compile(rf"{','.join([_NUMBER] * 4)}")


class IouSettings(Settings):
    """How boxes are written."""

    extraction: Extraction = Extraction(answer_from=("answer_tag", "whole"))
    """Where the final answer stands; of several boxes there, the last counts."""
    answer_form: Form = "xyxy"
    """What the answer's numbers are: ``xyxy`` two corners, ``xywh`` a corner, width and height (as in COCO)."""
    answer_unit: Unit = "pixels"
    """``pixels`` of the picture, ``share`` of its sides (0 to 1), or ``thousandths`` of them (0 to 1000)."""
    reference_form: Form = "xyxy"
    """The same for the reference."""
    reference_unit: Unit = "pixels"
    """The same for the reference."""


@dataclass(frozen=True, slots=True)
class Box:
    """Two corners, the upper left one first."""

    left: float
    top: float
    right: float
    bottom: float

    def area(self) -> float:
        """Return its area, 0 where it has none."""
        return max(self.right - self.left, 0.0) * max(self.bottom - self.top, 0.0)

    def iou(self, other: "Box") -> float:
        """Return intersection over union, 0 to 1.

        >>> Box(0, 0, 2, 2).iou(Box(1, 0, 3, 2))
        0.3333333333333333
        """
        common = Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        ).area()
        union = self.area() + other.area() - common
        return min(common / union, 1.0) if union > 0 else 0.0


def prepare(settings: IouSettings) -> Check:
    """Return the check. Of several boxes in the reference, the best met counts.

    It raises RowError ``no_image`` where pixels are compared with shares and the prompt has no picture.

    >>> from pairwright.schemas.candidate import Candidate
    >>> from pairwright.schemas.prompt import Prompt
    >>> case = Case("a:0", 0, Prompt("Where is the cat?"), (), reference="[0, 0, 10, 10]")
    >>> prepare(IouSettings())(case, Candidate('[{"bbox_2d": [0, 0, 10, 5], "label": "cat"}]')).value
    0.5
    """
    same_unit = settings.answer_unit == settings.reference_unit

    def check(case: Case, candidate: Candidate) -> Checked:
        size = (1, 1) if same_unit else _size(case)
        gold = boxes(
            case.reference or "", settings.reference_form, _per(settings.reference_unit, size, same_unit)
        )
        if not gold:
            return Checked(None, None, "no_ground_truth", f"no box in the reference {case.reference!r}")
        answer = found(candidate.text, settings.extraction)
        if answer is None:
            return nothing_found(settings.extraction)
        said = boxes(answer, settings.answer_form, _per(settings.answer_unit, size, same_unit))
        if not said:
            return unparsable(answer, "holds no box of four numbers")
        written, box = said[-1]
        return graded(max(box.iou(right) for _, right in gold), written, case.reference or "")

    return check


def boxes(text: str, form: Form, per: tuple[float, float] = (1.0, 1.0)) -> list[tuple[str, Box]]:
    """Return all boxes of a text that have an area, each with its text.

    Args:
        text: boxes in brackets, or four numbers and nothing else.
        form: what the four numbers are.
        per: by what x and y are divided.

    >>> boxes("the cat at (10, 20, 30, 40)", "xywh")
    [('(10, 20, 30, 40)', Box(left=10.0, top=20.0, right=40.0, bottom=60.0))]
    """
    whole = _BARE.fullmatch(text)
    found = []
    for match in [whole] if whole else _BOX.finditer(text):
        x, y, third, fourth = (float(number) for number in match.groups())
        right, bottom = (x + third, y + fourth) if form == "xywh" else (third, fourth)
        box = Box(x / per[0], y / per[1], right / per[0], bottom / per[1])
        if box.area() > 0:
            found.append((match.group().strip(), box))
    return found


def _per(unit: Unit, size: tuple[int, int], same_unit: bool) -> tuple[float, float]:
    """Return by what coordinates are divided so that all are shares; by nothing where both sides are alike."""
    if same_unit or unit == "share":
        return 1.0, 1.0
    return (1000.0, 1000.0) if unit == "thousandths" else (float(size[0]), float(size[1]))


def _size(case: Case) -> tuple[int, int]:
    if not case.prompt.images:
        raise RowError(
            "no_image",
            "image",
            "the box's unit differs from the reference's, and only a picture relates them",
        )
    header = case.prompt.images[0].header
    return header.width, header.height


PART = Verifier(
    settings=IouSettings,
    prepare=prepare,
    low=0.0,
    high=1.0,
    summary="measures how well a box in the answer covers the right one (intersection over union)",
    source="VLM-R1 (arXiv 2504.07615)",
)

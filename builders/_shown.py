"""What of a row is shown to who judges or rewrites its answers, beside question and pictures."""

from typing import Literal

from pairwright.annotators import Case
from pairwright.builders import Run
from pairwright.schemas.settings import Settings
from pairwright.schemas.source_row import SourceRow


class Shown(Settings):
    """Parameters of every builder whose rows are shown to a judge or a corrector."""

    reference: Literal["ground_truth", "chosen", "none"] = "ground_truth"
    """Which text of the row is the right answer that may be shown: the judge's or corrector's own ``reference`` says
    whether it is."""
    evidence: Literal["evidence", "ground_truth", "chosen"] = "evidence"
    """Which text of the row tells what the pictures show, for those that read instead of look."""


def case_of(shown: Shown, row: SourceRow, run: Run) -> Case:
    """Return a row as a judge is shown it, without candidates."""
    texts = {"ground_truth": row.ground_truth, "chosen": row.chosen, "evidence": row.evidence, "none": None}
    return Case(row.record_id, run.seed, row.prompt, (), texts[shown.reference], texts[shown.evidence])

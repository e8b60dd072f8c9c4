"""NLVR: sentences about drawn scenes with five people's verdicts: true, false or nonsense."""

from collections.abc import Mapping

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import known_by
from pairwright.layouts._said import of_these
from pairwright.layouts._statements import FALSE, TRUE, question, votes
from pairwright.schemas.candidate import Outcome
from pairwright.sources.cells import bad_value, text

_WORDS: dict[str, Outcome] = {"true": "first", "false": "second", "nonsense": "cannot_judge"}


def read(row: Row) -> Read:
    """Return yes and no with every rater's vote; the picture is the first order of its three boxes, ``dev-<identifier>-0.png``."""
    told = row["evals"]
    if not isinstance(told, Mapping):
        raise bad_value("evals", "verdicts by rater", told)
    people = [  # Arrow gives a struct all raters of the file, null where one did not vote
        (rater, of_these(said, f"evals.{rater}", _WORDS)) for rater, said in told.items() if said is not None
    ]
    identifier = text(row["identifier"], "identifier")
    fields = {
        **row,
        "sentence": question(text(row["sentence"], "sentence")),
        "label": TRUE.text if str(row["label"]) == "true" else FALSE.text,
        "picture": f"images/{row.get('directory', '')}/dev-{identifier}-0.png",
    }
    taken = {"id": "identifier", "question": "sentence", "images": "picture", "ground_truth": "label"}
    return Read(fields, taken, (TRUE, FALSE), votes(people))


PART = Layout(
    recognise=known_by("sentence", "label", "identifier", "evals"),
    read=read,
    summary="sentence, label, identifier and evals: true, false or nonsense by rater; pictures by identifier",
    source="NLVR (cc-by-4.0; lil-lab/nlvr)",
)

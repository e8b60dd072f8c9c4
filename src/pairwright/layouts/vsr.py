"""VSR: statements about where things are, with the people who called each true and false."""

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import known_by, present
from pairwright.layouts._said import items
from pairwright.layouts._statements import FALSE, TRUE, question, votes
from pairwright.schemas.candidate import Outcome
from pairwright.sources.cells import text

_VOTES: dict[str, Outcome] = {"vote_true_validator_id": "first", "vote_false_validator_id": "second"}


def read(row: Row) -> Read:
    """Return yes and no with every validator's vote; the set's own label is the ground truth. Lists may be texts."""
    people = [
        (str(person), outcome) for column, outcome in _VOTES.items() for person in items(row[column], column)
    ]
    asked = {"caption": question(text(row["caption"], "caption"))}
    asked["label"] = TRUE.text if str(row["label"]) == "1" else FALSE.text
    taken = present(row, {"images": "image", "question": "caption", "ground_truth": "label"})
    tags = (str(row["relation"]),) if row.get("relation") else ()
    return Read({**row, **asked}, taken, (TRUE, FALSE), votes(people), tags=tags)


PART = Layout(
    recognise=known_by("caption", "label", "relation", *_VOTES),
    read=read,
    summary="image, caption, label, relation, and the ids of validators who voted true and false",
    source="Visual Spatial Reasoning (apache-2.0; arXiv 2205.00363)",
)

"""VL-RewardBench: answers with people's ranking."""

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import known_by, present
from pairwright.layouts._said import PERSON, as_text, items, ranked, rating
from pairwright.schemas.annotation import Annotation
from pairwright.schemas.candidate import Candidate
from pairwright.sources.cells import bad_value, text


def read(row: Row) -> Read:
    """Return the answers with the ranking, 0 the best in the file, as what it says of every two of them."""
    texts = items(row["response"], "response")
    places = [rating(one, "human_ranking") for one in items(row["human_ranking"], "human_ranking")]
    known = [place for place in places if place is not None]
    if len(known) != len(texts):
        raise bad_value("human_ranking", f"{len(texts)} places, one for each response", row["human_ranking"])
    models = row.get("models")
    told = models if isinstance(models, list) and len(models) == len(texts) else [None] * len(texts)
    names = [one if isinstance(one, str) else None for one in told]
    return Read(
        row,
        present(row, {"id": "id", "question": "query", "images": "image", "ground_truth": "ground_truth"}),
        candidates=tuple(
            Candidate(text(one, "response"), name) for one, name in zip(texts, names, strict=True)
        ),
        comparisons=ranked([place + 1 for place in known], PERSON),
        annotations=(Annotation(PERSON, note=as_text(row.get("rationale"))),),
        tags=tuple(tag for tag in (as_text(row.get("query_source")),) if tag),
    )


PART = Layout(
    recognise=known_by("query", "response", "human_ranking"),
    read=read,
    summary="query, image, response (a list) and human_ranking: [0, 1] says that the first one is better",
    source="MMInstruction/VL-RewardBench (mit)",
)

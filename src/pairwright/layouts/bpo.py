"""BPO: answers with a score and what kind of answer each is."""

from collections.abc import Mapping

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import present
from pairwright.layouts._said import as_text, items, rating
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.judgement import Judgement
from pairwright.sources.cells import bad_value, text

SCORER = "bpo"


def recognise(row: Row) -> int:
    """Tell by completions that have a score."""
    told = row.get("completions")
    first = told[0] if isinstance(told, list) and told else told
    known = isinstance(first, Mapping) and {"score", "response"} <= first.keys()
    return 3 if known and "prompt" in row else 0


def read(row: Row) -> Read:
    """Return the answers with their scores; the kind (``gt``, ``llm-hal``, ``mllm-hal``) stands for who wrote them."""
    candidates = []
    for number, one in enumerate(items(row["completions"], "completions")):
        column = f"completions[{number}]"
        if not isinstance(one, Mapping):
            raise bad_value(column, "response, score and type", one)
        score = rating(one.get("score"), f"{column}.score")
        low, high = (0.0, 1.0) if score in (None, 0.0, 1.0) else (None, None)
        told = Judgement("candidate", SCORER, "score", score, low, high)
        response = text(one.get("response"), f"{column}.response")
        candidates.append(Candidate(response, as_text(one.get("type")), score=score, judgements=(told,)))
    return Read(row, present(row, {"id": "id", "question": "prompt", "images": "image"}), tuple(candidates))


PART = Layout(
    recognise=recognise,
    read=read,
    summary="prompt, image and completions with response, score and type",
    source="renjiepi/BPO_Instruct (arXiv 2403.08730)",
    parameters={"pairing": {"rule": "all_unequal"}},
)

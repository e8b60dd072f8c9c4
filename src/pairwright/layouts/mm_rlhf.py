"""MM-RLHF: three to five answers that people rated on three aspects and ranked, with reasons; and the pairs made of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pairwright.layouts import Layout, Read, Row
from pairwright.layouts._columns import present
from pairwright.layouts._media import without_media
from pairwright.layouts._said import PERSON, RANK, as_text, rating
from pairwright.schemas.annotation import Annotation
from pairwright.schemas.candidate import Candidate
from pairwright.schemas.errors import RowError
from pairwright.schemas.judgement import Judgement
from pairwright.sources.cells import bad_value, from_json, text

_ASPECTS = ("faithfulness", "helpfulness", "ethical")


def recognise(row: Row) -> int:
    """Tell labels by their ranking, and pairs by a prompt in text beside the picture's path, or by their reasons."""
    if {"models_output", "final_ranking"} <= row.keys():
        return 5
    pair = {"prompt", "chosen", "rejected"} <= row.keys()
    own = {"chosen_reason", "rejected_reason", "ls_factor", "is_tie", "mixed_up_image"} & row.keys()
    bare = isinstance(row.get("prompt"), str) and isinstance(row.get("image"), (str, list))
    return 4 + len(own) if pair and (own or bare) else 0


def read(row: Row) -> Read:
    """Return the answers with ratings and ranks, or the sides of a pair."""
    return _labels(row) if "models_output" in row else _pair(row)


def _pair(row: Row) -> Read:
    fields, tags = without_media(row, "prompt")
    columns = {
        "id": "id",
        "question": "prompt",
        "chosen": "chosen",
        "rejected": "rejected",
        "images": "image",
        "rejected_images": "mixed_up_image",
        "score_chosen": "chosen_score",
        "score_rejected": "rejected_score",
    }
    taken = present(fields, columns)
    if not tags and not row.get("image"):
        taken.pop("images", None)
    scores = tuple(
        Judgement(side, PERSON, "reason", None, rationale=as_text(row.get(f"{side}_reason")))
        for side in ("chosen", "rejected")
        if as_text(row.get(f"{side}_reason"))
    )
    return Read(fields, taken, scores=scores, tags=tags)


def _labels(row: Row) -> Read:
    fields, tags = without_media(row, "question")
    outputs = _by_model(row["models_output"], "models_output", None)
    names = list(outputs)
    ranks = _by_model(row["final_ranking"], "final_ranking", names)
    told = {aspect: _by_model(row.get(aspect), aspect, names) for aspect in _ASPECTS}
    reasons = _by_model(row.get("score_reasons"), "score_reasons", names)
    candidates = []
    for name, output in outputs.items():
        judged = [*_ratings(told, reasons, name), _rank(ranks, name)]
        candidates.append(Candidate(text(output, f"models_output.{name}"), name, judgements=tuple(judged)))
    taken = present(fields, {"id": "id", "question": "question", "images": "image", "ground_truth": "answer"})
    note = as_text(row.get("ranking_reason"))
    return Read(fields, taken, tuple(candidates), annotations=(Annotation(PERSON, note=note),), tags=tags)


def _ratings(
    told: Mapping[str, Mapping[str, Any]], reasons: Mapping[str, Any], name: str
) -> Iterator[Judgement]:
    for aspect, values in told.items():
        if name in values:
            value = rating(values[name], f"{aspect}.{name}")
            why = reasons.get(name)
            said = why.get(aspect) if isinstance(why, Mapping) else why
            yield Judgement("candidate", PERSON, aspect, value, rationale=as_text(said))


def _rank(ranks: Mapping[str, Any], name: str) -> Judgement:
    if name not in ranks:
        raise RowError("bad_value", "final_ranking", f"there is no rank of {name}")
    return Judgement("candidate", PERSON, RANK, rating(ranks[name], f"final_ranking.{name}", 1.0), 1.0)


def _by_model(value: Any, column: str, names: Sequence[str] | None) -> dict[str, Any]:
    """Return values by model, from a mapping, or from a list in the order of the outputs."""
    value = from_json(value)
    if value is None:
        return {}
    if isinstance(value, Mapping):  # Arrow gives a struct all members of the file, null where a row has none
        return {name: one for name, one in value.items() if one is not None}
    if not isinstance(value, (list, tuple)):
        raise bad_value(column, "values by model, or a list of them", value)
    if names is None:
        return {f"answer {number}": one for number, one in enumerate(value, 1)}
    if len(value) != len(names):
        raise RowError("bad_value", column, f"{len(value)} values for {len(names)} answers")
    return dict(zip(names, value, strict=True))


PART = Layout(
    recognise=recognise,
    read=read,
    summary="question, image, models_output, faithfulness, helpfulness, ethical, final_ranking and reasons; or prompt, chosen, "
    "rejected, image with chosen_reason and mixed_up_image",
    source="yifanzhang114/MM-RLHF (mit; arXiv 2502.10391)",
    parameters={"pairing": {"rule": "ranks"}, "score": {"weights": {RANK: 1}}},
)

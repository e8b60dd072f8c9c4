"""Prompts that a report shows with all their candidates."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairwright.runs import candidate_samples
from pairwright.runs.candidate_samples import PromptSample
from pairwright.schemas.candidate import Candidate, Comparison
from pairwright.schemas.candidate_table import CANDIDATES_SCHEMA, to_candidate_table
from pairwright.schemas.claim import Claim
from pairwright.schemas.judgement import Judgement
from pairwright.schemas.prompt import Prompt
from pairwright.schemas.source_row import SourceRow
from pairwright.schemas.span import Span

CANDIDATES = (
    Candidate(
        "A red cat.",
        "writer",
        judgements=(Judgement("candidate", "judge", "accuracy", 4.0, 1.0, 5.0),),
        round=2,
        claims=(Claim("The cat is red.", "wrong", "Is the cat red?", 0.1, 0),),
        spans=(Span(2, 5, 5.0, "changed"),),
    ),
    Candidate("A cat."),
)
ROW = SourceRow("a.csv:0", "a", "0", Prompt("What is it?"), candidates=CANDIDATES, comparisons=(Comparison(0, 1, "second", "judge"),))  # fmt: skip


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Show what a table of candidates holds, as if it were the only file of a run."""
    name = "candidates/train-00000-00.parquet"
    monkeypatch.setattr(candidate_samples, "files_in", lambda folder, configs: [name])

    def show(table: pa.Table) -> PromptSample:
        (tmp_path / name).parent.mkdir()
        pq.write_table(table, tmp_path / name)
        [sample] = candidate_samples.choose_prompts(tmp_path, 5)
        return sample

    return show


def test_candidates_come_back_as_they_were(shown) -> None:
    sample = shown(to_candidate_table([ROW]))
    assert sample.candidates == CANDIDATES
    assert sample.comparisons == ROW.comparisons


def test_files_from_before_rounds_claims_and_spans_are_shown(shown) -> None:
    newer = ("round", "claims", "spans")
    struct = CANDIDATES_SCHEMA.field("candidates").type.value_type
    older = pa.list_(pa.struct([field for field in struct if field.name not in newer]))
    table = to_candidate_table([ROW])
    lists = [
        [{key: one[key] for key in one if key not in newer} for one in row]
        for row in table["candidates"].to_pylist()
    ]
    place = CANDIDATES_SCHEMA.get_field_index("candidates")
    sample = shown(table.set_column(place, "candidates", pa.array(lists, older)))
    assert [one.text for one in sample.candidates] == ["A red cat.", "A cat."]
    assert (sample.candidates[0].round, sample.candidates[0].spans) == (None, ())

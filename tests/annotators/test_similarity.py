"""Scores of vectors, and what is told of an encoder whose package is missing."""

import importlib.util

import numpy as np
import pytest

from pairwright.annotators import Encoding, Vector
from pairwright.annotators._encoding import EncoderSettings, check_encoders, encoder_key
from pairwright.annotators._similarity import (
    Similarity,
    agreeing,
    by_sentence,
    gap,
    judgement,
    ratio,
    score,
    whole,
)
from pairwright.schemas.errors import MissingExtraError, ParameterError

CLIP = EncoderSettings(params={"model": "ViT-B-32", "pretrained": "laion2b_s34b_b79k"})


def at(degrees: float) -> Vector:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


IMAGE = at(0)


def test_scores_are_a_hundred_cosines_rounded() -> None:
    assert score(IMAGE, at(60)) == 50.0
    assert score(IMAGE, at(70)) == 34.2
    assert score(IMAGE, at(180)) == -100.0
    assert str(score(IMAGE, at(90))) == "0.0"
    assert score(at(60), IMAGE) == score(IMAGE, at(60))


def test_gap_and_ratio_of_two_texts() -> None:
    assert gap(IMAGE, at(60), at(70)) == 15.8
    assert gap(IMAGE, at(70), at(60)) == -15.8
    assert ratio(score(IMAGE, at(60)), score(IMAGE, at(70))) == pytest.approx(1.462, abs=1e-3)
    assert ratio(30.0, 0.0) is None


def test_sentences_make_a_mean_or_the_worst_and_tell_their_values() -> None:
    said = [Encoding(at(60)), Encoding(at(70), cut=True), Encoding(at(90))]
    mean, worst = (by_sentence(IMAGE, said, worst=one) for one in (False, True))
    assert mean == Similarity(28.07, True, (50.0, 34.2, 0.0))
    assert worst == Similarity(0.0, True, (50.0, 34.2, 0.0))
    told = judgement("ViT-B-32", "image_text", mean)
    assert (told.target, told.value, told.low, told.high) == ("candidate", 28.07, -100.0, 100.0)
    assert told.rationale == "sentences: 50, 34.2, 0; cut: longer than the encoder reads"
    assert judgement("x", "image_text", whole(IMAGE, Encoding(at(60)))).rationale is None


def test_a_tie_is_no_agreement() -> None:
    assert agreeing([[1.0, 1.0], [2.0, 1.0]], 0, 1) == 1


def test_keys_are_those_of_the_model_and_not_of_the_machine() -> None:
    key = encoder_key(CLIP, "encoders.0")
    assert encoder_key(CLIP.model_copy(update={"device": "cuda:1", "batch_size": 7}), "encoders.3") == key
    half = CLIP.model_copy(update={"params": {**CLIP.params, "precision": "bf16"}})
    assert encoder_key(half, "encoders.0") != key


def test_a_file_of_weights_belongs_to_the_key(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("weights") / "mine.pt"
    chosen = EncoderSettings(params={"model": "ViT-B-32", "pretrained": str(file)})
    keys = set()
    for content in (b"one", b"three"):
        file.write_bytes(content)
        keys.add(encoder_key(chosen, "encoders.0"))
    assert len(keys) == 2


@pytest.mark.skipif(importlib.util.find_spec("open_clip") is not None, reason="open_clip is installed")
def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(MissingExtraError, match=r'pip install "pairwright\[clip\]"'):
        check_encoders({"encoders.0": CLIP})


def test_what_is_no_encoder_is_told_with_its_place() -> None:
    with pytest.raises(ParameterError, match=r"^encoders\.1\.kind: pixels is no encoder"):
        check_encoders({"encoders.1": EncoderSettings(kind="pixels")})

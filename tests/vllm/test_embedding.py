"""The encoder behind `--embedder`, with a tiny random one: mean pooling and cosine distances against values made by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairwright.runs.embedding import embedding_apart, load_encoder
from pairwright.schemas.errors import ModelError

TEXTS = ["a red cup", "a blue cup stands here on a table", "dog", "a red cup", ""]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a random encoder of two layers, whose words are those of the texts."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted({word for text in TEXTS for word in text.split()})]
    tokenizer = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    folder = tmp_path_factory.mktemp("encoder")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=8, **sizes)).save_pretrained(folder)
    return str(folder)


def by_hand(folder: str, text: str) -> Any:
    """Return the mean of a text's last hidden states, read by itself, of length 1."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    inputs = tokenizer([text], truncation=True, max_length=8, return_tensors="pt")
    with torch.inference_mode():
        mean = model(**inputs).last_hidden_state[0].mean(0)
    return (mean / mean.norm()).numpy()


def test_texts_are_pooled_by_the_mean_whatever_stands_beside_them(encoder: str) -> None:
    found = load_encoder(encoder)(TEXTS)
    assert found.shape == (len(TEXTS), 16)
    for vector, text in zip(found, TEXTS, strict=True):
        assert vector == pytest.approx(by_hand(encoder, text), abs=1e-5)


def test_distances_are_those_computed_by_hand(encoder: str) -> None:
    embed = load_encoder(encoder)
    own, reference = embed(TEXTS[1:3]), embed(TEXTS[:1] + TEXTS[2:3])
    found = embedding_apart(own, reference)
    one, other = own.mean(0), reference.mean(0)
    assert found.of_means == pytest.approx(
        1 - one @ other / np.linalg.norm(one) / np.linalg.norm(other), abs=1e-5
    )
    nearest = [min(1 - vector @ near for near in reference) for vector in own]
    assert found.to_nearest == pytest.approx(np.mean(nearest), abs=1e-5)
    assert nearest[1] == pytest.approx(0, abs=1e-5)
    same = embedding_apart(own, own)
    assert (same.of_means, same.to_nearest) == pytest.approx((0, 0), abs=1e-5)


def test_what_is_no_encoder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot load the encoder"):
        load_encoder(str(tmp_path))


def test_a_run_is_held_against_a_reference_in_meaning(encoder: str, tmp_path: Path) -> None:
    import json

    import pairwright
    from pairwright.runs.distance import distance_of

    pairs = [{"question": f"What {n}?", "chosen": "a red cup", "rejected": "dog"} for n in range(3)]
    source, recipe = tmp_path / "pairs.jsonl", tmp_path / "keep.yaml"
    source.write_text("\n".join(map(json.dumps, pairs)))
    recipe.write_text("name: keep\nbuilder: visual_negative\nparameters: {perturbations: [{name: rotate}]}\n")
    folder = pairwright.build(str(recipe), source=source, out=tmp_path / "run").folder
    found = distance_of(folder, str(source), embedder=encoder)
    assert found is not None
    chosen, rejected = found.sides
    assert chosen.embedding is not None
    assert rejected.embedding is not None
    assert chosen.embedding.to_nearest == pytest.approx(0, abs=1e-5)
    assert rejected.embedding.to_nearest > 0.01
    assert found.within_embedding is not None
    page = pairwright.write_report(folder, reference=str(source), embedder=encoder).read_text()
    assert "meaning, nearest" in page

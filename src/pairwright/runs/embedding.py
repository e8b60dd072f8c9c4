"""How far texts are from a reference in meaning: an encoder's embeddings, mean-pooled, compared by cosine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairwright.schemas.errors import MissingExtraError, ModelError

MOST_EMBEDDED = 1000
"""Texts of one set that are embedded, at equal distances over it."""

_BATCH = 32
_LONGEST = 512
"""Tokens of a text that are read, where the encoder does not say less."""

Vectors = NDArray[np.float32]
"""Texts × width, each of length 1."""

Embed = Callable[[Sequence[str]], Vectors]
"""Embeds texts."""


@dataclass(frozen=True, slots=True)
class EmbeddingApart:
    """How far a set of texts is from a reference, by cosine distance: 0 for the same direction, 1 for none in common."""

    of_means: float
    """Between the mean embeddings of both sets."""
    to_nearest: float
    """From a text to the nearest one of the reference, on average."""


@dataclass(slots=True)
class Kept:
    """Texts at equal distances over all that were seen, in bounded memory."""

    texts: list[str] = field(default_factory=list)
    stride: int = 1
    seen: int = 0

    def add(self, text: str) -> None:
        """Keep a text, if it is its turn.

        >>> kept = Kept()
        >>> for number in range(5000): kept.add(str(number))
        >>> len(kept.chosen()), kept.chosen()[:3]
        (1000, ['0', '4', '8'])
        """
        if self.seen % self.stride == 0:
            self.texts.append(text)
        self.seen += 1
        if len(self.texts) > 2 * MOST_EMBEDDED:
            self.texts, self.stride = self.texts[::2], 2 * self.stride

    def chosen(self) -> list[str]:
        """Return the texts to embed, :data:`MOST_EMBEDDED` at most."""
        number = min(len(self.texts), MOST_EMBEDDED)
        return [self.texts[place * len(self.texts) // number] for place in range(number)]


def embedding_apart(texts: Vectors, reference: Vectors) -> EmbeddingApart:
    """Return how far texts are from a reference; both hold at least one.

    >>> east, north = np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32)
    >>> embedding_apart(east, north), embedding_apart(east, np.vstack([east, north])).to_nearest
    (EmbeddingApart(of_means=1.0, to_nearest=1.0), 0.0)
    """
    one, other = texts.mean(axis=0), reference.mean(axis=0)
    sizes = float(np.linalg.norm(one) * np.linalg.norm(other))
    nearest = (texts @ reference.T).max(axis=1)
    return EmbeddingApart(
        of_means=max(0.0, 1.0 - float(one @ other) / sizes) if sizes else 1.0,
        to_nearest=max(0.0, 1.0 - float(nearest.mean())),
    )


def load_encoder(model: str) -> Embed:
    """Load a text encoder of transformers, from a folder or a hub id. No code that comes with it is run.

    Raises:
        MissingExtraError: transformers or torch is not installed.
        ModelError: it cannot be loaded, or is no encoder of text alone.
    """
    try:
        import torch
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError("--embedder", "transformers", "transformers") from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        network = AutoModel.from_pretrained(model)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise ModelError(f"transformers cannot load the encoder {model}: {error}") from error
    network = network.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def embed(texts: Sequence[str]) -> Vectors:
        # By length, so that a batch is padded little; put back into order behind.
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        found: list[Any] = [None] * len(texts)
        for start in range(0, len(order), _BATCH):
            numbers = order[start : start + _BATCH]
            pooled = _pooled(network, tokenizer, [texts[number] for number in numbers])
            for number, vector in zip(numbers, pooled, strict=True):
                found[number] = vector
        return np.stack(found)

    return embed


def _pooled(network: Any, tokenizer: Any, texts: Sequence[str]) -> Vectors:
    """Return the mean of each text's last hidden states, scaled to length 1."""
    import torch

    room = min(_LONGEST, getattr(network.config, "max_position_embeddings", None) or _LONGEST)
    inputs = tokenizer(list(texts), padding=True, truncation=True, max_length=room, return_tensors="pt")
    inputs = inputs.to(network.device)
    with torch.inference_mode():
        try:
            hidden = network(**inputs).last_hidden_state
        except (AttributeError, ValueError, TypeError) as error:
            raise ModelError(f"{network.config.name_or_path} is no encoder of text: {error}") from error
    weights = inputs["attention_mask"].unsqueeze(-1).to(hidden.dtype)
    means = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
    scaled: Vectors = torch.nn.functional.normalize(means.float(), dim=-1).cpu().numpy()
    return scaled

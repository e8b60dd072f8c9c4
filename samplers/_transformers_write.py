"""Writes answers with a model of transformers: one prompt, several rows, each with noise of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

from pairwright.schemas.request import Finish, Sampling


@dataclass(frozen=True, slots=True)
class Written:
    """One answer, as ids."""

    ids: tuple[int, ...]
    """Its tokens, the one that ended it included."""
    text: str
    finish: Finish
    logprobs: tuple[float, ...]
    """Of each token, before temperature; empty if not asked for."""
    likeliest: tuple[tuple[tuple[int, float], ...], ...]
    """(token, log-probability) of the likeliest at each place."""


@dataclass(slots=True)
class Draw:
    """Draws the next token of each row: a logits processor for ``generate`` that leaves it one token to take."""

    sampling: Sampling
    generators: Sequence[Any]
    """A ``torch.Generator`` for each row."""
    drawn: list[Any] = field(default_factory=list)
    """Log-probabilities of the tokens taken, step by step, where they were asked for."""
    likeliest: list[Any] = field(default_factory=list)

    def __call__(self, _: Any, scores: Any) -> Any:
        """Return scores (rows × vocabulary) that are minus infinity but at the token drawn."""
        import torch

        logprobs = scores.float().log_softmax(-1)
        if self.sampling.temperature == 0:
            chosen = logprobs.argmax(-1, keepdim=True)
        else:
            noise = torch.stack([_gumbel(logprobs[0], generator) for generator in self.generators])
            chosen = (warped(logprobs, self.sampling) + noise).argmax(-1, keepdim=True)
        if self.sampling.logprobs is not None:
            self.drawn.append(logprobs.gather(1, chosen)[:, 0].tolist())
            values, ids = logprobs.topk(self.sampling.logprobs)
            self.likeliest.append((ids.tolist(), values.tolist()))
        return torch.full_like(scores, -torch.inf).scatter_(1, chosen, 0.0)


def _gumbel(like: Any, generator: Any) -> Any:
    import torch

    waits = torch.empty_like(like).exponential_(generator=generator)
    return -waits.clamp_min(torch.finfo(waits.dtype).tiny).log()


def warped(logprobs: Any, sampling: Sampling) -> Any:
    """Return log-probabilities (rows × vocabulary) after temperature, top-k and top-p, in this order, as vLLM's."""
    import torch

    heated = logprobs / sampling.temperature
    if sampling.top_k is not None and sampling.top_k < heated.shape[-1]:
        least = heated.topk(sampling.top_k).values[:, -1:]
        heated = heated.masked_fill(heated < least, -torch.inf)
    if sampling.top_p < 1:
        values, order = heated.sort(-1, descending=True)
        before = values.softmax(-1).cumsum(-1) - values.softmax(-1)  # mass of all likelier tokens
        outside = (before >= sampling.top_p).scatter(1, order, before >= sampling.top_p)
        heated = heated.masked_fill(outside, -torch.inf)
    return heated


def shares_prompt(model: Any) -> bool:
    """Tell whether one reading of a prompt can serve several rows.

    Not for models that keep positions of the last prompt beside the cache (Qwen-VL and its kin, ``rope_deltas``), or
    a state in place of keys and values: they read the prompt, and encode its pictures, once for each row.
    """
    inner = (model, getattr(model, "model", model))
    return not any(hasattr(one, "rope_deltas") for one in inner) and not getattr(model, "_is_stateful", False)


def write(
    model: Any, tokenizer: Any, inputs: Mapping[str, Any], sampling: Sampling, *, first: int, rows: int
) -> list[Written]:
    """Return ``rows`` answers; row ``k`` is drawn with the seed of sample ``first + k``.

    Args:
        model: a ``PreTrainedModel``.
        tokenizer: its tokenizer.
        inputs: the prompt: ``rows`` times, or once where the model :func:`shares_prompt`.
        sampling: how tokens are drawn.
        first: number of the first sample.
        rows: how many answers.
    """
    import torch

    draw = Draw(sampling, [_generator(model.device, sampling.seed, first + row) for row in range(rows)])
    stops = {"stop_strings": list(sampling.stop), "tokenizer": tokenizer} if sampling.stop else {}
    with torch.inference_mode():
        given = _read_once(model, inputs, rows) if inputs["input_ids"].shape[0] < rows else inputs
        ids = model.generate(
            **given,
            logits_processor=[draw],
            do_sample=False,
            max_new_tokens=sampling.max_tokens,
            **stops,
        )
    answers = ids[:, inputs["input_ids"].shape[1] :].tolist()
    ends = model.generation_config.eos_token_id
    return [
        _written(tokenizer, answer, row, draw, {ends} if isinstance(ends, int) else set(ends or ()))
        for row, answer in enumerate(answers)
    ]


def _generator(device: Any, seed: int | None, sample: int) -> Any:
    import torch

    generator = torch.Generator(device)
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed + sample)
    return generator


def _read_once(model: Any, inputs: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """Read a prompt but for its last token, its pictures too, and return inputs for ``rows`` rows that go on there."""
    prompt = inputs["input_ids"]
    # Whatever has one number per token is cut with the tokens.
    cut = {name: value[:, :-1] if value.shape == prompt.shape else value for name, value in inputs.items()}
    # Logits of a whole prompt would take a gigabyte; not every model can leave them out.
    last = {"logits_to_keep": 1} if "logits_to_keep" in signature(model.forward).parameters else {}
    cache = model(**cut, **last, use_cache=True).past_key_values
    cache.batch_repeat_interleave(rows)
    return {
        "input_ids": prompt.repeat(rows, 1),
        "attention_mask": inputs["attention_mask"].repeat(rows, 1),
        "past_key_values": cache,
    }


def _written(tokenizer: Any, ids: list[int], row: int, draw: Draw, ends: set[int]) -> Written:
    """Cut off what ``generate`` fills up a row with that ended before the others."""
    ended = next((at for at, token in enumerate(ids) if token in ends), None)
    kept = ids if ended is None else ids[: ended + 1]
    text = str(tokenizer.decode(kept, skip_special_tokens=True)).rstrip(
        "\ufffd"
    )  # of a character cut in the middle
    stop = min((at for at in map(text.find, draw.sampling.stop) if at >= 0), default=None)
    if stop is not None:
        kept = _until(tokenizer, kept, draw.sampling.stop)
    logprobs = tuple(step[row] for step in draw.drawn[: len(kept)])
    likeliest = tuple(
        tuple(zip(of[row], values[row], strict=True)) for of, values in draw.likeliest[: len(kept)]
    )
    finish: Finish = "length" if ended is None and stop is None else "stop"
    return Written(tuple(kept), text[:stop], finish, logprobs, likeliest)


def _until(tokenizer: Any, ids: list[int], stops: Sequence[str]) -> list[int]:
    """Return the tokens up to the one that completes a stop text."""
    for end in range(1, len(ids)):
        text = tokenizer.decode(ids[:end], skip_special_tokens=True)
        if any(stop in text for stop in stops):
            return ids[:end]
    return ids

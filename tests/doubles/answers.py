"""What the HTTP double answers: words drawn from a hash of the request, never from a shared stream.

The same messages (image bytes among them), temperature and seed give the same words, in whatever order requests arrive.
"""

import hashlib
import itertools
import json
import random
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_VOCABULARY = (
    "a the one two red green blue small large old new round wooden open dark bright quiet busy cat dog horse bird "
    "table chair cup plate window door street tree river boat train sign clock person child hand hat coat stands "
    "sits holds near behind above beside left right under shows looks seems is are has with and"
)

WORDS = _VOCABULARY.split()

MAGIC = {"image/jpeg": b"\xff\xd8", "image/png": b"\x89PNG", "image/gif": b"GIF8", "image/bmp": b"BM"}

_unseeded = itertools.count()


class BadRequestError(Exception):
    """A request that the server refuses with 400; ``code`` as OpenAI names it."""

    def __init__(self, message: str, code: str = "invalid_value") -> None:
        super().__init__(message)
        self.code = code


def text_of(body: Mapping[str, Any]) -> str:
    """All texts of a request's messages, each on a line of its own."""
    return "\n".join(part if isinstance(part, str) else "" for _, part in _parts(body))


def images_of(body: Mapping[str, Any]) -> list[str]:
    """The URLs of a request's images, in order."""
    return [part["url"] for _, part in _parts(body) if not isinstance(part, str)]


def check(body: Mapping[str, Any]) -> None:
    """Raise BadRequestError for what a real server refuses."""
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        raise BadRequestError("Missing required parameter: 'messages'.", "missing_required_parameter")
    if body.get("continue_final_message") and body.get("add_generation_prompt", True):
        raise BadRequestError("Cannot set both `continue_final_message` and `add_generation_prompt` to True.")
    if body.get("continue_final_message") and body["messages"][-1]["role"] != "assistant":
        raise BadRequestError("continue_final_message needs a final assistant message.")
    if not 1 <= (body.get("n") or 1) <= 128:
        raise BadRequestError("Invalid 'n': integer out of range.", "integer_out_of_range")
    if "max_tokens" in body and "max_completion_tokens" in body:
        raise BadRequestError(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        )
    for url in images_of(body):
        _check_image(url)


def reply_to(body: Mapping[str, Any], rules: Sequence[Mapping[str, Any]], *, take_n: bool) -> dict[str, Any]:
    """The whole answer to a chat request, as JSON values."""
    count = (body.get("n") or 1) if take_n else 1
    seed = body.get("seed")
    base = f"unseeded {next(_unseeded)}" if seed is None else ""
    choices = [_choice(body, rules, base, (seed or 0) + k, k) for k in range(count)]
    prompt = len(text_of(body).split()) + 100 * len(images_of(body)) + 3
    completion = sum(choice.pop("tokens") for choice in choices)
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": prompt // 2},
    }
    made = {
        "id": f"chatcmpl-{digest(body)[:12]}",
        "object": "chat.completion",
        "created": 0,
        "model": f"{body['model']}-double",
        "choices": choices,
        "usage": usage,
    }
    return made | ({"prompt_logprobs": _prompt_logprobs(body)} if "prompt_logprobs" in body else {})


def digest(body: Mapping[str, Any]) -> str:
    """What tells two requests apart: a hash of the whole body."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _choice(
    body: Mapping[str, Any], rules: Sequence[Mapping[str, Any]], base: str, seed: int, index: int
) -> dict[str, Any]:
    draw = random.Random(_content_hash(body, base, seed))
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or 10_000
    text = _scripted(text_of(body), rules, index) or _structured(body, draw)
    tokens = re.findall(r"\s*\S+", text) if text is not None else [f" {w}" for w in _sentence(draw)]
    finish = "length" if len(tokens) > limit else "stop"
    tokens = tokens[:limit]
    whole = "".join(tokens)
    begins_anew = not body.get(
        "continue_final_message"
    )  # what goes on begins with a space, as from a real server
    whole = whole.lstrip() if text is None and begins_anew else whole
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        if stop in whole:
            whole, finish = whole[: whole.index(stop)], "stop"
            tokens = re.findall(r"\s*\S+", whole)
    logprobs = {"content": _logprobs(tokens, body, draw)} if body.get("logprobs") else None
    message = {"role": "assistant", "content": whole, "refusal": None}
    return {
        "index": index,
        "message": message,
        "finish_reason": finish,
        "logprobs": logprobs,
        "tokens": len(tokens),
    }


def _content_hash(body: Mapping[str, Any], base: str, seed: int) -> str:
    """Hash of all that makes an answer; greedy answers do not depend on the seed."""
    temperature = body.get("temperature", 1)
    made = hashlib.sha256(f"{base} {temperature} {seed if temperature else ''}".encode())
    made.update(str(bool(body.get("continue_final_message"))).encode())
    for role, part in _parts(body):
        made.update(f"\0{role}\0{part if isinstance(part, str) else part['url']}".encode())
    return made.hexdigest()


def _parts(body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Role and part of each message: text as text, a picture as ``{"url": ...}``."""
    for message in body.get("messages", []):
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            yield message["role"], part["text"] if part["type"] == "text" else part["image_url"]


def _check_image(url: str) -> None:
    """A real server decodes the picture; here the base64 and the first bytes must fit the MIME type."""
    head, _, encoded = url.partition(";base64,")
    try:
        data = b64decode(encoded, validate=True)
    except ValueError:
        data = b""
    mime = head.removeprefix("data:")
    if not head.startswith("data:image/") or not data.startswith(MAGIC.get(mime, b"")) or not data:
        raise BadRequestError(f"Invalid image: not a picture of type {mime[:40]!r}.", "invalid_image")


def _scripted(text: str, rules: Sequence[Mapping[str, Any]], index: int) -> str | None:
    """The reply of the first rule that fits."""
    for rule in rules:
        wanted = rule.get("contains", [])
        found = re.search(rule["regex"], text, re.DOTALL) if "regex" in rule else None
        if "regex" in rule and not found:
            continue
        if all(word in text for word in ([wanted] if isinstance(wanted, str) else wanted)):
            replies = rule["replies"] if "replies" in rule else [rule["reply"]]
            reply = replies[index % len(replies)]
            made = reply if isinstance(reply, str) else json.dumps(reply)
            return found.expand(made) if found and isinstance(reply, str) else made
    return None


def _structured(body: Mapping[str, Any], draw: random.Random) -> str | None:
    wanted = body.get("response_format") or {"type": "text"}
    if wanted["type"] == "json_schema":
        schema = wanted["json_schema"]["schema"]
        return json.dumps(instance(schema, schema, draw))
    return json.dumps({"answer": " ".join(_sentence(draw))}) if wanted["type"] == "json_object" else None


def _sentence(draw: random.Random) -> list[str]:
    return [draw.choice(WORDS) for _ in range(draw.randint(4, 24))]


def instance(schema: Mapping[str, Any], root: Mapping[str, Any], draw: random.Random) -> Any:
    """A random value that follows a JSON schema; knows what judges' schemas use."""
    if "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return instance(target, root, draw)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return instance(draw.choice(schema[key]), root, draw)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return draw.choice(schema["enum"])
    kind = schema.get("type", "object")
    return _typed(schema, draw.choice(kind) if isinstance(kind, list) else kind, root, draw)


def _typed(schema: Mapping[str, Any], kind: str, root: Mapping[str, Any], draw: random.Random) -> Any:
    if kind == "object":
        return {name: instance(part, root, draw) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        least = schema.get("minItems", 0)
        count = draw.randint(least, schema.get("maxItems", least + 3))
        return [instance(schema.get("items", {"type": "string"}), root, draw) for _ in range(count)]
    if kind in {"integer", "number"}:
        low, high = schema.get("minimum", 0), schema.get("maximum", 100)
        return draw.randint(low, high) if kind == "integer" else draw.uniform(low, high)
    if kind == "string":
        return " ".join(_sentence(draw))[: schema.get("maxLength", 1000)]
    return None if kind == "null" else draw.random() < 0.5


def _logprobs(tokens: Sequence[str], body: Mapping[str, Any], draw: random.Random) -> list[dict[str, Any]]:
    count = body.get("top_logprobs") or 0
    made = []
    for token in tokens:
        value = -draw.random()
        others = [token, *(f" {word}" for word in draw.sample(WORDS, max(count - 1, 0)))][:count]
        top = [_entry(other, value - rank * 0.5) for rank, other in enumerate(others)]
        made.append({**_entry(token, value), "top_logprobs": top})
    return made


def _prompt_logprobs(body: Mapping[str, Any]) -> list[dict[str, Any] | None]:
    """As vLLM's server has them: nothing of the first token, then the token of each place by its id.

    With a picture each word is likelier, the more so the longer it is.
    """
    words = re.findall(r"\s*\S+", text_of(body))
    draw = random.Random(_content_hash(body, "", 0))
    seen = 0.1 if images_of(body) else 0.0
    told = [(-2 - draw.random() + seen * len(word.strip()), word) for word in words]
    places = [{"logprob": value, "rank": 1, "decoded_token": word} for value, word in told]
    return [None, *({str(number): place} for number, place in enumerate(places))]


def _entry(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}

"""CLIP: pictures and texts as vectors of one space, by any model of open_clip, SigLIP and its kin among them.

open_clip's own preprocessing and tokenizer are used, so that numbers are those of the model. Pictures are decoded by
pairwright: upright, in RGB. What open_clip would pass over with a warning is an error here: weights that are not there, and
weights of another activation than the model's (the ``openai`` ones belong to the models called ``-quickgelu``).
"""

import difflib
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL.Image

from pairwright.annotators import EncodedTexts, EncoderPart, Vectors
from pairwright.schemas.attack import VisionEncoder
from pairwright.schemas.codec import decode
from pairwright.schemas.errors import MissingExtraError, ModelError, ParameterError
from pairwright.schemas.image import Image
from pairwright.schemas.settings import Settings

_FOLDER, _HUB = "local-dir:", "hf-hub:"
_CONFIG = "open_clip_config.json"
_WEIGHTS = (".safetensors", ".bin", ".pth")
_NEAR = 3
"""Near names that are told of an unknown one."""


class Clip(Settings):
    """Which model."""

    model: str = "ViT-L-14-336-quickgelu"
    """A model of open_clip by name, ``hf-hub:`` with a hub id, or ``local-dir:`` with a folder that holds
    ``open_clip_config.json`` and the weights."""
    pretrained: str | None = None
    """Weights of a model by name: a tag of open_clip (``openai``), or a file. Hub ids and folders have their own."""
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    """Type of the weights and of the sums."""


@dataclass(frozen=True, slots=True)
class OpenClip:
    """A model that is loaded."""

    name: str
    model: Any
    """An ``open_clip.CLIP`` or one of its kin, in evaluation mode."""
    preprocess: Any
    tokenizer: Any
    device: str
    dtype: Any
    """What the picture tower takes, a ``torch.dtype``; None for float32."""
    context: int
    """Tokens that are read of a text, start and end among them."""

    def read(self, image: Image) -> Any:
        """Return a picture as a tensor, 3 × height × width, float32. Raises RowError where it cannot be decoded."""
        return self.preprocess(PIL.Image.fromarray(decode(image)))

    def images(self, pictures: Sequence[Any]) -> Vectors:
        """Return the vectors of pictures that were read."""
        import torch

        with torch.inference_mode():
            batch = torch.stack(list(pictures)).to(device=self.device, dtype=self.dtype)
            return self._vectors(self.model.encode_image(batch))

    def vision(self) -> VisionEncoder:
        """Return the picture tower."""
        return VisionEncoder(self.model.encode_image, self.preprocess, self.device, self.dtype)

    def texts(self, texts: Sequence[str]) -> EncodedTexts:
        """Return the vectors of texts, and which of them are longer than the model reads."""
        import torch

        tokens = self.tokenizer(list(texts), context_length=self.context)
        with torch.inference_mode():
            vectors = self._vectors(self.model.encode_text(tokens.to(self.device)))
        return EncodedTexts(vectors, self._cut(texts))

    def _cut(self, texts: Sequence[str]) -> tuple[bool, ...]:
        """Tell of each text whether it has tokens behind the last one that is read: with twice the room they would stand
        there. Whatever is longer ends in a token that is no padding, also where it has been cut again."""
        roomy = self.tokenizer(list(texts), context_length=2 * self.context)
        padding = getattr(getattr(self.tokenizer, "tokenizer", None), "pad_token_id", None) or 0
        behind = (roomy[:, self.context :] != padding).any(dim=1)
        return tuple(bool(one) for one in behind)

    def _vectors(self, found: Any) -> Vectors:
        import torch

        scaled: Vectors = torch.nn.functional.normalize(found.float(), dim=-1).cpu().numpy()
        if not np.isfinite(scaled).all():
            raise ModelError(f"{self.name} gives numbers that are not finite; take precision fp32 or bf16")
        return scaled


def _imported() -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise MissingExtraError("encoder clip", "open_clip_torch", "clip") from error
    return open_clip


def check(settings: Clip) -> None:
    """Check model and weights by name; nothing is loaded.

    Raises:
        ParameterError: nobody knows the model or the weights, or they do not belong together.
        MissingExtraError: open_clip is not installed.
    """
    open_clip = _imported()
    if settings.model.startswith(_FOLDER):
        _files_of(settings.model)
    if settings.model.startswith((_FOLDER, _HUB)):
        if settings.pretrained is not None:
            raise ParameterError(f"pretrained: {settings.model} has its own weights; set pretrained to null")
        return
    name, known = settings.model.replace("/", "-"), open_clip.list_models()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=_NEAR, cutoff=0.5)
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        folder = f" A folder is named {_FOLDER}{settings.model}." if Path(settings.model).is_dir() else ""
        raise ParameterError(
            f"model: open_clip has no {settings.model!r}.{hint}{folder} open_clip.list_models() has all {len(known)}"
        )
    _check_weights(open_clip, name, settings.pretrained)


def _check_weights(open_clip: Any, name: str, pretrained: str | None) -> None:
    tags = open_clip.list_pretrained_tags_by_model(name)
    shown = ", ".join(tags) or "none"
    if pretrained is None:
        raise ParameterError(
            f"pretrained: missing; without it {name} would have random weights. Name a file, or one of: {shown}"
        )
    if pretrained not in tags:
        if not Path(pretrained).is_file():
            raise ParameterError(f"pretrained: {pretrained!r} is no file and no weights of {name}: {shown}")
        return
    wanted = bool(open_clip.get_pretrained_cfg(name, pretrained).get("quick_gelu", False))
    if wanted != bool(open_clip.get_model_config(name).get("quick_gelu", False)):
        other = f"{name}-quickgelu" if wanted else name.removesuffix("-quickgelu")
        raise ParameterError(
            f"model: the weights {pretrained} were trained with another activation than {name} has; take {other}"
        )


def name(settings: Clip) -> str:
    """Return the name of the model, without the folders in which its files lie.

    >>> name(Clip(model="ViT-B-32", pretrained="/models/mine.pt")), name(Clip(model="local-dir:/models/tiny"))
    ('ViT-B-32/mine', 'tiny')
    """
    if settings.model.startswith(_FOLDER):
        return Path(settings.model.removeprefix(_FOLDER)).name
    if settings.model.startswith(_HUB):
        return settings.model.removeprefix(_HUB)
    weights = settings.pretrained or ""
    return f"{settings.model}/{Path(weights).stem if Path(weights).is_file() or '/' in weights else weights}"


def marks(settings: Clip) -> Mapping[str, str]:
    """Return the SHA-256 of local files that hold the model, by setting."""
    if settings.model.startswith(_FOLDER):
        return {"model": _digest(_files_of(settings.model), "model")}
    if settings.pretrained and Path(settings.pretrained).is_file():
        return {"pretrained": _digest((Path(settings.pretrained),), "pretrained")}
    return {}


def _files_of(model: str) -> tuple[Path, ...]:
    """Return configuration, weights and tokenizer of a folder; raises ParameterError where it is none of open_clip's."""
    folder = Path(model.removeprefix(_FOLDER))
    if not folder.is_dir():
        raise ParameterError(f"model: no such folder: {folder}")
    files = tuple(sorted(path for path in folder.iterdir() if path.is_file()))
    if not any(path.name == _CONFIG for path in files):
        raise ParameterError(f"model: {folder} holds no {_CONFIG}")
    if not any(path.suffix in _WEIGHTS for path in files):
        raise ParameterError(f"model: {folder} holds no weights ({', '.join(_WEIGHTS)})")
    return files


def _digest(files: Sequence[Path], key: str) -> str:
    try:
        told = [(path, path.stat()) for path in files]
        hashes = [_file_digest(path, stat.st_size, stat.st_mtime_ns) for path, stat in told]
    except OSError as error:
        raise ParameterError(f"{key}: {error.filename} cannot be read: {error.strerror}") from error
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


@cache  # a checkpoint has gigabytes, and is asked for several times
def _file_digest(path: Path, size: int, changed_ns: int) -> str:
    """Return the SHA-256 of a file; size and time are there to tell a changed one."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _elsewhere(settings: Clip) -> str:
    """Return what helps where weights cannot be fetched; empty where they are files already."""
    if settings.model.startswith(_FOLDER) or (settings.pretrained and Path(settings.pretrained).is_file()):
        return ""
    if settings.model.startswith(_HUB):
        return f". Without a network set model to {_FOLDER}FOLDER, with the files of {settings.model.removeprefix(_HUB)}"
    return f". Without a network set pretrained to a file of these weights, or model to {_FOLDER}FOLDER"


@contextmanager
def _own_logging() -> Iterator[None]:
    """Keep open_clip from giving the root logger a handler, as its first ``logging.info`` would: from then on other packages
    would tell everything twice."""
    root, quiet = logging.getLogger(), logging.NullHandler()
    root.addHandler(quiet)
    try:
        yield
    finally:
        root.removeHandler(quiet)


@contextmanager
def open_clip_model(settings: Clip, device: str) -> Iterator[OpenClip]:
    """Load a model.

    Raises:
        MissingExtraError: open_clip is not installed.
        ModelError: it cannot be loaded.
    """
    open_clip = _imported()
    import torch

    place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    try:
        with _own_logging():
            model, preprocess = open_clip.create_model_from_pretrained(
                settings.model, settings.pretrained, precision=settings.precision, device=place
            )
            tokenizer = open_clip.get_tokenizer(settings.model)
    except (
        Exception
    ) as error:  # of torch, safetensors, the hub, the file system: each means that it cannot be used
        raise ModelError(
            f"open_clip cannot load {name(settings)} on {place}: {error}{_elsewhere(settings)}"
        ) from error
    yield OpenClip(
        name=name(settings),
        model=model.eval(),
        preprocess=preprocess,
        tokenizer=tokenizer,
        device=place,
        dtype=open_clip.get_input_dtype(settings.precision),
        context=int(getattr(model, "context_length", None) or tokenizer.context_length),
    )


PART = EncoderPart(
    settings=Clip,
    name=name,
    check=check,
    marks=marks,
    open=open_clip_model,
    packages=("open_clip_torch", "torch", "torchvision"),
    summary="pictures and texts as vectors of one space, by CLIP, SigLIP and every other model of open_clip",
    source="CLIP (arXiv 2103.00020), SigLIP (arXiv 2303.15343), open_clip (arXiv 2212.07143); scores as in CLIPScore "
    "(arXiv 2104.08718), CLIP-DPO (arXiv 2408.10433) and CSR (arXiv 2405.14622)",
)

"""Writes a tiny vision-language model with random weights: real enough for vLLM and transformers, made offline.

    python tests/vllm/tiny_vlm.py FOLDER

Idefics3, because vLLM inspects it without torchvision. 260,000 parameters, one megabyte, some seconds. What it says is
gibberish, but gibberish that hangs on its picture, its words and its seed, which is all that tests want.
"""

import argparse
from pathlib import Path
from typing import Any

SENTENCES = (
    "What is in the picture? A red circle beside a blue square, on white.",
    "How many cups stand on the table? There are 3 cups and 12 plates.",
    "Which answer is better, A or B? Neither; both name things that are not there.",
    '{"verdict": "A", "score": 8, "reason": "It names only what the picture shows."}',
    "system user assistant yes no true false null one two three four five six",
)
TURN_BEGINS, TURN_ENDS, PAD, IMAGE = "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<image>"
AROUND_IMAGE, WHOLE_IMAGE, END = "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"
TILES = tuple(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7))

TEMPLATE = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['content'] is string -%}{{ message['content'] }}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'text' -%}{{ part['text'] }}{%- else -%}{{ '<image>' }}{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""
"""ChatML that takes contents as text and as lists of parts."""

SPREAD = 0.15
"""Standard deviation of the weights. With the usual 0.02 all tokens are about equally likely, whatever the picture."""

SIDE, PATCH, MERGE = 56, 14, 2
"""Pixels of a tile and of a patch, and how many patches a side go into one token: 4 tokens to a tile."""


def make(folder: Path) -> Path:
    """Write the model, its tokenizer, its processor and its chat template into ``folder``, and return it."""
    import torch
    from transformers import Idefics3ForConditionalGeneration

    tokenizer = _tokenizer()
    config = _config(tokenizer)
    torch.manual_seed(0)
    model = Idefics3ForConditionalGeneration(config)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() >= 2:
                weights.normal_(0.0, SPREAD)
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(model.generation_config, name, getattr(tokenizer, name))
    model.save_pretrained(folder)
    _processor(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bytewise = Tokenizer(models.BPE())
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    special = [PAD, TURN_BEGINS, TURN_ENDS, IMAGE, AROUND_IMAGE, WHOLE_IMAGE, END, *TILES]
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bytewise.train_from_iterator(SENTENCES * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytewise,
        bos_token=TURN_BEGINS,
        eos_token=TURN_ENDS,
        pad_token=PAD,
        padding_side="left",
        model_max_length=16384,
        extra_special_tokens={  # attributes that Idefics3's processor reads
            "image_token": IMAGE,
            "fake_image_token": AROUND_IMAGE,
            "global_image_token": WHOLE_IMAGE,
            "end_of_utterance_token": END,
        },
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _config(tokenizer: Any) -> Any:
    from transformers import Idefics3Config, LlamaConfig

    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,  # 32 wide: vLLM's attention on CPUs knows few widths
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=16384,
        tie_word_embeddings=False,
        **ids,
    )
    vision = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": PATCH,
    }
    return Idefics3Config(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        scale_factor=MERGE,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
        dtype="float32",
    )


def _processor(tokenizer: Any) -> Any:
    from transformers import Idefics3Processor
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    pictures = Idefics3ImageProcessorPil(
        size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE}
    )
    tokens = (SIDE // PATCH // MERGE) ** 2
    return Idefics3Processor(pictures, tokenizer, image_seq_len=tokens, chat_template=TEMPLATE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    print(make(parser.parse_args().folder))

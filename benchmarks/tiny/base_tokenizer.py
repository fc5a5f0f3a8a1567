"""A tokenizer for the tiny base model: byte-level BPE, with each fixed phrase of the prompt as one token."""

import random
import re
from collections.abc import Sequence
from typing import Any

from base_rows import invented_name
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from petoolbench import SETTINGS, ToolName, render_messages

_CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_SPECIAL = ["<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]
_INVENTED_NAMES = 10_000
_TYPES = ("STRING", "NUMBER", "BOOLEAN", "ENUM")
_PARAMETER_ENDS = [f'", "type": "{kind}", "description": "", "default": null}}' for kind in _TYPES]
# Texts between the values of the prompt's JSON, the longest first. A rating is one token with its surroundings.
_PIECES = [
    '", "required_parameters": [], "optional_parameters": []}\n',
    *(f'{end}], "optional_parameters": [{{"name": "' for end in _PARAMETER_ENDS),
    *(f'{end}], "optional_parameters": []}}\n' for end in _PARAMETER_ENDS),
    *(f'{end}, {{"name": "' for end in _PARAMETER_ENDS),
    *(f"{end}]}}\n" for end in _PARAMETER_ENDS),
    *_PARAMETER_ENDS,
    '", "required_parameters": [{"name": "',
    '{"instruction": "',
    '", "tool_name": "<',
    '", "rating": 0, "tool_name": "<',
    '", "rating": 1, "tool_name": "<',
    '{"tool_name": "<',
    ">.<",
    '>", "parameters": {',
    '>", "tool_description": "',
    '", "required_parameters": [',
    '], "optional_parameters": [',
    '{"name": "',
    ', {"name": "',
    "]}",
    '"}}',
    '"}}\n',
    '": "',
    '": ',
    '", "',
]


def train_tokenizer(rows: Sequence[dict], vocabulary: int) -> Any:
    """Train a tokenizer on the prompts of some rows.

    Providers' names are left out of its training and replaced by invented ones, so that any name, known or new, is
    spelt in a few tokens.

    Args:
        rows: rows of the benchmark.
        vocabulary: number of tokens to learn, without the fixed phrases.

    Returns:
        A `PreTrainedTokenizerFast` with a chat template.
    """
    names = {ToolName.parse(tool["tool_name"]) for row in rows for tool in row["candidate_tools"]}
    providers = {name.provider for name in names}
    fixed = [*_fixed_lines(rows[0]), *_PIECES, *sorted({f"{name.category}>.<" for name in names})]
    unlearnt = re.compile("|".join(re.escape(text) for text in sorted([*fixed, *providers], key=len, reverse=True)))
    texts = [unlearnt.sub("\n", message["content"]) for row in rows for message in render_messages(row)]
    rng = random.Random(0)
    texts += [invented_name(rng) for _ in range(_INVENTED_NAMES)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=_SPECIAL,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in fixed])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>", chat_template=_CHAT_TEMPLATE
    )


def _fixed_lines(row: dict) -> list[str]:
    """Lines of the prompt that all rows of a setting have."""
    bare = {**row, "history": [], "candidate_tools": []}
    prompts = [render_messages({**bare, "id": f"{row['user_id']}/{s}"})[0]["content"] for s in SETTINGS]
    return sorted({line for prompt in prompts for line in prompt.split("\n") if line})

"""A small causal language model of random weights, with a tokenizer of its own: nothing is downloaded for it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHAT_TEMPLATE = """\
{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>
{{ message['content'] }}\
{% if tools and message['role'] == 'system' %}{% for tool in tools %}{{ '\\n' }}\
{{ tool['function'] | tojson }}{% endfor %}{% endif %}\
{% if message['tool_calls'] %}{% set call = message['tool_calls'][0]['function'] %}\
{{ '{"name": "' + call['name'] + '", "parameters": ' }}{{ call['arguments'] | tojson }}{{ '}' }}{% endif %}\
{{ eos_token }}
{% endfor %}{% if add_generation_prompt %}<|assistant|>
{% endif %}"""

_BOS, _EOS = "<s>", "</s>"  # beginning of a text, and end of a turn
_SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 8_192,
    # Ten times the usual spread: the logits differ by more than rounding, and an adapter can change the loss.
    "initializer_range": 0.2,
}


def make_random_model(folder: Path, texts: Iterable[str], vocabulary: int, seed: int = 0, **shape: Any) -> None:
    """Write a Llama of random weights and its tokenizer.

    Args:
        folder: gets model and tokenizer, as `from_pretrained` reads them.
        texts: the tokenizer is trained on them.
        vocabulary: the most tokens that it learns.
        seed: decides the weights.
        shape: values of `LlamaConfig` instead of the small ones above.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = train_tokenizer(texts, vocabulary)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **{**_SHAPE, **shape},
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Any:
    """A byte-level BPE tokenizer with a chat template. It puts a BOS before every text, as Llama's does."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[_BOS, _EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{_BOS} $A", special_tokens=[(_BOS, 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=_BOS, eos_token=_EOS, chat_template=CHAT_TEMPLATE
    )

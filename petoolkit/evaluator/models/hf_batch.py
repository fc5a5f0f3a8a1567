"""Replies to one batch of prompts: prompts are read one by one, and replies are generated together.

One prompt of thousands of tokens already uses the whole machine. Read alone, it needs neither padding nor a mask, with
which attention could not use its fast causal path, and it needs the memory of one prompt only. Generating one token of
one reply uses little of the machine, so the replies of a batch are generated together, left-padded, with the keys and
values of the prompts.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer


def generate_replies(
    model: Any, prompts: Sequence[list[int]], seeds: Sequence[int], temperature: float, config: GenerationConfig
) -> list[list[int]]:
    """Token ids of the reply to each prompt; they include the end-of-sequence token if the reply is complete.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        prompts: token ids, two or more in each prompt.
        seeds: a random seed for each prompt.
        temperature: 0 takes the most likely token; above 0, tokens are drawn from the model's whole distribution at
            this temperature, without top-k or top-p.
        config: `max_new_tokens`, `eos_token_id` (a list) and `pad_token_id`, with `do_sample=False`.
    """
    width = max(map(len, prompts))
    pad = config.pad_token_id
    ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device)
    noise = [GumbelNoise(temperature, seeds, ids.device)] if temperature else []
    with torch.inference_mode():
        generated = model.generate(
            ids,
            attention_mask=mask,
            past_key_values=read_prompts(model, prompts, config.max_new_tokens),
            generation_config=config,
            logits_processor=LogitsProcessorList(noise),
        )
    return [up_to_end(reply, config.eos_token_id) for reply in generated[:, width:].tolist()]


def up_to_end(reply: list[int], ends: list[int]) -> list[int]:
    """The tokens up to the first end token."""
    return reply[: next((length for length, token in enumerate(reply, 1) if token in ends), len(reply))]


class GumbelNoise(LogitsProcessor):
    """Adds Gumbel noise to the logits, so that the most likely token is a sample (the Gumbel-max trick).

    Each reply has its own random generator, so a sample does not depend on the batch.
    """

    def __init__(self, temperature: float, seeds: Sequence[int], device: torch.device):
        self._temperature = temperature
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        drawn = torch.empty_like(scores)
        for row, generator in zip(drawn, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores / self._temperature - drawn.log()


def read_prompts(model: Any, prompts: Sequence[list[int]], new_tokens: int) -> Cache | None:
    """Keys and values of all prompts without their last tokens, left-padded, with space for `new_tokens`.

    `None` for models whose cache holds more than keys and values (sliding windows, recurrent states): `generate` then
    reads the padded batch.
    """
    if any(type(layer) is not DynamicLayer for layer in DynamicCache(config=model.config).layers):
        return None
    width = max(map(len, prompts)) - 1
    reserved: list[_ReservedLayer] = []
    rows_of: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, prompt in enumerate(prompts):
        rows_of[tuple(prompt)].append(row)  # several rows if a prompt is sampled several times
    for prompt_ids, rows in rows_of.items():
        cache = DynamicCache(config=model.config)
        # The base model has no head: the logits of a whole prompt would need more memory than everything else.
        model.base_model(torch.tensor([prompt_ids[:-1]], device=model.device), past_key_values=cache, use_cache=True)
        layers: list[Any] = cache.layers
        if not reserved:
            shape = (len(prompts), width, new_tokens)
            reserved = [_ReservedLayer(layer.keys, layer.values, *shape) for layer in layers]
        for batch_layer, layer in zip(reserved, layers, strict=True):
            for row in rows:
                batch_layer.put(row, layer.keys[0], layer.values[0])
    return Cache(layers=[*reserved])


class _ReservedLayer(DynamicLayer):
    """Keys and values of a batch, with space reserved: `DynamicLayer` copies all of them for each new token.

    Args:
        keys, values: those of one prompt, (1, heads, tokens, dimension); they set sizes, type and device.
        batch: number of prompts.
        width: tokens of the longest prompt; keys and values are zeros until `put` sets them.
        new_tokens: tokens to reserve space for.
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, batch: int, width: int, new_tokens: int):
        super().__init__()
        self.is_initialized, self.dtype, self.device = True, keys.dtype, keys.device
        self._all_keys, self._all_values = (
            part.new_zeros(batch, part.shape[1], width + new_tokens, part.shape[3]) for part in (keys, values)
        )
        self._set_width(width)

    def put(self, row: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Set the keys and values of one prompt, (heads, tokens, dimension), at the right end of its row."""
        start = self._width - keys.shape[1]
        self._all_keys[row, :, start : self._width] = keys
        self._all_values[row, :, start : self._width] = values

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values, (batch, heads, tokens, dimension); returns all of them, as `DynamicLayer` does."""
        start, end = self._width, self._width + key_states.shape[-2]
        self._all_keys[:, :, start:end] = key_states
        self._all_values[:, :, start:end] = value_states
        return self._set_width(end)

    def _set_width(self, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        self._width = width
        used = self._all_keys[:, :, :width], self._all_values[:, :, :width]
        self.keys, self.values = used
        return used

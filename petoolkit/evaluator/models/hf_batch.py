"""One batch of prompts to its replies: each prompt is read once and alone, replies are written together.

A prompt of thousands of tokens fills a machine by itself. Read alone it needs no padding and no mask, which would cost
attention its causal shortcut, and the memory for it is that of one. A reply comes token by token, which fills nothing,
so the replies of a batch are written together, left-padded, over the keys and values that reading left.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer


def write_replies(
    model: Any, prompts: Sequence[list[int]], seeds: Sequence[int], temperature: float, config: GenerationConfig
) -> list[list[int]]:
    """The new tokens of each prompt, the end-of-sequence token included where it came.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        prompts: token ids, two or more each.
        seeds: one a prompt, for what is drawn.
        temperature: 0 takes the likeliest token; above, tokens are drawn from the model's distribution at this
            temperature, with nothing cut off it.
        config: `max_new_tokens`, `eos_token_id` (a list) and `pad_token_id`, with `do_sample=False`.
    """
    width = max(map(len, prompts))
    pad = config.pad_token_id
    ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device)
    noise = [_Noise(temperature, seeds, ids.device)] if temperature else []
    with torch.inference_mode():
        written = model.generate(
            ids,
            attention_mask=mask,
            past_key_values=_read(model, prompts, config.max_new_tokens),
            generation_config=config,
            logits_processor=LogitsProcessorList(noise),
        )
    return [_until_end(reply, config.eos_token_id) for reply in written[:, width:].tolist()]


def _until_end(reply: list[int], ends: list[int]) -> list[int]:
    """Without the padding after the end."""
    return reply[: next((place for place, token in enumerate(reply, 1) if token in ends), len(reply))]


class _Noise(LogitsProcessor):
    """Makes the likeliest token a sample (the Gumbel-max trick), drawn for each reply by a generator of its own: what
    is drawn doesn't depend on the batch."""

    def __init__(self, temperature: float, seeds: Sequence[int], device: torch.device):
        self._temperature = temperature
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        drawn = torch.empty_like(scores)
        for row, generator in zip(drawn, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores / self._temperature - drawn.log()


def _read(model: Any, prompts: Sequence[list[int]], new_tokens: int) -> Cache | None:
    """Keys and values of all prompts but their last tokens, left-padded, with room for `new_tokens`.

    `None` for models that keep more than plain keys and values (sliding windows, recurrent states): `generate` then
    reads the padded batch by itself.
    """
    if any(type(layer) is not DynamicLayer for layer in DynamicCache(config=model.config).layers):
        return None
    width = max(map(len, prompts)) - 1
    reserved: list[_ReservedLayer] = []
    rows_of: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, prompt in enumerate(prompts):
        rows_of[tuple(prompt)].append(row)  # of a prompt that is sampled several times: all of them
    for prompt_ids, rows in rows_of.items():
        cache = DynamicCache(config=model.config)
        # Without the head: the logits of a prompt would need more memory than all the rest.
        model.base_model(torch.tensor([prompt_ids[:-1]], device=model.device), past_key_values=cache, use_cache=True)
        read: list[Any] = cache.layers
        if not reserved:
            shape = (len(prompts), width, new_tokens)
            reserved = [_ReservedLayer(layer.keys, layer.values, *shape) for layer in read]
        for batch_layer, layer in zip(reserved, read, strict=True):
            for row in rows:
                batch_layer.put(row, layer.keys[0], layer.values[0])
    return Cache(layers=[*reserved])


class _ReservedLayer(DynamicLayer):
    """Keys and values of a batch, with room reserved: the usual layer copies all of them for each new token.

    Args:
        keys, values: of one prompt, (1, heads, tokens, dimension), for sizes, type and device.
        batch: number of prompts.
        width: of the prompts, in tokens; zeros until `put` fills them in.
        room: tokens to come.
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, batch: int, width: int, room: int):
        super().__init__()
        self.is_initialized, self.dtype, self.device = True, keys.dtype, keys.device
        self._all_keys, self._all_values = (
            part.new_zeros(batch, part.shape[1], width + room, part.shape[3]) for part in (keys, values)
        )
        self._show(width)

    def put(self, row: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Set one prompt's, (heads, tokens, dimension), at the right end of its row."""
        start = self._width - keys.shape[1]
        self._all_keys[row, :, start : self._width] = keys
        self._all_values[row, :, start : self._width] = values

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        start, end = self._width, self._width + key_states.shape[-2]
        self._all_keys[:, :, start:end] = key_states
        self._all_values[:, :, start:end] = value_states
        return self._show(end)

    def _show(self, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        self._width = width
        shown = self._all_keys[:, :, :width], self._all_values[:, :, :width]
        self.keys, self.values = shown
        return shown

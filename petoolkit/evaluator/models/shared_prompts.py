"""Several replies to each prompt of a batch, generated side by side in one row with the prompt's keys and values.

Generating a token of a reply is mostly reading keys and values from memory. With a row for each reply, those of a
prompt that is sampled eight times are kept, and read for each token, eight times.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from transformers import GenerationConfig

from petoolkit.evaluator.models.hf_batch import GumbelNoise, read_prompts, up_to_end


def generate_to_shared_prompts(
    model: Any, prompts: Sequence[list[int]], seeds: Sequence[int], temperature: float, config: GenerationConfig
) -> list[list[int]]:
    """The same replies as those of `generate_replies`, but for rounding; its arguments and result.

    The model has full attention in all layers and takes a mask of four dimensions.
    """
    columns: dict[tuple[int, ...], int] = defaultdict(int)  # of each prompt: how many replies to it
    reply_columns = []  # of each reply: its number among those to its prompt
    for prompt in prompts:
        reply_columns.append(columns[tuple(prompt)])
        columns[tuple(prompt)] += 1
    shared, most = [list(prompt) for prompt in columns], max(columns.values())
    row_of = {prompt: row for row, prompt in enumerate(columns)}
    row = torch.tensor([row_of[tuple(prompt)] for prompt in prompts], device=model.device)
    column = torch.tensor(reply_columns, device=model.device)
    noise = GumbelNoise(temperature, seeds, model.device) if temperature else None
    ends = torch.tensor(config.eos_token_id, device=model.device)
    with torch.inference_mode():
        cache = read_prompts(model, shared, most * config.max_new_tokens)
        tokens = torch.tensor([[prompt[-1]] * most for prompt in shared], device=model.device)
        read = torch.tensor([len(prompt) - 1 for prompt in shared], device=model.device)
        width = max(map(len, shared)) - 1
        sees_prompt = (torch.arange(width, device=model.device) >= width - read[:, None])[:, None].expand(-1, most, -1)
        sees_itself = torch.eye(most, dtype=torch.bool, device=model.device).expand(len(shared), -1, -1)
        mask, replies = sees_prompt, []
        is_over = torch.zeros(len(prompts), dtype=torch.bool, device=model.device)
        for step in range(config.max_new_tokens):
            mask = torch.cat([mask, sees_itself], dim=2)
            logits = model(
                input_ids=tokens,
                position_ids=(read[:, None] + step).expand(-1, most),
                attention_mask=mask[:, None],
                past_key_values=cache,
                use_cache=True,
            ).logits[row, column]
            scores = noise(tokens, logits.float()) if noise else logits
            written = scores.argmax(-1).masked_fill(is_over, config.pad_token_id)
            tokens[row, column] = written
            replies.append(written)
            is_over |= torch.isin(written, ends)
            if is_over.all():
                break
    return [up_to_end(reply, config.eos_token_id) for reply in torch.stack(replies, dim=1).tolist()]

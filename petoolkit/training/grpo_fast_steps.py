"""TRL's GRPO trainer that reads a prompt once for all replies sampled from it: to sample them, and to score them.

The same holds as in `petoolkit.training.fast_steps`: what TRL's loss gets is equal, and is compared before the first
step. A batch holds any number of replies to each of its prompts, and prompts are padded on the left.
"""

from collections.abc import Callable
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.cache_utils import Cache
from trl import GRPOTrainer
from trl.trainer.utils import split_tensor_dict

from petoolkit.evaluator.models.shared_prompts import generate_to_shared_prompts
from petoolkit.training.fast_steps import AnswersLayer, PromptLayer, fast_steps, why_prompts_are_not_shared

_COMPARED_PROMPT_TOKENS = (192, 128)
_COMPARED_REPLY_TOKENS = 8
_MOST_SEED = 2**63 - 1
# Options of sampling that only TRL's own generation knows, each with the value that changes nothing.
_OWN_SAMPLING = {
    "top_p": 1.0,
    "top_k": 0,
    "min_p": None,
    "repetition_penalty": 1.0,
    "generation_kwargs": None,
    "cache_implementation": None,
    "use_vllm": False,
    "use_transformers_continuous_batching": False,
}


class FastGRPOTrainer(GRPOTrainer):
    """TRL's GRPO trainer with fast steps, for rows with a column `prompt_ids`."""

    _is_fast = False

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Run TRL's training, and say whether its steps are fast or why they are not."""
        description = "a prompt is read once for all replies to it, and the head scores replies only"
        obstacle = why_prompts_are_not_shared(self)
        with fast_steps(self, read_groups, obstacle, description, self._few_rows) as self._is_fast:
            try:
                return super().train(*args, **kwargs)
            finally:
                self._is_fast = False

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """A batch to train on, as TRL makes it, with the replies to a prompt kept together.

        TRL shuffles replies before it splits them into batches. Where all of them belong to one update, their order
        does not matter, and a prompt whose replies stand together is read in fewer batches.
        """
        options: Any = self.args
        policy: Any = self.model
        steps = options.steps_per_generation
        is_one_update = self.num_iterations == 1 and options.gradient_accumulation_steps % steps == 0
        if not (self._is_fast and policy.training and is_one_update):
            return super()._prepare_inputs(generation_batch)
        buffered: Any = self._buffered_inputs
        if self._step % steps == 0 or buffered is None:
            buffered = split_tensor_dict(self._generate_and_score_completions(generation_batch), steps)
            self._buffered_inputs = buffered
        return buffered[self._step % steps]

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._prompt_ids = [row["prompt_ids"] for row in inputs]
        return super()._generate_and_score_completions(inputs)

    def _tokenize_prompts(self, prompts: list) -> tuple[list[list[int]], None, dict]:
        return self._prompt_ids, None, {}  # TRL's own rendering may differ from an evaluation's

    def _generate_single_turn(self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any) -> Any:
        """Sample a reply to each prompt; returns the replies' token ids and `None`."""
        options: Any = self.args
        if not self._is_fast or any(getattr(options, name) != value for name, value in _OWN_SAMPLING.items()):
            return super()._generate_single_turn(prompt_ids, *args, **kwargs)
        config = GenerationConfig(
            do_sample=False,  # `generate_to_shared_prompts` samples
            max_new_tokens=self.max_completion_length,
            eos_token_id=self.eos_token_ids,
            pad_token_id=self._tokenizer.pad_token_id,
        )
        seeds = torch.randint(_MOST_SEED, (len(prompt_ids),)).tolist()
        model: Any = self.accelerator.unwrap_model(self.model)
        was_training = model.training
        model.eval()  # dropout would sample from another model than the one that is scored
        try:
            with self.accelerator.autocast():
                replies = generate_to_shared_prompts(
                    model.get_base_model(), prompt_ids, seeds, self.temperature, config
                )
        finally:
            model.train(was_training)
        return replies, None

    def _few_rows(self) -> dict[str, torch.Tensor]:
        """The ends of two prompts as a batch of TRL's; the first has two replies, made of its last tokens."""
        dataset: Any = self.train_dataset
        prompts = [row["prompt_ids"] for row in dataset.select(range(min(2, len(dataset))))]
        rows: list[tuple[list[int], list[int]]] = []
        for ids, tokens in zip(prompts, _COMPARED_PROMPT_TOKENS, strict=False):
            prompt, reply = ids[-tokens:-_COMPARED_REPLY_TOKENS], ids[-_COMPARED_REPLY_TOKENS:]
            rows += [(prompt, reply)] if rows else [(prompt, reply), (prompt, reply[:0:-1])]
        width = max(len(prompt) for prompt, _ in rows)
        ids, mask, labels = [], [], []
        for prompt, reply in rows:
            left, right = [0] * (width - len(prompt)), [0] * (_COMPARED_REPLY_TOKENS - len(reply))
            ids.append(left + prompt + reply + right)
            mask.append(left + [1] * (len(prompt) + len(reply)) + right)
            labels.append([-100] * width + reply + [-100] * len(right))
        batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        return {name: torch.tensor(value, device=self.accelerator.device) for name, value in batch.items()}


def read_groups(body: Callable, *args: Any, scored: torch.Tensor | None = None, **kwargs: Any) -> Any:
    """The body's outputs with the states of scored positions only, (1, positions of all rows, width).

    Equal prompts are read once. All replies to one continue from its keys and values, side by side in one row.

    Args:
        body: the forward pass of the model without its head.
        args: its arguments.
        scored: (rows, length - 1), the positions to keep; all without it. Those of a row are the prompt's last token
            and all of the reply's but its last; the prompts end in the same column.
        kwargs: its further arguments, among them `input_ids` and `attention_mask` of (rows, length).
    """
    if scored is None:
        return body(*args, **kwargs)
    ids, mask = kwargs.pop("input_ids"), kwargs.pop("attention_mask")
    is_begun = scored.any(0)
    start = int(is_begun.int().argmax()) if is_begun.any() else ids.size(1) - 2
    end = max(int(is_begun.nonzero().max()) + 1 if is_begun.any() else 0, start + 1)
    keys = torch.cat([ids[:, :start].masked_fill(mask[:, :start] == 0, 0), mask[:, :start]], dim=1)
    prompts, group_of = torch.unique(keys, dim=0, return_inverse=True)
    states: dict[int, torch.Tensor] = {}
    for group in range(len(prompts)):
        rows = (group_of == group).nonzero().flatten()
        prompt_ids = ids[rows[0], :start][mask[rows[0], :start].bool()]
        outputs = _read_group(body, prompt_ids, ids[rows, start:end], **kwargs)
        width = outputs.last_hidden_state.size(-1)
        of_replies = outputs.last_hidden_state.view(len(rows), end - start, width)
        for row, of_reply in zip(rows.tolist(), of_replies, strict=True):
            states[row] = of_reply[scored[row, start:end]]
    outputs.last_hidden_state = torch.cat([states[row] for row in range(len(ids))])[None]
    return outputs


def _read_group(body: Callable, prompt_ids: torch.Tensor, replies: torch.Tensor, **kwargs: Any) -> Any:
    """The body's outputs for replies to one prompt, side by side: states of (1, replies x length, width).

    Args:
        body: the forward pass of the model without its head.
        prompt_ids: (tokens,), without the prompt's last token.
        replies: (replies, length), which begin with the prompt's last token.
        kwargs: further arguments of `body`.
    """
    number, length = replies.shape
    prompt = Cache(layer_class_to_replicate=PromptLayer)
    body(input_ids=prompt_ids[None], past_key_values=prompt, **kwargs)
    causal = torch.ones(length, length, dtype=torch.bool, device=replies.device).tril()
    sees_reply = torch.block_diag(*[causal] * number).bool()
    sees_prompt = sees_reply.new_ones(number * length, len(prompt_ids))
    return body(
        input_ids=replies.reshape(1, -1),
        position_ids=(len(prompt_ids) + torch.arange(length, device=replies.device)).repeat(number)[None],
        attention_mask=torch.cat([sees_prompt, sees_reply], dim=1)[None, None],
        past_key_values=Cache([AnswersLayer(layer) for layer in prompt.layers]),
        **kwargs,
    )

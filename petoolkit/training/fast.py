"""TRL's trainers without work that their losses do not need: equal losses, gradients and metrics, in less time.

Rows here are long prompts with short answers, and the loss is on the answers only. So, while a model is trained:

- its head scores the answers' positions only (off CUDA, TRL's scores every position and throws most away);
- it gets no attention mask: rows are padded on the right, and no token sees what comes after it. A mask keeps PyTorch
  from its faster attention for causal rows;
- for DPO, the prompt that two answers share is read once. Its keys and values are kept, and both answers go on from
  them, side by side in a row in which a mask keeps one from seeing the other. Gradients flow back through them;
- on a CPU with glibc, memory that a step frees is kept for the next one.

All this is below TRL's loss, which asks its "fused head" for log-probabilities by position, gets them in the same
shape, and makes loss and metrics of them as ever. Nothing of it is taken on trust: before the first step, two rows,
shortened, go both ways. Where loss or gradient differ by more than rounding, steps are the plain ones; the log says
which, and why.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from accelerate.utils import gather_object
from accelerate.utils.memory import should_reduce_batch_size
from transformers.cache_utils import Cache, DynamicLayer
from transformers.modeling_layers import GradientCheckpointingLayer
from trl import DPOTrainer, SFTTrainer

from petoolkit.evaluator.models.cpu_memory import keep_freed_memory
from petoolkit.training.training_run import say

# How far losses and gradients (relatively, all weights as one vector) may lie apart.
_TOLERANCE, _TOLERANCE_HALF = (1e-5, 1e-4), (2e-2, 5e-2)
_PROMPT_TOKENS = (256, 192)  # of the two rows that go both ways: enough to differ, and next to no time or memory


class FastSFTTrainer(SFTTrainer):
    """TRL's trainer of rows with `input_ids` and `labels`, padded on the right; see the head of this file."""

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """TRL's training; says whether steps are fast, and why not."""
        given: Any = self.args
        obstacle = None
        if not given.score_answers_only:
            obstacle = "score_answers_only is off"
        elif given.packing or self.padding_free:
            obstacle = "rows are packed"
        with _fast_steps(self, obstacle, "the head scores answers only, and there is no attention mask"):
            return super().train(*args, **kwargs)


class FastDPOTrainer(DPOTrainer):
    """TRL's trainer of pairs with `prompt_ids`, `chosen_ids` and `rejected_ids`; see the head of this file."""

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """TRL's training; says whether steps are fast, and why not."""
        given: Any = self.args
        config: Any = self.model.config.get_text_config()  # type: ignore[union-attr, operator]
        kinds = getattr(config, "layer_types", None) or []
        obstacle = None
        if not given.share_prompt:
            obstacle = "share_prompt is off"
        elif given.activation_checkpointing and (given.activation_checkpointing_kwargs or {}).get("use_reentrant"):
            obstacle = "reentrant activation checkpointing loses the gradients of a shared prompt"
        elif config._attn_implementation != "sdpa":
            obstacle = f"a shared prompt takes the attention sdpa, and it is {config._attn_implementation}"
        elif getattr(config, "sliding_window", None) or any(kind != "full_attention" for kind in kinds):
            obstacle = "a shared prompt takes full attention in all layers, and some of this model's see less"
        elif (getattr(config, "rope_parameters", None) or {}).get("rope_type") in ("dynamic", "longrope"):
            obstacle = "the model encodes positions by the length of the row, which a shared prompt is not told"
        with _fast_steps(self, obstacle, "a pair's prompt is read once, and the head scores answers only"):
            return super().train(*args, **kwargs)


@contextmanager
def _fast_steps(trainer: Any, obstacle: str | None, what: str) -> Iterator[None]:
    """Make a trainer's steps fast, if nothing stands against it, and say so."""
    model, share_prompt = trainer.model.get_base_model(), isinstance(trainer, DPOTrainer)
    if obstacle := obstacle or _obstacle(trainer, model) or _difference(trainer, model, share_prompt):
        say(f"Steps are TRL's plain ones: {obstacle}.")
        yield
        return
    say(f"Steps are fast: {what}; loss and gradient of two rows are those of TRL's plain step.")
    if model.device.type == "cpu" and not keep_freed_memory():
        say("Memory that a step frees is not kept for the next one, which takes longer: only glibc can do it.")
    with skipping(model, share_prompt):
        yield


def _obstacle(trainer: Any, model: Any) -> str | None:
    """What is known to stand against fast steps of either kind."""
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled or trainer.accelerator.parallelism_config is not None:
        return "a plugin (FSDP, DeepSpeed) places the model's weights, which fast steps do not know of"
    if trainer.args.use_liger_kernel:
        return "use_liger_kernel changes the model after the check that fast steps need"
    if trainer.aux_loss_enabled:
        return "the model balances its experts over all tokens but padding, which takes the attention mask"
    if model.base_model is model:
        return f"{type(model).__name__} has no body apart from its head"
    return None


def _difference(trainer: Any, model: Any, share_prompt: bool) -> str | None:
    """What differs between the ways, on two rows and in any of the processes; `None` if nothing does."""
    batch = trainer._prepare_inputs(trainer.data_collator(_short_rows(trainer.train_dataset)))
    asked = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"], "labels": _labels(batch)}
    if trainer.args.activation_checkpointing:
        trainer.model.activation_checkpointing_enable()  # as the training is about to do
    found = None
    try:
        with _nothing_at_random(trainer.model):
            loss, gradient = _loss_and_gradient(trainer, asked)
            with skipping(model, share_prompt):
                fast_loss, fast_gradient = _loss_and_gradient(trainer, asked)
    except Exception as error:  # the model's code may raise what it likes; plain steps can do
        if should_reduce_batch_size(error):
            raise
        found = f"{type(model).__name__} does not take fast ones ({type(error).__name__}: {error})"
    else:
        exact = model.dtype == torch.float32 and not (trainer.args.bf16 or trainer.args.fp16)
        in_loss, in_gradient = _TOLERANCE if exact else _TOLERANCE_HALF
        apart = abs(fast_loss - loss).item(), ((fast_gradient - gradient).norm() / gradient.norm()).item()
        if not (apart[0] <= in_loss and apart[1] <= in_gradient):
            found = f"fast ones differ on two rows by {apart[0]:.1e} in the loss and {apart[1]:.1e} in the gradient"
    return next(filter(None, gather_object([found])), None)


def _short_rows(dataset: Any) -> list[dict]:
    """The first two rows, cut to the ends of their prompts and their answers; one of them will be padded."""
    rows = []
    for row, tokens in zip(dataset.select(range(min(2, len(dataset)))), _PROMPT_TOKENS, strict=False):
        if "labels" in row:
            cut = max(0, row["labels"].count(-100) - tokens)
            rows.append({"input_ids": row["input_ids"][cut:], "labels": row["labels"][cut:]})
        else:
            rows.append({**row, "prompt_ids": row["prompt_ids"][-tokens:]})
    return rows


def _loss_and_gradient(trainer: Any, asked: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The answers' mean negative log-likelihood, and its gradient as one vector."""
    with trainer.compute_loss_context_manager():
        loss = trainer.model(**asked, use_cache=False, fused_lm_head=True).loss
    gradients = torch.autograd.grad(loss, [weight for weight in trainer.model.parameters() if weight.requires_grad])
    return loss.detach(), torch.cat([gradient.float().flatten() for gradient in gradients])


def _labels(batch: Any) -> torch.Tensor:
    """Labels of a batch as TRL's collator for SFT makes it, or the one for DPO."""
    if "labels" in batch:
        return batch["labels"]
    return batch["input_ids"].masked_fill(batch["completion_mask"] == 0, -100)


@contextmanager
def _nothing_at_random(model: Any) -> Iterator[None]:
    """The model as in training, but without dropout; the random state is afterwards what it was."""
    training = model.training
    device = next(model.parameters()).device
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        model.train(training)


@contextmanager
def skipping(model: Any, share_prompt: bool) -> Iterator[None]:
    """Have a causal language model with TRL's fused head skip what scores of answers do not need.

    Args:
        model: without the wrapping of PEFT; its rows are padded on the right, the answer last.
        share_prompt: whether rows are pairs as TRL's collator lays them: prompts with the chosen answers, and then the
            same prompts with the rejected ones.
    """
    body = model.base_model
    plain = model.forward, body.forward
    layers = [module for module in body.modules() if isinstance(module, GradientCheckpointingLayer)]
    model.forward = partial(_score_answers, model.forward)
    body.forward = partial(_read_pairs if share_prompt else _read_rows, body.forward)
    for layer in layers:  # under activation checkpointing, a layer is run again: `_Prompt` and `_Answers` allow it
        layer._can_checkpoint_with_cache = share_prompt
    try:
        yield
    finally:
        model.forward, body.forward = plain
        for layer in layers:
            del layer._can_checkpoint_with_cache


def _score_answers(fused: Callable, *args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:
    """TRL's fused head, asked for positions that have a label only; its answer has the shape that it always has."""
    if not fused_lm_head:
        return fused(*args, **kwargs)
    del kwargs["attention_mask"]
    labels = kwargs.pop("labels")[:, 1:]
    scored = labels != -100
    outputs = fused(**kwargs, shift_labels=labels[scored][None], scored=scored, fused_lm_head=True)
    for name, value in outputs.items():
        if value.dim() == 2:
            outputs[name] = value.new_zeros(scored.shape).masked_scatter(scored, value)
    return outputs


def _read_rows(read: Callable, *args: Any, scored: torch.Tensor | None = None, **kwargs: Any) -> Any:
    """The body's outputs, with the states of scored positions only, those of all rows behind each other."""
    outputs = read(*args, **kwargs)
    if scored is not None:
        outputs.last_hidden_state = outputs.last_hidden_state[:, :-1][scored][None]
    return outputs


def _read_pairs(read: Callable, *args: Any, scored: torch.Tensor | None = None, **kwargs: Any) -> Any:
    """As `_read_rows`, with each pair's prompt read once.

    What is scored stands at the prompt's last token and all tokens of the answer but its last. These are an answer's
    branch; the stem is the prompt without its last token.
    """
    if scored is None:
        return read(*args, **kwargs)
    ids = kwargs.pop("input_ids")
    pairs = len(ids) // 2
    starts, lengths = scored.int().argmax(1), scored.sum(1)
    stem = int(starts.max())
    prompt = Cache(layer_class_to_replicate=_Prompt)
    read(input_ids=ids[:pairs, :stem], past_key_values=prompt, **kwargs)

    branches = [_branch(ids[side], starts[side], lengths[side]) for side in (slice(pairs), slice(pairs, None))]
    tokens, positions, real = (torch.cat(part, dim=1) for part in zip(*branches, strict=True))
    before = torch.arange(stem, device=ids.device) < starts[:pairs, None]  # the others are padding
    own = torch.block_diag(*(torch.ones(part[0].size(1), part[0].size(1)).tril() for part in branches)).bool()
    seen = [
        before[:, None].expand(-1, tokens.size(1), -1),
        own.to(ids.device).expand(pairs, -1, -1),
    ]
    outputs = read(
        input_ids=tokens,
        position_ids=positions,
        attention_mask=torch.cat(seen, dim=2)[:, None],
        past_key_values=Cache([_Answers(layer) for layer in prompt.layers]),
        **kwargs,
    )
    width = branches[0][0].size(1)
    states = outputs.last_hidden_state
    sides = states[:, :width][real[:, :width]], states[:, width:][real[:, width:]]
    outputs.last_hidden_state = torch.cat(sides)[None]
    return outputs


def _branch(ids: torch.Tensor, starts: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Of each row, the tokens from `starts` on, their positions, and which of them belong to its length."""
    steps = torch.arange(int(lengths.max()), device=ids.device)
    positions = starts[:, None] + steps
    return ids.gather(1, positions.clamp(max=ids.size(1) - 1)), positions, steps < lengths[:, None]


class _Prompt(DynamicLayer):
    """Keeps a layer's keys and values of the prompt, with what gradients need."""

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        self.keys, self.values = key_states, value_states
        return key_states, value_states


class _Answers(DynamicLayer):
    """Shows a layer the prompt's keys and values before the answers' own, and keeps nothing."""

    def __init__(self, prompt: Any):
        super().__init__()
        self._prompt = prompt

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        keys, values = (self._prompt.keys, key_states), (self._prompt.values, value_states)
        return torch.cat(keys, dim=-2), torch.cat(values, dim=-2)

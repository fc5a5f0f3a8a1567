"""TRL's trainers without computations that their losses do not need: equal losses, gradients and metrics in less time.

The rows are long prompts with short answers, and the loss is on the answers only. During training:

- The head computes logits at the answers' positions only. (Off CUDA, TRL computes all of them and discards most.)
- The model gets no attention mask. Rows are padded on the right, and causal attention does not see later tokens. A
  mask would keep PyTorch from its faster kernels for causal attention.
- DPO reads the prompt that two answers share once. Its keys and values are kept, and both answers continue from them,
  side by side in one row with a mask between them. Gradients flow back through the kept keys and values.
- On a CPU with glibc, memory that a step frees is kept for the next step.

All of this happens below TRL's loss: TRL asks its "fused head" for log-probabilities by position, gets them in the
same shape, and computes losses and metrics as usual. Before the first step, two shortened rows are computed in both
ways. If loss or gradient differ by more than rounding, TRL's plain steps are used, and the log says why.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, update_wrapper
from typing import Any

import torch
from accelerate.utils import gather_object
from accelerate.utils.memory import should_reduce_batch_size
from transformers.cache_utils import Cache, DynamicLayer
from transformers.modeling_layers import GradientCheckpointingLayer
from trl import DPOTrainer, SFTTrainer

from petoolkit.evaluator.models.cpu_memory import keep_freed_memory
from petoolkit.training.script import say

# The most that losses and (relatively, all weights as one vector) gradients may differ.
_TOLERANCE, _TOLERANCE_HALF_PRECISION = (1e-5, 1e-4), (2e-2, 5e-2)
_COMPARED_PROMPT_TOKENS = (256, 192)  # of the two compared rows: enough to show a difference, and quick


class FastSFTTrainer(SFTTrainer):
    """TRL's SFT trainer with fast steps, for rows of `input_ids` and `labels` that are padded on the right."""

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Run TRL's training, and say whether its steps are fast or why they are not."""
        options: Any = self.args
        obstacle = None
        if not options.score_answers_only:
            obstacle = "score_answers_only is off"
        elif options.packing or self.padding_free:
            obstacle = "rows are packed"
        description = "the head scores answers only, and there is no attention mask"
        with fast_steps(self, read_rows, obstacle, description, partial(_two_rows, self)):
            return super().train(*args, **kwargs)


class FastDPOTrainer(DPOTrainer):
    """TRL's DPO trainer with fast steps, for pairs of `prompt_ids`, `chosen_ids` and `rejected_ids`."""

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Run TRL's training, and say whether its steps are fast or why they are not."""
        description = "a pair's prompt is read once, and the head scores answers only"
        with fast_steps(self, _read_pairs, why_prompts_are_not_shared(self), description, partial(_two_rows, self)):
            return super().train(*args, **kwargs)


def why_prompts_are_not_shared(trainer: Any) -> str | None:
    """Why a trainer with the option `share_prompt` cannot read a prompt once for several answers; `None` if it can."""
    options: Any = trainer.args
    config: Any = trainer.model.config.get_text_config()
    layer_types = getattr(config, "layer_types", None) or []
    checkpointing = (options.activation_checkpointing_kwargs or {}) if options.activation_checkpointing else {}
    if not options.share_prompt:
        return "share_prompt is off"
    if checkpointing.get("use_reentrant"):
        return "reentrant activation checkpointing loses the gradients of a shared prompt"
    if config._attn_implementation != "sdpa":
        return f"a shared prompt needs the attention sdpa, and it is {config._attn_implementation}"
    if getattr(config, "sliding_window", None) or any(one != "full_attention" for one in layer_types):
        return "a shared prompt needs full attention in all layers, and this model has other layers"
    if (getattr(config, "rope_parameters", None) or {}).get("rope_type") in ("dynamic", "longrope"):
        return "the model encodes positions by the row's length, which differs where a prompt is shared"
    return None


@contextmanager
def fast_steps(
    trainer: Any, read: Callable, obstacle: str | None, description: str, rows: Callable[[], dict[str, torch.Tensor]]
) -> Iterator[bool]:
    """Make a trainer's steps fast in the block, unless there is an obstacle, and say so.

    Args:
        trainer: one of TRL's, with a fused head.
        read: how the model's body reads rows: `read_rows`, or another function with its arguments and result.
        obstacle: why the steps cannot be fast, if that is known already.
        description: what makes them fast.
        rows: makes `input_ids`, `attention_mask` and `labels` of a few rows, on which both ways are compared.

    Yields:
        Whether the steps are fast.
    """
    model = trainer.model.get_base_model()
    obstacle = obstacle or _known_obstacle(trainer, model) or _difference(trainer, model, read, rows())
    if obstacle:
        say(f"Steps are TRL's plain ones: {obstacle}.")
        yield False
        return
    say(f"Steps are fast: {description}; loss and gradient of a few rows are those of TRL's plain step.")
    if model.device.type == "cpu" and not keep_freed_memory():
        say("Memory that a step frees is not kept for the next one, which takes longer: this needs glibc.")
    with fast_forward(model, read):
        yield True


def _known_obstacle(trainer: Any, model: Any) -> str | None:
    """Why neither kind of trainer can take fast steps; `None` if nothing is known to prevent it."""
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled or trainer.accelerator.parallelism_config is not None:
        return "a plugin (FSDP, DeepSpeed) moves the model's weights, which fast steps do not support"
    if trainer.args.use_liger_kernel:
        return "use_liger_kernel changes the model after the comparison that fast steps need"
    if trainer.aux_loss_enabled:
        return "the model balances its experts over all tokens except padding, which needs the attention mask"
    if model.base_model is model:
        return f"{type(model).__name__} has no body that is separate from its head"
    return None


def _difference(trainer: Any, model: Any, read: Callable, inputs: dict[str, torch.Tensor]) -> str | None:
    """How fast and plain steps differ on some rows, in any of the processes; `None` if they are equal."""
    if trainer.args.activation_checkpointing:
        trainer.model.activation_checkpointing_enable()  # as the training does later
    difference = None
    try:
        with _without_dropout(trainer.model):
            loss, gradient = _loss_and_gradient(trainer, inputs)
            with fast_forward(model, read):
                fast_loss, fast_gradient = _loss_and_gradient(trainer, inputs)
    except Exception as error:  # code of any model may raise anything; plain steps may still work
        if should_reduce_batch_size(error):
            raise
        difference = f"{type(model).__name__} does not take fast ones ({type(error).__name__}: {error})"
    else:
        is_exact = model.dtype == torch.float32 and not (trainer.args.bf16 or trainer.args.fp16)
        most_in_loss, most_in_gradient = _TOLERANCE if is_exact else _TOLERANCE_HALF_PRECISION
        in_loss = abs(fast_loss - loss).item()
        in_gradient = ((fast_gradient - gradient).norm() / gradient.norm()).item()
        if not (in_loss <= most_in_loss and in_gradient <= most_in_gradient):  # also for nan
            difference = (
                f"fast ones differ on a few rows by {in_loss:.1e} in the loss and {in_gradient:.1e} in the gradient"
            )
    return next(filter(None, gather_object([difference])), None)


def _two_rows(trainer: Any) -> dict[str, torch.Tensor]:
    """Two shortened rows of an SFT or a DPO trainer as a batch."""
    batch = trainer._prepare_inputs(trainer.data_collator(_short_rows(trainer.train_dataset)))
    return {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"], "labels": _labels(batch)}


def _short_rows(dataset: Any) -> list[dict]:
    """The first two rows with the ends of their prompts only. One of them will be padded."""
    rows = []
    for row, tokens in zip(dataset.select(range(min(2, len(dataset)))), _COMPARED_PROMPT_TOKENS, strict=False):
        if "labels" in row:
            cut = max(0, row["labels"].count(-100) - tokens)
            rows.append({"input_ids": row["input_ids"][cut:], "labels": row["labels"][cut:]})
        else:
            rows.append({**row, "prompt_ids": row["prompt_ids"][-tokens:]})
    return rows


def _loss_and_gradient(trainer: Any, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The answers' mean negative log-likelihood, and its gradient as one vector."""
    with trainer.compute_loss_context_manager():
        loss = trainer.model(**inputs, use_cache=False, fused_lm_head=True).loss
    gradients = torch.autograd.grad(loss, [weight for weight in trainer.model.parameters() if weight.requires_grad])
    return loss.detach(), torch.cat([gradient.float().flatten() for gradient in gradients])


def _labels(batch: Any) -> torch.Tensor:
    """Labels of a batch that TRL's collator for SFT or for DPO made."""
    if "labels" in batch:
        return batch["labels"]
    return batch["input_ids"].masked_fill(batch["completion_mask"] == 0, -100)


@contextmanager
def _without_dropout(model: Any) -> Iterator[None]:
    """The model in training mode, but without dropout. Mode and random state are restored afterwards."""
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
def fast_forward(model: Any, read: Callable) -> Iterator[None]:
    """Let a causal language model with TRL's fused head skip what the answers' scores do not need.

    Args:
        model: without PEFT's wrapper. The answer comes last in its rows.
        read: how the body reads rows, with the arguments and the result of `read_rows`. Other functions put two cache
            layers into each layer: one of a prompt, and one of its answers.
    """
    body = model.base_model
    plain = model.forward, body.forward
    layers = [module for module in body.modules() if isinstance(module, GradientCheckpointingLayer)]
    # With their signatures: `generate` passes mask and positions only to a function that names them.
    model.forward = update_wrapper(partial(_score_answers, model.forward), model.forward)
    body.forward = update_wrapper(partial(read, body.forward), body.forward)
    for layer in layers:  # activation checkpointing runs a layer twice; the two cache layers below allow that
        layer._can_checkpoint_with_cache = read is not read_rows
    try:
        yield
    finally:
        model.forward, body.forward = plain
        for layer in layers:
            del layer._can_checkpoint_with_cache


def _score_answers(fused_head: Callable, *args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:
    """Call TRL's fused head for the positions that have a label. Its outputs keep their usual shape."""
    if not fused_lm_head:
        return fused_head(*args, **kwargs)
    labels = kwargs.pop("labels")[:, 1:]
    scored = labels != -100
    outputs = fused_head(**kwargs, shift_labels=labels[scored][None], scored=scored, fused_lm_head=True)
    for name, value in outputs.items():
        if value.dim() == 2:
            outputs[name] = value.new_zeros(scored.shape).masked_scatter(scored, value)
    return outputs


def read_rows(body: Callable, *args: Any, scored: torch.Tensor | None = None, **kwargs: Any) -> Any:
    """The body's outputs with the states of scored positions only, (1, positions of all rows, width).

    The rows are padded on the right, so no mask is needed.

    Args:
        body: the forward pass of the model without its head.
        args: its arguments.
        scored: (rows, length - 1), the positions to keep; all without it.
        kwargs: its further arguments.
    """
    if scored is None:
        return body(*args, **kwargs)
    del kwargs["attention_mask"]
    outputs = body(*args, **kwargs)
    outputs.last_hidden_state = outputs.last_hidden_state[:, :-1][scored][None]
    return outputs


def _read_pairs(body: Callable, *args: Any, scored: torch.Tensor | None = None, **kwargs: Any) -> Any:
    """The same as `read_rows`, with each pair's prompt read once.

    The rows are pairs as TRL's collator makes them: the prompts with the chosen answers, followed by the same prompts
    with the rejected ones.

    The scored positions of an answer are the prompt's last token and all tokens of the answer except its last. They
    are the answer's part. The shared part is the prompt without its last token.
    """
    if scored is None:
        return body(*args, **kwargs)
    ids = kwargs.pop("input_ids")
    del kwargs["attention_mask"]
    pairs = len(ids) // 2
    starts, lengths = scored.int().argmax(1), scored.sum(1)
    longest_shared = int(starts.max())
    prompt = Cache(layer_class_to_replicate=PromptLayer)
    body(input_ids=ids[:pairs, :longest_shared], past_key_values=prompt, **kwargs)

    parts = [_answer_part(ids[side], starts[side], lengths[side]) for side in (slice(pairs), slice(pairs, None))]
    tokens, positions, is_token = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
    sees_prompt = torch.arange(longest_shared, device=ids.device) < starts[:pairs, None]  # the rest is padding
    sees_answer = torch.block_diag(*(torch.ones(part[0].size(1), part[0].size(1)).tril() for part in parts)).bool()
    mask = [
        sees_prompt[:, None].expand(-1, tokens.size(1), -1),
        sees_answer.to(ids.device).expand(pairs, -1, -1),
    ]
    outputs = body(
        input_ids=tokens,
        position_ids=positions,
        attention_mask=torch.cat(mask, dim=2)[:, None],
        past_key_values=Cache([AnswersLayer(layer) for layer in prompt.layers]),
        **kwargs,
    )
    chosen = parts[0][0].size(1)  # length of the chosen answers' parts
    states = outputs.last_hidden_state
    sides = states[:, :chosen][is_token[:, :chosen]], states[:, chosen:][is_token[:, chosen:]]
    outputs.last_hidden_state = torch.cat(sides)[None]
    return outputs


def _answer_part(ids: torch.Tensor, starts: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Tokens, positions, and whether each is not padding, all (rows, longest length), of each row from its start on.

    Args:
        ids: (rows, length).
        starts: (rows,), the position at which a row's part begins.
        lengths: (rows,), the number of tokens of a row's part.
    """
    steps = torch.arange(int(lengths.max()), device=ids.device)
    positions = starts[:, None] + steps
    return ids.gather(1, positions.clamp(max=ids.size(1) - 1)), positions, steps < lengths[:, None]


class PromptLayer(DynamicLayer):
    """Cache of a layer's keys and values of the prompt, which gradients can flow through."""

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        self.keys, self.values = key_states, value_states
        return key_states, value_states


class AnswersLayer(DynamicLayer):
    """Cache that puts the prompt's keys and values before those of the answers, and keeps nothing."""

    def __init__(self, prompt: Any):
        super().__init__()
        self._prompt = prompt

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        keys, values = (self._prompt.keys, key_states), (self._prompt.values, value_states)
        return torch.cat(keys, dim=-2), torch.cat(values, dim=-2)

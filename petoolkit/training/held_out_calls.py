"""Scores of the calls that the model under training writes for held-out rows, while it trains.

They are those of an evaluation: greedy replies, read and judged as `petoolbench evaluate` does.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from accelerate.utils import gather_object
from tqdm import tqdm
from transformers import GenerationConfig, TrainerCallback

from petoolbench import InputError, setting_of
from petoolkit.evaluator.models.hf_batch import generate_replies
from petoolkit.evaluator.scores.bootstrap import clusters_of
from petoolkit.evaluator.scores.judgements import judge
from petoolkit.evaluator.scores.preference import pair_counts
from petoolkit.replies import READERS
from petoolkit.scoring import METRICS
from petoolkit.text import counted
from petoolkit.training.row_fitting import FittedRow
from petoolkit.training.script import say
from petoolkit.training.training_chat import TrainingChat

# Scores by their names in the log, with their labels.
CALL_SCORES = {
    "eval_tool_acc": METRICS["tool_acc"].label,
    "eval_preference_acc": METRICS["preference_acc"].label,
    "eval_pair_acc": "pairs, given the function",
}
_READER = READERS[0]
_LEFT_OUT = "held-out rows left out, since they or others of their block are too long or have no pair"
_MOST_TOKENS = 256  # of a reply, as in an evaluation; GRPO has an option


class HeldOutCalls:
    """Held-out rows with their prompts.

    Args:
        rows: rows of the benchmark that are not trained on.
        fitted: their prompts; rows without one, which are too long, are left out, and so are the others of their
            block. If no block is whole then, all rows are taken, and pairs are not scored.
        most: the most rows to take, in whole blocks; of the first block all rows, however many.
        chat: the tokenizer and chat template of the model.
        max_new_tokens: the most tokens of a reply.
    """

    def __init__(
        self, rows: Sequence[dict], fitted: Sequence[FittedRow], most: int, chat: TrainingChat, max_new_tokens: int
    ):
        prompts = {row.id: row.prompt_ids for row in fitted}
        with_prompt = [row for row in rows if row["id"] in prompts]
        whole = [row for part in _parts_of_blocks(with_prompt) if _is_whole(part) for row in part]
        self.scores_pairs = any(row["block_id"] for row in whole)
        self.rows = _first_blocks(whole or with_prompt, most)
        self.left_out = len(rows) - len(whole or with_prompt)
        self._prompts = [prompts[row["id"]] for row in self.rows]
        self._chat = chat
        self._max_new_tokens = max_new_tokens

    def scores(self, trainer: Any) -> dict[str, float]:
        """Tool Acc, and Preference Acc and pair accuracy given the function where a call or a pair counts, 0 to 1.

        Each process asks its share of the rows, and all return the scores of all rows.

        Args:
            trainer: whose model is asked, in evaluation mode.
        """
        accelerator = trainer.accelerator
        share = range(accelerator.process_index, len(self.rows), accelerator.num_processes)
        predictions = gather_object(self._predictions(trainer, list(share)))
        judged = judge(self.rows, predictions)
        right = judged.right(_READER, "tool_acc")
        scores = {"eval_tool_acc": float(right.mean())}
        if (counted := judged.counted(_READER, "preference_acc")).any():
            scores["eval_preference_acc"] = float(right[counted].mean())
        if self.scores_pairs:
            pairs, both_right = pair_counts(self.rows, judged, np.arange(len(self.rows)), clusters_of(self.rows))
            if pairs.sum():
                scores["eval_pair_acc"] = float(both_right.sum() / pairs.sum())
        return scores

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of rows, by what they count, for the record and the card."""
        found = {"held-out rows asked for calls": len(self.rows), _LEFT_OUT: self.left_out}
        return {what: number for what, number in found.items() if number}

    @property
    def note(self) -> str:
        """Which rows are asked, in sentences."""
        asked = f"calls are asked of {counted(len(self.rows), 'held-out row')}"
        if self.scores_pairs:
            asked += " in whole blocks"
        elif any(row["block_id"] for row in self.rows):
            asked += "; no block is whole, so pairs are not scored"
        reason = "of incomplete blocks" if self.scores_pairs else "too long or without a pair"
        return asked + (f" ({counted(self.left_out, 'row')} left out, {reason})." if self.left_out else ".")

    def _predictions(self, trainer: Any, numbers: list[int]) -> list[dict]:
        """The model's greedy replies to rows, given by their numbers."""
        model = trainer.accelerator.unwrap_model(trainer.model).get_base_model()
        tokenizer = self._chat.tokenizer
        ends = sorted(self._chat.end_token_ids)
        config = GenerationConfig(
            do_sample=False,
            max_new_tokens=self._max_new_tokens,
            eos_token_id=ends,
            pad_token_id=ends[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        )
        numbers.sort(key=lambda number: -len(self._prompts[number]))  # a batch has prompts of like length
        size = trainer.args.per_device_eval_batch_size
        predictions = []
        batches = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        is_silent = trainer.args.disable_tqdm or not trainer.is_world_process_zero()
        for batch in tqdm(batches, desc="Held-out calls", leave=False, disable=is_silent):
            prompts = [self._prompts[number] for number in batch]
            with trainer.accelerator.autocast():
                replies = generate_replies(model, prompts, [0] * len(batch), 0.0, config)
            for number, reply in zip(batch, replies, strict=True):
                row = self.rows[number]
                text = self._chat.read(reply, row["candidate_tools"])
                predictions.append({"id": row["id"], "repeat": 0, "reply": text})
        return predictions


def held_out_calls(
    training: Any, rows: Sequence[dict], fitted: Sequence[FittedRow], chat: TrainingChat
) -> HeldOutCalls | None:
    """The held-out calls that `eval_tool_acc_steps` asks for; `None` if it does not.

    Args:
        training: an `SFTArguments`, a `DPOArguments` or a `GRPOArguments`.
        rows: rows of the benchmark that are not trained on.
        fitted: their prompts.
        chat: the tokenizer and chat template of the model.
    """
    if not training.eval_tool_acc_steps:
        return None
    most_tokens = getattr(training, "max_completion_length", _MOST_TOKENS)
    calls = HeldOutCalls(rows, fitted, training.eval_tool_acc_rows, chat, most_tokens)
    say(f"Every {training.eval_tool_acc_steps} steps, {calls.note}")
    return calls


def _parts_of_blocks(rows: Iterable[dict]) -> Iterable[list[dict]]:
    """The rows of each block and setting; each row without a block alone."""
    parts: dict[tuple[str, str], list[dict]] = {}
    for row in rows:
        key = (row["block_id"], setting_of(row)) if row["block_id"] else (row["id"], "")
        parts.setdefault(key, []).append(row)
    return parts.values()


def _is_whole(part: Sequence[dict]) -> bool:
    """Whether rows of one block and setting are all of it: each tool that does the job is preferred by a user."""
    golds = {row["tool_call"]["tool_name"] for row in part}
    return not part[0]["block_id"] or golds >= set(part[0]["same_function_tools"])


def _first_blocks(rows: Sequence[dict], most: int) -> list[dict]:
    """The first blocks, each with all its rows, of at most so many rows; one block at least."""
    blocks: dict[str, list[dict]] = {}
    for row in rows:
        blocks.setdefault(row["block_id"] or row["user_id"], []).append(row)
    taken: list[dict] = []
    for block in blocks.values():
        if taken and len(taken) + len(block) > most:
            break
        taken += block
    return taken


class CallScoresMixin:
    """Evaluates a trainer's model on held-out calls every `eval_tool_acc_steps` steps, beside its evaluation loss.

    The scores are in the log and in what `evaluate` returns (`CALL_SCORES`), so that the best checkpoint can be chosen
    by them.

    Args:
        held_out: the rows to ask; `None` for no such evaluation.
        others: arguments of the trainer.

    Raises:
        InputError: if the model's weights are split, so that it cannot write calls here.
    """

    def __init__(self, *, held_out: HeldOutCalls | None = None, **others: Any):
        super().__init__(**others)
        self._held_out = held_out
        trainer: Any = self
        self._is_loss_due = held_out is None or trainer.args.eval_strategy != "no"  # with eval_on_start
        if held_out is None:
            return
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise InputError(
                "eval_tool_acc_steps does not work where FSDP or DeepSpeed splits the model; leave it out, and "
                "evaluate checkpoints with `petoolbench evaluate`."
            )
        trainer.add_callback(_WhenDue(self))

    @property
    def held_out_counts(self) -> dict[str, int]:
        """Numbers of rows that are asked for calls; empty if none are."""
        return self._held_out.counts if self._held_out else {}

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate the loss, the held-out calls, or both, whichever is due."""
        if self._is_loss_due:
            return super().evaluate(*args, **kwargs)  # type: ignore[misc]
        self._is_loss_due = True
        trainer: Any = self
        trainer.model.eval()
        scores = self._call_scores()
        trainer.log(dict(scores))
        trainer.control = trainer.callback_handler.on_evaluate(trainer.args, trainer.state, trainer.control, scores)
        return scores

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """TRL's loop over the validation rows, with the scores of the held-out calls among its metrics."""
        output = super().evaluation_loop(*args, **kwargs)  # type: ignore[misc]
        output.metrics.update(self._call_scores())
        return output

    def _call_scores(self) -> dict[str, float]:
        trainer: Any = self
        if self._held_out is None or trainer.state.global_step % trainer.args.eval_tool_acc_steps:
            return {}
        return self._held_out.scores(trainer)


class _WhenDue(TrainerCallback):
    """Asks for an evaluation where the held-out calls are due, and notes whether the loss is due, too."""

    def __init__(self, trainer: Any):
        self._trainer = trainer

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """See `TrainerCallback`."""
        self._trainer._is_loss_due = control.should_evaluate
        control.should_evaluate |= state.global_step % args.eval_tool_acc_steps == 0

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """See `TrainerCallback`."""
        self._trainer._is_loss_due = control.should_evaluate

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """See `TrainerCallback`."""
        self._trainer._is_loss_due = True  # in an evaluation that somebody asks for

"""The trainer of the GRPO stage, its rows, and what it says while it trains."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from datasets import Dataset

from petoolbench import InputError
from petoolkit.text import counted, listing
from petoolkit.training.arguments import GRPOArguments, PolicyArguments
from petoolkit.training.grpo_fast_steps import FastGRPOTrainer
from petoolkit.training.held_out_calls import CallScoresMixin
from petoolkit.training.rewards import ReplyRewarder, describe_rewards
from petoolkit.training.row_fitting import FittedRow
from petoolkit.training.script import say
from petoolkit.training.trainer_mixins import FiniteLossMixin, NoReportMixin, ReferenceAdapterMixin
from petoolkit.training.training_chat import TrainingChat

_STEPS_WITHOUT_SIGNAL = 20


class RewardedTrainer(CallScoresMixin, ReferenceAdapterMixin, FiniteLossMixin, NoReportMixin, FastGRPOTrainer):
    """TRL's GRPO trainer with fast steps, for datasets of `grpo_dataset`. It saves the trained adapter only.

    It warns once if all replies of a batch are cut, and if no prompt's replies differ in their reward in the first 20
    steps, since such a training learns nothing.

    Args:
        chat: the tokenizer and chat template that the prompts were written with; it reads replies as an evaluation
            does.
        rows: the rows that replies are rewarded by.
        args: TRL's options and ours.
        others: further arguments of TRL's trainer.
    """

    def __init__(self, *, chat: TrainingChat, rows: Iterable[dict], args: GRPOArguments, **others: Any):
        rows = list(rows)
        functions: Any = ReplyRewarder(rows).functions()
        super().__init__(args=args, reward_funcs=functions, processing_class=chat.tokenizer, **others)
        self._chat, self._candidate_tools = chat, {row["id"]: row["candidate_tools"] for row in rows}
        self._steps_without_signal: set[int] | None = set()  # `None` once it was said, or there was a signal
        self._said_all_cut = False

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._row_ids = [row["row_id"] for row in inputs]
        scored = super()._generate_and_score_completions(inputs)
        policy: Any = self.model
        if policy.training:
            self._warn_if_nothing_is_learnt()
        return scored

    def _generate(self, prompts: list) -> Any:
        prompt_ids, completion_ids, mask, _, *others = super()._generate(prompts)
        replies = [
            self._chat.read(ids, self._candidate_tools[row_id])
            for ids, row_id in zip(completion_ids, self._row_ids, strict=True)
        ]
        completions = [[{"role": "assistant", "content": reply}] for reply in replies]
        return prompt_ids, completion_ids, mask, completions, *others

    def _warn_if_nothing_is_learnt(self) -> None:
        metrics = self._metrics["train"]
        if metrics["completions/clipped_ratio"][-1] == 1 and not self._said_all_cut:
            self._said_all_cut = True
            say(
                f"Warning: all replies of step {self.state.global_step + 1} are cut at max_completion_length "
                f"{self.max_completion_length}; raise it, or start from an adapter of trainer/sft.py, which ends its "
                "calls."
            )
        if self._steps_without_signal is None:
            return
        self._steps_without_signal.add(self.state.global_step)
        if metrics["frac_reward_zero_std"][-1] < 1:
            self._steps_without_signal = None
        elif (steps := len(self._steps_without_signal)) >= _STEPS_WITHOUT_SIGNAL:
            self._steps_without_signal = None
            say(
                f"Warning: in {steps} steps, no two replies to one prompt differed in their reward, so nothing was "
                "learnt; raise temperature or num_generations, give a reward_weights that is not 0, or start from "
                "another adapter."
            )


@contextmanager
def explain_vllm_errors() -> Iterator[None]:
    """Turn the error of a vLLM server that the block cannot reach into one sentence.

    Raises:
        InputError: if there is no such server (`vllm_mode server`).
    """
    try:
        yield
    except ConnectionError as error:
        raise InputError(
            f"{error} See vllm_server_base_url, or leave use_vllm out to sample with transformers."
        ) from None


def check_gold_calls_fit(rows: Iterable[FittedRow], most: int) -> None:
    """Check that replies may be as long as the gold calls of rows.

    Raises:
        InputError: naming the rows whose gold call could never be written.
    """
    longer = {row.id: len(row.answer_ids[0]) for row in rows if len(row.answer_ids[0]) > most}
    if longer:
        raise InputError(
            f"{counted(len(longer), 'gold call')} have more tokens than max_completion_length {most}, up to "
            f"{max(longer.values())} ({listing(list(longer))}); raise it, since no reply could be right."
        )


def grpo_dataset(rows: Iterable[FittedRow]) -> Dataset:
    """Rows as `prompt` (messages, for TRL's log), `prompt_ids` and `row_id`."""
    return Dataset.from_list(
        [{"prompt": row.messages, "prompt_ids": row.prompt_ids, "row_id": row.id} for row in rows]
    )


def describe_grpo(policy: PolicyArguments, training: GRPOArguments) -> str:
    """Sentences on the model that GRPO starts from, its reference, and what is rewarded."""
    start = "the adapter of the SFT stage further" if policy.sft_adapter else "a new adapter on the base model"
    before = "SFT model" if policy.sft_adapter else "base model"
    reference = f"its reference is the {before}" if training.beta else "there is no reference, since beta is 0"
    return f"GRPO trains {start}; {reference}. {describe_rewards(training.reward_weights)}"

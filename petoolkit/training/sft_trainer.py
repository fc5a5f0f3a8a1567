"""The trainer of the SFT stage, and its rows as token ids."""

from collections.abc import Iterable

from datasets import Dataset

from petoolkit.training.fast_steps import FastSFTTrainer
from petoolkit.training.held_out_calls import CallScoresMixin
from petoolkit.training.row_fitting import FittedRow
from petoolkit.training.trainer_mixins import FiniteLossMixin, NoReportMixin

IGNORED = -100  # label of a token that is not in the loss


class AdapterSFTTrainer(CallScoresMixin, FiniteLossMixin, NoReportMixin, FastSFTTrainer):
    """TRL's SFT trainer with fast steps, which stops at a loss that is not a finite number.

    Its datasets have the columns of `sft_dataset`.
    """


def sft_dataset(rows: Iterable[FittedRow]) -> Dataset:
    """Rows as `input_ids` (prompt and first answer) and `labels` (the answer's ids, and -100 for the prompt)."""
    return Dataset.from_list(
        [
            {
                "input_ids": row.prompt_ids + row.answer_ids[0],
                "labels": [IGNORED] * len(row.prompt_ids) + row.answer_ids[0],
            }
            for row in rows
        ]
    )

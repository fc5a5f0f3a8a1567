"""The trainer of the DPO stage, which checks its reference (formula 3 of the paper), and its pairs as token ids."""

import math
from collections.abc import Iterable
from typing import Any

from datasets import Dataset

from petoolbench import InputError
from petoolkit.training.arguments import DPOArguments, PreferenceArguments
from petoolkit.training.fast_steps import FastDPOTrainer
from petoolkit.training.held_out_calls import CallScoresMixin
from petoolkit.training.row_fitting import FittedRow
from petoolkit.training.trainer_mixins import REFERENCE_ADAPTER, FiniteLossMixin, NoReportMixin, ReferenceAdapterMixin

# How far the first loss may be from ln 2. Log-probabilities that were computed beforehand come from other batches, so
# they are rounded differently.
_TOLERANCE, _TOLERANCE_PRECOMPUTED = 1e-3, 0.05


class ReferenceDPOTrainer(CallScoresMixin, ReferenceAdapterMixin, FiniteLossMixin, NoReportMixin, FastDPOTrainer):
    """TRL's DPO trainer with fast steps, for datasets of `dpo_dataset`. It saves the trained adapter only.

    Where training starts at the reference, the first step's loss must be ln 2. Another value means that TRL compares
    with another model.

    Args:
        reference: `sft`, the adapter as it is before training, or `base`, the model without adapter.
        starts_at_reference: whether the model before training is the reference.
        args: TRL's options and ours.
        others: further arguments of TRL's trainer. Its model is a `PeftModel` whose adapter is named `default`, or
            there is a `peft_config`.

    Raises:
        InputError: for an option of TRL's with which model and reference cannot be compared.
    """

    def __init__(self, *, reference: str, starts_at_reference: bool, args: DPOArguments, **others: Any):
        if reference == "base" and args.precompute_ref_log_probs:
            raise InputError("precompute_ref_log_probs does not work with reference base; leave one of them out.")
        if not args.disable_dropout:
            raise InputError("with dropout, model and reference differ by chance; leave disable_dropout on.")
        super().__init__(args=args, **others)
        self._first_loss_is_ln_2 = starts_at_reference and args.loss_type == ["sigmoid"]
        policy: Any = self.model
        if reference == "base" and REFERENCE_ADAPTER in policy.peft_config:
            policy.delete_adapter(REFERENCE_ADAPTER)  # TRL then switches the adapter off for the reference

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset  # the rows are token ids already

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compute TRL's loss.

        Raises:
            RuntimeError: if the first step's loss should be ln 2 and is not, which is an error of this project.
        """
        computed = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if self._first_loss_is_ln_2 and model.training and self.state.global_step == 0:
            loss = (computed[0] if return_outputs else computed).item()
            tolerance = _TOLERANCE_PRECOMPUTED if self.precompute_ref_logps else _TOLERANCE
            if abs(loss - math.log(2)) > tolerance:  # false for nan, which `FiniteLossMixin` reports
                raise RuntimeError(
                    f"the first step's loss is {loss:.4f} and not ln 2 = {math.log(2):.4f}: the reference is not the "
                    "model that training starts from."
                )
        return computed


def dpo_dataset(rows: Iterable[FittedRow]) -> Dataset:
    """Pairs as `prompt_ids`, `chosen_ids` and `rejected_ids`; both answers end with the end token."""
    return Dataset.from_list(
        [
            {"prompt_ids": row.prompt_ids, "chosen_ids": row.answer_ids[0], "rejected_ids": row.answer_ids[1]}
            for row in rows
        ]
    )


def describe_dpo(preferences: PreferenceArguments) -> str:
    """A sentence on the model that DPO starts from, and on its reference."""
    if not preferences.sft_adapter:
        return "DPO trains a new adapter on the base model, which is its reference; there was no SFT stage."
    start = "DPO trains the adapter of the SFT stage further; its reference is the"
    if preferences.reference == "sft":
        return f"{start} SFT model, as in the paper."
    return f"{start} base model without adapter, as in the authors' repository."

"""TRL's trainers, made careful: they stop on a loss that is no number, and tell nobody what runs here."""

from typing import Any

import torch

from petoolbench import InputError
from petoolkit.training.fast import FastDPOTrainer, FastSFTTrainer


class _Careful:
    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """A step of TRL's trainer.

        Raises:
            InputError: naming the step, if its loss is not finite; before the weights are updated with it.
        """
        loss = super().training_step(*args, **kwargs)  # type: ignore[misc]
        if not torch.isfinite(loss):
            raise InputError(
                f"the loss of step {self.state.global_step + 1} is {loss.item()}, so training stopped before it; "  # type: ignore[attr-defined]
                "lower learning_rate or max_grad_norm, train in bf16 in place of fp16, or look into that step's rows."
            )
        return loss

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing: TRL's card would say less than `petoolkit.training.adapter_card`, which the scripts write at the end."""

    def _send_telemetry(self) -> None:
        """Send nothing: without --push_to_hub, nothing leaves the machine."""


class CarefulSFTTrainer(_Careful, FastSFTTrainer):
    """See `_Careful.training_step`."""


class CarefulDPOTrainer(_Careful, FastDPOTrainer):
    """See `_Careful.training_step`."""

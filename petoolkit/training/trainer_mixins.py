"""Changes to TRL's trainers that SFT and DPO share."""

from typing import Any

import torch

from petoolbench import InputError


class FiniteLossMixin:
    """Stops the training before the weights are updated with a loss that is not a finite number."""

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Take a step of TRL's trainer.

        Raises:
            InputError: naming the step, if its loss is not finite.
        """
        loss = super().training_step(*args, **kwargs)  # type: ignore[misc]
        if not torch.isfinite(loss):
            raise InputError(
                f"the loss of step {self.state.global_step + 1} is {loss.item()}, so training stopped before it; "  # type: ignore[attr-defined]
                "lower learning_rate or max_grad_norm, train in bf16 instead of fp16, or look into that step's rows."
            )
        return loss


class NoReportMixin:
    """Switches off TRL's usage statistics, and its model card, since `petoolkit.training.adapter_card` writes one."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write no card."""

    def _send_telemetry(self) -> None:
        """Send nothing, so that nothing leaves the machine without --push_to_hub."""

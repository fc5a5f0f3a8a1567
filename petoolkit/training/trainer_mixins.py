"""Changes to TRL's trainers that several stages share."""

import shutil
from pathlib import Path
from typing import Any

import torch

from petoolbench import InputError
from petoolkit.training.model_loading import TRAINED_ADAPTER

REFERENCE_ADAPTER = "ref"  # the name that TRL gives to its copy of the adapter before training


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


class ReferenceAdapterMixin:
    """Keeps TRL's copy of the adapter before training, the reference, exact and out of what is saved."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        policy: Any = self.model  # type: ignore[attr-defined]
        for name, weight in policy.named_parameters():
            # On a quantized model, TRL lowers the precision of the trained adapter but not of its copy.
            if f".{REFERENCE_ADAPTER}." in name:
                trained = policy.get_parameter(name.replace(f".{REFERENCE_ADAPTER}.", f".{TRAINED_ADAPTER}."))
                weight.data = weight.data.to(trained.dtype)

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        super()._save(output_dir, state_dict)  # type: ignore[misc]
        args: Any = self.args  # type: ignore[attr-defined]
        folder = output_dir or args.output_dir
        if folder and args.should_save:
            shutil.rmtree(Path(folder, REFERENCE_ADAPTER), ignore_errors=True)

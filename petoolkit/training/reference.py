"""DPO's reference: which model it is, and that it is the one that was asked for (formula 3 of the paper)."""

import math
import shutil
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.evaluator.models.chat_tokenizer import LOADING_ERRORS, why
from petoolkit.training.arguments import AdapterArguments, DPOArguments
from petoolkit.training.trainers import CarefulDPOTrainer
from petoolkit.training.training_run import say

REFERENCES = ("sft", "base")
_ADAPTER, _FROZEN = "default", "ref"  # what TRL calls the adapter that is trained, and its copy before training
# Of the first loss; log-probabilities computed beforehand come from other batches, so they are rounded otherwise.
_TOLERANCE, _TOLERANCE_BEFOREHAND = 1e-3, 0.05


class ReferenceDPOTrainer(CarefulDPOTrainer):
    """TRL's trainer on token ids (columns `prompt_ids`, `chosen_ids`, `rejected_ids`), which saves one adapter only.

    Where training starts at the reference, the first step's loss must be ln 2: any other says that TRL compares with
    another model.

    Args:
        reference: `sft`, the adapter as it is before training, or `base`, the model without adapter.
        starts_there: whether the model to be trained is the reference by now.
        others: what TRL's trainer takes; a `PeftModel` whose adapter is called `default`, or a `peft_config`.

    Raises:
        InputError: for an option of TRL's that spoils the comparison with the reference.
    """

    def __init__(self, *, reference: str, starts_there: bool, args: DPOArguments, **others: Any):
        if reference == "base" and args.precompute_ref_log_probs:
            raise InputError("precompute_ref_log_probs does not know reference base; leave one of them out.")
        if not args.disable_dropout:
            raise InputError("with dropout, model and reference differ by chance; leave disable_dropout on.")
        super().__init__(args=args, **others)
        self._starts_there = starts_there and args.loss_type == ["sigmoid"]
        policy: Any = self.model
        if reference == "base" and _FROZEN in policy.peft_config:
            policy.delete_adapter(_FROZEN)  # TRL then switches the adapter off for the reference
        for name, weight in policy.named_parameters():
            if f".{_FROZEN}." in name:  # TRL lowers the precision of the adapter on a quantized model, not of its copy
                weight.data = weight.data.to(policy.get_parameter(name.replace(f".{_FROZEN}.", f".{_ADAPTER}.")).dtype)

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset  # token ids, by `petoolkit.training.training_rows.fit_rows`

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss.

        Raises:
            RuntimeError: if the first step's is not ln 2, and should be; that is a fault of ours.
        """
        computed = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if self._starts_there and model.training and self.state.global_step == 0:
            loss = (computed[0] if return_outputs else computed).item()
            tolerance = _TOLERANCE_BEFOREHAND if self.precompute_ref_logps else _TOLERANCE
            if abs(loss - math.log(2)) > tolerance:  # no number is told of elsewhere
                raise RuntimeError(
                    f"the first step's loss is {loss:.4f} and not ln 2 = {math.log(2):.4f}: the reference is not the "
                    "model that training starts from."
                )
        return computed

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        super()._save(output_dir, state_dict)
        folder = output_dir or self.args.output_dir
        if folder and self.args.should_save:
            shutil.rmtree(Path(folder, _FROZEN), ignore_errors=True)


def load_model(training: DPOArguments, adapter: AdapterArguments, sft_adapter: str | None) -> Any:
    """What training starts from: the base model, with the SFT stage's adapter on it to be trained on, if there is one.

    Args:
        training: with `model_init_kwargs`, which are used up: TRL is given the loaded model.
        adapter: with the base model's name, and how it is quantized.
        sft_adapter: a folder or a Hub id.

    Raises:
        InputError: if one of them can't be loaded, or they don't belong together.
    """
    from peft import PeftModel
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from trl import get_quantization_config

    options: Any = training.model_init_kwargs or {}
    training.model_init_kwargs = None
    name, quantized = adapter.model_name_or_path or "", get_quantization_config(adapter)
    try:
        base = AutoModelForCausalLM.from_pretrained(name, quantization_config=quantized, **options)
    except (*LOADING_ERRORS, SafetensorError) as error:
        raise InputError(
            f"the model {name} cannot be loaded ({why(error)}); give the folder of a causal language model, or a Hub "
            "id."
        ) from None
    if sft_adapter is None:
        return base
    try:
        adapted = PeftModel.from_pretrained(base, sft_adapter, adapter_name=_ADAPTER, is_trainable=True)
    except (*LOADING_ERRORS, SafetensorError, RuntimeError) as error:
        raise InputError(
            f"the adapter {sft_adapter} cannot be put on {name} ({why(error)}); train it with trainer/sft.py, or "
            "check sft_adapter and model_name_or_path."
        ) from None
    trained_on = adapted.peft_config[_ADAPTER].base_model_name_or_path or name
    if trained_on != name and Path(trained_on).resolve() != Path(name).resolve():
        say(
            f"Warning: {sft_adapter} was trained on {trained_on}, and is put on {name}; they should be the same model."
        )
    return adapted

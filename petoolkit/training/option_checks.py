"""Options that cannot work, found before a model is loaded."""

from trl.import_utils import is_vllm_available

from petoolbench import InputError, check_choice
from petoolkit.evaluator.models.adapter_base import check_adapter_base
from petoolkit.evaluator.models.trained_chat import FORMATS
from petoolkit.extras import missing_package
from petoolkit.text import listing
from petoolkit.training.arguments import (
    REFERENCES,
    AdapterArguments,
    DataArguments,
    DPOArguments,
    GRPOArguments,
    PolicyArguments,
    PreferenceArguments,
    SFTArguments,
)
from petoolkit.training.rewards import REWARDS

# TRL's options without effect here, since its trainers get the rows as token ids; each with its default.
_WITHOUT_EFFECT = {
    "assistant_only_loss": False,
    "chat_template_kwargs": None,
    "chat_template_path": None,
    "completion_only_loss": None,
    "eos_token": None,
    "pad_token": None,
}


def check_options(training: SFTArguments | DPOArguments | GRPOArguments, adapter: AdapterArguments) -> None:
    """Check the options that SFT, DPO and GRPO share.

    Raises:
        InputError: naming the first option that cannot work or has no effect.
    """
    if not adapter.model_name_or_path:
        raise InputError("no model to train; give --model_name_or_path, a folder or a Hub id, or a --config.")
    check_choice(adapter.format, FORMATS, "format")
    if not adapter.use_peft:
        raise InputError("use_peft is off, but these scripts train LoRA adapters only; leave it out.")
    if training.max_length is None:
        raise InputError("max_length is not set, so rows of any length would be trained on; give a number.")
    for name, default in _WITHOUT_EFFECT.items():
        if (value := getattr(training, name, default)) != default:
            raise InputError(
                f"{name} {value!r} has no effect here: the loss is on the call and the token that the chat template "
                "ends it with; leave it out."
            )
    _check_call_evaluation(training)
    if training.push_to_hub and not training.hub_model_id:
        raise InputError("push_to_hub needs the name of a repository; give --hub_model_id USER/NAME.")


def _check_call_evaluation(training: SFTArguments | DPOArguments | GRPOArguments) -> None:
    """Check the options of evaluations on held-out calls, and that the best checkpoint can be chosen by them."""
    steps = training.eval_tool_acc_steps
    if (steps is not None and steps < 1) or training.eval_tool_acc_rows < 1:
        raise InputError("eval_tool_acc_steps and eval_tool_acc_rows are numbers from 1; leave them out for none.")
    metric = (training.metric_for_best_model or "").removeprefix("eval_")
    if metric in ("preference_acc", "pair_acc"):
        raise InputError(f"{metric} has no value where no call counts; give --metric_for_best_model tool_acc.")
    is_at_each = steps and training.eval_strategy == "steps" and (training.eval_steps or 0) % steps == 0
    if metric == "tool_acc" and not is_at_each:
        raise InputError(
            "metric_for_best_model tool_acc needs calls at each evaluation; give --eval_strategy steps, and "
            "--eval_tool_acc_steps as large as --eval_steps, or a divisor of it."
        )


def check_evaluation(data: DataArguments, training: SFTArguments | GRPOArguments) -> None:
    """Check that there are rows for the evaluations that are asked for.

    Raises:
        InputError: if it has none.
    """
    asked = [
        *(["eval_strategy"] if training.eval_strategy != "no" else []),
        *(["eval_tool_acc_steps"] if training.eval_tool_acc_steps else []),
    ]
    if asked and not data.validation_share:
        raise InputError(f"{asked[0]} needs rows that are not trained on; give --validation_share, or leave it out.")


def check_dpo_options(preferences: PreferenceArguments, model: str) -> None:
    """Check that DPO has the reference that is asked for, and an SFT adapter of the model to train.

    Raises:
        InputError: for an unknown reference, an SFT model as reference where no SFT adapter is given, or an adapter
            that was trained on another model.
    """
    check_choice(preferences.reference, REFERENCES, "reference")
    if preferences.reference == "sft" and not preferences.sft_adapter:
        raise InputError("no SFT model to be the reference; give --sft_adapter, or --reference base to go without.")
    _check_base(preferences, model)


def check_grpo_options(policy: PolicyArguments, training: GRPOArguments, model: str) -> None:
    """Check that GRPO has a weight for each reward, rows for its evaluations, vLLM if it is asked for, and a fitting
    adapter.

    Raises:
        InputError: if not.
    """
    weights = training.reward_weights
    if weights is not None and (len(weights) != len(REWARDS) or not any(weights)):
        given = ", ".join(f"{weight:g}" for weight in weights)
        raise InputError(
            f"reward_weights is {given}; give a number for each of {listing(list(REWARDS))}, of which one is not 0."
        )
    if training.use_vllm and not is_vllm_available():
        raise missing_package("use_vllm needs", "vllm", "vllm")
    check_evaluation(policy, training)
    _check_base(policy, model)


def _check_base(start: PreferenceArguments | PolicyArguments, model: str) -> None:
    if start.sft_adapter and not start.any_base:
        check_adapter_base(model, start.sft_adapter)


def why_not_packed(training: SFTArguments, adapter: AdapterArguments) -> str | None:
    """Why rows cannot be packed although `training.packing` asks for it; `None` if they can, or it does not ask.

    Packed rows are one long sequence per batch. Flash attention skips the pairs of tokens from two rows; any other
    attention needs a mask that grows with the square of the sequence.
    """
    attention = adapter.attn_implementation or "the model's own"
    if not training.packing or "flash" in attention:
        return None
    return (
        f"Packing is off: it needs flash attention, and the attention is {attention}; give --attn_implementation "
        "flash_attention_2 or kernels-community/flash-attn2."
    )

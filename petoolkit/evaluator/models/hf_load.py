"""Loading a causal language model of transformers and its adapter, with a check that the adapter has an effect."""

from typing import Any

from petoolbench import InputError
from petoolkit.evaluator.models.cpu_memory import keep_freed_memory
from petoolkit.evaluator.models.processes import this_rank
from petoolkit.hub_reading import LOADING_ERRORS, why_not_read


def load_model(model: str, adapter: str | None, prompt: list[int]) -> Any:
    """A `PreTrainedModel` for inference, on all GPUs (with several processes, each has one GPU), or on the CPU.

    Weights are bfloat16 on GPUs that support it, float16 on older ones, float32 on a CPU. Code in the repository of a
    model is never run.

    Args:
        model: a Hub id or a local folder.
        adapter: a Hub id or a local folder of a LoRA-like adapter, whose layers are added to the model's; or `None`.
        prompt: token ids; the logits of the model with and without the adapter are compared on them.

    Raises:
        InputError: if the model or the adapter cannot be loaded, they do not fit together, or the adapter does not
            change any logit.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    _check_is_causal(model)
    rank = this_rank()
    device_map: str | dict[str, int] | None = None
    dtype = torch.float32
    if torch.cuda.is_available():
        device_map = "auto" if rank.count == 1 else {"": rank.local_index}
        dtype = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    else:
        keep_freed_memory()
    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            model, dtype=dtype, device_map=device_map, trust_remote_code=False
        )
    except (*LOADING_ERRORS, SafetensorError) as error:
        raise InputError(
            f"the model {model} cannot be loaded ({why_not_read(error, model)}); give the folder of a causal language "
            "model, or a Hub id."
        ) from None
    if getattr(loaded, "_hf_peft_config_loaded", False):
        raise InputError(f"{model} is an adapter; name its base model before it: hf:BASE+{model}.")
    return (_with_adapter(loaded, model, adapter, prompt) if adapter else loaded).eval()


def _check_is_causal(model: str) -> None:
    """Refuse a model that transformers knows, but not as a causal language model.

    Raises:
        InputError: for such a model; says how to serve it.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

    try:
        config = AutoConfig.from_pretrained(model, trust_remote_code=False)
    except LOADING_ERRORS:
        return  # loading the model says why
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise InputError(
            f"{model} is of the kind {config.model_type}, which transformers does not load as a causal language "
            f"model; serve it (`vllm serve {model}`) and evaluate --model openai:{model} with --base-url "
            "http://HOST:8000/v1."
        )


def _with_adapter(loaded: Any, model: str, adapter: str, prompt: list[int]) -> Any:
    import torch
    from peft import PeftModel
    from safetensors import SafetensorError

    try:
        adapted = PeftModel.from_pretrained(loaded, adapter)
    except (*LOADING_ERRORS, SafetensorError, RuntimeError) as error:
        raise InputError(
            f"the adapter {adapter} cannot be put on {model} ({why_not_read(error, adapter)}); check its path and "
            "the base model in its adapter_config.json."
        ) from None
    if adapted.active_peft_config.is_prompt_learning:
        raise InputError(
            f"the adapter {adapter} is a learned prompt, which is not supported; give a LoRA-like adapter."
        )
    ids = torch.tensor([prompt], device=loaded.device)
    with torch.inference_mode():
        changed = adapted(ids).logits
        with adapted.disable_adapter():
            unchanged = adapted(ids).logits
    if torch.equal(changed, unchanged):
        raise InputError(
            f"the adapter {adapter} changes nothing: {model} gives the same logits with and without it; check that it "
            "was trained, and on this base model."
        )
    return adapted.get_base_model()  # the adapter's layers stay in it

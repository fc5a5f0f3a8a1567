"""Loading the model that training starts from."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peft import PeftModel
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM

from petoolbench import InputError
from petoolkit.hub_reading import LOADING_ERRORS, why_not_read
from petoolkit.training.arguments import AdapterArguments, DPOArguments, GRPOArguments, SFTArguments

TRAINED_ADAPTER = "default"  # the name that TRL's trainers expect


def set_model_init_kwargs(training: SFTArguments | DPOArguments | GRPOArguments, adapter: AdapterArguments) -> None:
    """Put the model's options where TRL reads them when it loads a model by its name."""
    given: Any = training.model_init_kwargs or {}
    training.model_init_kwargs = {
        "revision": adapter.model_revision,
        "attn_implementation": adapter.attn_implementation,
        "dtype": adapter.dtype,
        **given,
    }


@contextmanager
def explain_loading_errors(adapter: AdapterArguments) -> Iterator[None]:
    """Turn errors of the block, in which TRL loads a model by its name, into one sentence.

    Raises:
        InputError: for a folder or repository that is missing, damaged, or does not hold a causal language model.
    """
    name = adapter.model_name_or_path
    try:
        AutoConfig.from_pretrained(name, revision=adapter.model_revision)
    except LOADING_ERRORS as error:
        raise _cannot_load(name, error) from None
    try:
        yield
    except (OSError, SafetensorError) as error:  # a ValueError in here may be about TRL's options
        raise _cannot_load(name, error) from None


def load_policy(training: DPOArguments | GRPOArguments, adapter: AdapterArguments, sft_adapter: str | None) -> Any:
    """The base model, with the SFT stage's adapter on it to be trained further, if there is one.

    Args:
        training: with `model_init_kwargs`; they are set to `None`, since TRL is given the loaded model.
        adapter: names the base model, and how it is quantized.
        sft_adapter: a folder or a Hub id.

    Raises:
        InputError: if the model or the adapter cannot be loaded, or they do not belong together.
    """
    options: Any = training.model_init_kwargs or {}
    training.model_init_kwargs = None
    name, quantized = adapter.model_name_or_path, adapter.quantization_config()
    try:
        base = AutoModelForCausalLM.from_pretrained(name, quantization_config=quantized, **options)
    except (*LOADING_ERRORS, SafetensorError) as error:
        raise _cannot_load(name, error) from None
    return _put_adapter_on(base, name, sft_adapter) if sft_adapter else base


def _put_adapter_on(base: Any, name: str, sft_adapter: str) -> PeftModel:
    try:
        return PeftModel.from_pretrained(base, sft_adapter, adapter_name=TRAINED_ADAPTER, is_trainable=True)
    except (*LOADING_ERRORS, SafetensorError, RuntimeError) as error:
        raise InputError(
            f"the adapter {sft_adapter} cannot be put on {name} ({why_not_read(error)}); train it with "
            "trainer/sft.py, or check sft_adapter and model_name_or_path."
        ) from None


def _cannot_load(model: str, error: BaseException) -> InputError:
    return InputError(
        f"the model {model} cannot be loaded ({why_not_read(error)}); give the folder of a causal language model, or "
        "a Hub id."
    )

"""Whether an adapter was trained on the model that it is put on."""

import json
import re
from pathlib import Path

from petoolbench import InputError
from petoolkit.hub_reading import fetch_file

# A quantized copy of a model is the same model.
_COPY = re.compile(r"(-(unsloth|bnb|4bit|8bit|awq|gptq|fp8|int4|int8|hf))+\Z", re.IGNORECASE)
_CACHED = re.compile(r"models--(?:[^/]+?--)?([^/]+)/snapshots/")


def check_adapter_base(model: str, adapter: str) -> None:
    """Refuse an adapter whose configuration names another base model.

    Args:
        model: a Hub id or a local folder.
        adapter: a Hub id or a local folder; one whose configuration cannot be read, or names no base model, passes.

    Raises:
        InputError: if the base model is another.
    """
    trained_on = _base_of(adapter)
    if trained_on and not is_same_model(trained_on, model):
        raise InputError(
            f"the adapter {adapter} was trained on {trained_on}, not on {model}; name its own base model, or give "
            "--any-base if both are the same model."
        )


def is_same_model(one: str, other: str) -> bool:
    """Whether two folders or Hub ids name one model: the same folder, or the same last part of the name."""
    return one == other or Path(one).resolve() == Path(other).resolve() or _last_part(one) == _last_part(other)


def _last_part(model: str) -> str:
    cached = _CACHED.search(f"{model}/")
    name = cached[1] if cached else model.rstrip("/").rpartition("/")[2]
    return _COPY.sub("", name).casefold()


def _base_of(adapter: str) -> str | None:
    try:
        file = fetch_file(adapter, "adapter_config.json", repo_type="model")
        config = json.loads(file.read_text(encoding="utf-8")) if file else None
    except (InputError, OSError, ValueError, RecursionError):
        return None  # loading the adapter says what is wrong with it
    base = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    return base if isinstance(base, str) else None

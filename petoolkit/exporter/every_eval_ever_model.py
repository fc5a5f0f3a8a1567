"""How the collection Every Eval Ever names a model, and the folders that its scores lie in."""

import re
from typing import Any

from petoolkit.evaluator.models.model import split_spec
from petoolkit.evaluator.records import Scores

_OURS, _LOCAL = "petoolbench", "local"  # developers of rules, and of models that no owner is known of
_HERE = ("hf", "vllm")  # kinds whose weights this machine ran
_UNFIT = re.compile(r'[<>"\\|?*\x00-\x1f\x7f]+')
_RESERVED = re.compile(r"(?i)data|(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")


def model_info(scores: Scores) -> dict[str, Any]:
    """The field `model_info` of an evaluation whose local folders were shortened."""
    kind, _, name = scores.model.partition(":")
    details = {"deployment_type": "unknown", "model_availability": "unknown", "spec": scores.model}
    if kind in _HERE:
        base, adapter = split_spec(name)
        details |= {"deployment_type": "self_deployed", "model_availability": "open_weights"}
        identity = adapter or base
        if adapter:
            details["base_model"] = base
    elif scores.is_rule:
        identity = f"{_OURS}/{name}"
        details |= {"deployment_type": "self_deployed", "kind": "a rule without a language model"}
    else:
        identity = name
    parts = [part for part in map(_fit, identity.split("/")) if part] or ["model"]
    info: dict[str, Any] = {"name": scores.model, "id": "/".join(parts if len(parts) > 1 else [_LOCAL, *parts])}
    engine = {"hf": "transformers", "vllm": "vllm"}.get(kind)
    if engine:
        info["inference_engine"] = {"name": engine, "version": str(scores.versions.get(engine, "unknown"))}
    return {**info, "additional_details": details}


def developer_and_model(info: dict[str, Any]) -> tuple[str, str]:
    """The two folders of a model, by its id."""
    developer, *names = (part.replace(":", "_") for part in info["id"].split("/"))
    return developer, "_".join(names)


def _fit(part: str) -> str:
    """A part of an id that can be a folder's name on every system."""
    part = _UNFIT.sub("_", part).strip(" .")
    return f"{part}_" if _RESERVED.fullmatch(part) or part.lower() == "unknown" else part

"""An adapter's folder as it is published: weights, tokenizer, card and curves, and nothing of this machine."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from petoolbench import InputError
from petoolkit.files import read_json
from petoolkit.publisher.hub import Package
from petoolkit.publisher.local_paths import told, without_local_paths

# Neither checkpoints, nor logs, nor the pickled training arguments.
_FILES = (
    "README.md",
    "curves.png",
    "adapter_config.json",
    "adapter_model*.safetensors",
    "added_tokens.json",
    "chat_template.jinja",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer*",
    "vocab*",
)


def pack_adapter(folder: Path, repo_id: str, say: Callable[[str], None]) -> Package:
    """What of an adapter's folder is sent.

    Args:
        folder: that trainer/sft.py, trainer/dpo.py or `save_pretrained` of peft wrote.
        repo_id: `USER/NAME`, by which the card will call the adapter.
        say: is told that the base model is one that nobody else has.

    Raises:
        InputError: if it is none, or has no card.
    """
    found = {path.name: path for pattern in _FILES for path in sorted(folder.glob(pattern)) if path.is_file()}
    if "adapter_config.json" not in found or not any(name.startswith("adapter_model") for name in found):
        raise InputError(f"{folder} holds no adapter in safetensors; name the output_dir of a training run.")
    if "README.md" not in found:
        raise InputError(
            f"{folder} has no card; write one with python -m petoolkit.training.adapter_card {folder}, then push again."
        )
    files: dict[str, Path | bytes] = dict(found)
    base = read_json(found["adapter_config.json"]).get("base_model_name_or_path") or ""
    if told(base) != base:
        say(f"The adapter's base is the local folder {base}, which others do not have; publish it too, and name it.")
    for name in found:
        if name.endswith("_config.json"):
            files[name] = _config(found[name], base)
    files["README.md"] = _card(found["README.md"], repo_id)
    return Package(files, _FILES, "Adapter, tokenizer and card")


def _config(path: Path, base: str) -> Path | bytes:
    """A configuration, without this machine's folders."""
    config = read_json(path)
    shown = without_local_paths({key: told(base) if value == base else value for key, value in config.items()})
    return path if shown == config else (json.dumps(shown, ensure_ascii=False, indent=2) + "\n").encode()


def _card(path: Path, repo_id: str) -> bytes:
    """The card with the adapter's name on the Hub, where it has the folder's or an earlier one."""
    text = path.read_text("utf-8")
    if called := re.search(r'PeftModel\.from_pretrained\(base, "([^"]+)"\)', text):
        text = text.replace(f'"{called[1]}"', f'"{repo_id}"').replace(f"+{called[1]} ", f"+{repo_id} ")
    return text.encode()

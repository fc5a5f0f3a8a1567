"""The files of an adapter's folder that are published: weights, tokenizer, training record, card and curves."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.decoding import read_json
from petoolkit.evaluator.models.trained_chat import TRAINING_RECORD
from petoolkit.publisher.eval_results import ADAPTER_RESULTS, with_source
from petoolkit.publisher.hub import Package, Target
from petoolkit.publisher.local_paths import without_folders, without_local_paths

# Checkpoints, logs and the pickled training arguments stay here.
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
    TRAINING_RECORD,
    ADAPTER_RESULTS,
)


def pack_adapter(folder: Path, repo_id: str, say: Callable[[str], None]) -> Package:
    """Collect the files of an adapter's folder, without the names of this machine's folders.

    Args:
        folder: that trainer/sft.py, trainer/dpo.py, trainer/grpo.py or `save_pretrained` of peft wrote.
        repo_id: `USER/NAME`; the card calls the adapter by it.
        say: gets a message if the base model is a folder, which other people do not have.

    Raises:
        InputError: if the folder does not hold an adapter, or the adapter has no card.
    """
    found = {
        path.relative_to(folder).as_posix(): path
        for pattern in _FILES
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }
    if "adapter_config.json" not in found or not any(name.startswith("adapter_model") for name in found):
        raise InputError(f"{folder} does not hold an adapter in safetensors; name the output_dir of a training run.")
    if "README.md" not in found:
        raise InputError(
            f"{folder} has no card; write one with python -m petoolkit.training.adapter_card {folder}, then push "
            "again."
        )
    files: dict[str, Path | bytes] = dict(found)
    base = read_json(found["adapter_config.json"]).get("base_model_name_or_path") or ""
    if without_folders(base) != base:
        say(
            f"The adapter's base is the local folder {base}, which other people do not have; publish the base too, "
            "and train on it by its name on the Hub."
        )
    for name in found:
        if name.endswith("_config.json"):
            files[name] = _config(found[name], base)
    if TRAINING_RECORD in found:
        files[TRAINING_RECORD] = _record(found[TRAINING_RECORD])
    if ADAPTER_RESULTS in found:
        content = found[ADAPTER_RESULTS].read_bytes()
        files[ADAPTER_RESULTS] = with_source(content, str(found[ADAPTER_RESULTS]), Target(repo_id, "model").url)
    files["README.md"] = _card(found["README.md"], repo_id)
    return Package(files, _FILES, "Adapter, tokenizer and card")


def _config(path: Path, base: str) -> Path | bytes:
    """A configuration file, without this machine's folders."""
    config = read_json(path)
    published = without_local_paths(
        {key: without_folders(base) if value == base else value for key, value in config.items()}
    )
    return path if published == config else _as_file(published)


def _record(path: Path) -> bytes:
    """The record of the training, without this machine's folders."""
    record = read_json(path)
    if not isinstance(record, dict):
        raise InputError(f"{path} does not hold the record of a training; remove it, or train again.")
    named = {
        key: without_folders(record[key]) for key in ("base_model", "dataset") if isinstance(record.get(key), str)
    }
    return _as_file(without_local_paths({**record, **named}))


def _as_file(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _card(path: Path, repo_id: str) -> bytes:
    """The card, with the adapter's name on the Hub instead of its folder or an earlier name."""
    text = path.read_text("utf-8")
    if loaded := re.search(r'PeftModel\.from_pretrained\(base, "([^"]+)"\)', text):
        text = text.replace(f'"{loaded[1]}"', f'"{repo_id}"').replace(f"+{loaded[1]} ", f"+{repo_id} ")
    return text.encode()

"""Names of models and datasets for other readers, without this machine's folders."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from petoolbench import InputError

_TEXT_FILES = (".json", ".jsonl", ".md", ".txt", ".html", ".py", ".yaml", ".jinja")
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt")  # some of their tokens look like folders


def without_folders(spec: str) -> str:
    """The spec of a model or dataset, with folders of this machine shortened to their names.

        without_folders("hf:/home/me/base+/home/me/adapter")  # "hf:base+adapter"
        without_folders("python:/home/me/model.py:answer")  # "python:model.py:answer"

    Args:
        spec: such as `hf:MODEL+ADAPTER`, a folder, or a Hub id.
    """
    return "".join(Path(part).resolve().name if _is_local(part) else part for part in re.split("([:+])", spec))


def is_hub_id(name: str) -> bool:
    """Whether a model's or dataset's name is an id on the Hub, `USER/NAME`, and not a folder of this machine."""
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return "/" in name and without_folders(name) == name


def _is_local(path: str) -> bool:
    return bool(path) and (path.startswith(("/", "~", "./", "../")) or Path(path).exists())


def without_local_paths(value: Any) -> Any:
    """A JSON value in which strings that are paths of this machine are shortened to their last part."""
    if isinstance(value, str):
        return Path(value).name if value.startswith(("/", "~")) and Path(value).expanduser().exists() else value
    if isinstance(value, dict):
        return {key: without_local_paths(item) for key, item in value.items()}
    return [without_local_paths(item) for item in value] if isinstance(value, list) else value


def check_no_local_paths(files: Mapping[str, Path | bytes], folder: Path) -> None:
    """Refuse texts that name this machine's folders.

    Args:
        files: what would be sent, by path on the Hub.
        folder: where it comes from.

    Raises:
        InputError: naming the first such file.
    """
    folders = {f"{path}/" for path in (Path.home(), Path.cwd(), folder.resolve()) if len(path.parts) > 1}
    for path, content in files.items():
        if not path.endswith(_TEXT_FILES) or path in _VOCABULARIES:
            continue
        text = (content if isinstance(content, bytes) else content.read_bytes()).decode("utf-8", errors="replace")
        for name in folders:
            if name in text:
                raise InputError(f"{path} names a folder of this machine ({name}); take it out of the file first.")

"""Names of models and datasets as others may read them: without this machine's folders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from petoolbench import InputError

_TEXTS = (".json", ".jsonl", ".md", ".txt", ".html", ".py", ".yaml", ".jinja")
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt")  # pieces of words, some like folders


def told(spec: str) -> str:
    """A model's or dataset's name as a card may tell it: folders of this machine by their last part only."""
    kind, colon, places = spec.rpartition(":")
    parts = [Path(place).resolve().name if _is_local(place) else place for place in places.split("+")]
    return f"{kind}{colon}{'+'.join(parts)}"


def _is_local(place: str) -> bool:
    return bool(place) and (place.startswith(("/", "~", "./", "../")) or Path(place).exists())


def without_local_paths(value: Any) -> Any:
    """A JSON value whose strings that are paths of this machine keep their last part only."""
    if isinstance(value, str):
        return Path(value).name if value.startswith(("/", "~")) and Path(value).expanduser().exists() else value
    if isinstance(value, dict):
        return {key: without_local_paths(item) for key, item in value.items()}
    return [without_local_paths(item) for item in value] if isinstance(value, list) else value


def check_no_local_paths(files: Mapping[str, Path | bytes], folder: Path) -> None:
    """Refuse texts that name this machine's folders.

    Args:
        files: what would be sent, by its path on the Hub.
        folder: where it comes from.

    Raises:
        InputError: naming the first such file.
    """
    ours = {f"{place}/" for place in (Path.home(), Path.cwd(), folder.resolve()) if len(place.parts) > 1}
    for path, content in files.items():
        if not path.endswith(_TEXTS) or path in _VOCABULARIES:
            continue
        text = (content if isinstance(content, bytes) else content.read_bytes()).decode("utf-8", errors="replace")
        for place in ours:
            if place in text:
                raise InputError(f"{path} names a folder of this machine ({place}); take it out of the file first.")

"""Pushing an adapter to the Hub: only when asked, and only what is named here."""

from pathlib import Path
from typing import Any

from petoolbench import InputError
from trainer.curves import CURVES

# Neither checkpoints, nor logs, nor the pickled training arguments with this machine's paths.
_PUSHED = [
    "README.md",
    CURVES,
    "adapter_config.json",
    "adapter_model*.safetensors",
    "added_tokens.json",
    "chat_template.jinja",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer*",
    "vocab*",
]


def prepare_push(training: Any) -> str | None:
    """Make sure, before hours of training, that the adapter can go where `--push_to_hub` wants it.

    The trainer itself is told not to push: it would at every checkpoint, and all of its folder.

    Returns:
        `USER/NAME`, or `None` if nothing is to be pushed.

    Raises:
        InputError: if the Hub refuses.
    """
    if not training.push_to_hub:
        return None
    from accelerate import PartialState

    training.push_to_hub = False
    if PartialState().is_main_process:
        make_place(training.hub_model_id, training.hub_token, training.hub_private_repo)
    return training.hub_model_id


def make_place(hub_id: str, token: str | None = None, private: bool | None = None) -> None:
    """Make the repository, unless it is there.

    Raises:
        InputError: if the Hub refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        HfApi(token=token).create_repo(hub_id, private=private, exist_ok=True)
    except (HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{hub_id} cannot be made on the Hub ({reason}); log in with `hf auth login`.") from None


def push_adapter(folder: Path, hub_id: str, token: str | None = None) -> None:
    """Upload adapter, tokenizer, card and curves."""
    from huggingface_hub import HfApi

    HfApi(token=token).upload_folder(
        repo_id=hub_id, folder_path=folder, allow_patterns=_PUSHED, commit_message="Adapter, tokenizer and card"
    )

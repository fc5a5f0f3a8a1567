"""Pushing an adapter to the Hub, when asked, with the files that `petoolkit.publisher.pack_adapter` names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.publisher.hub import Target, make_repository, send
from petoolkit.publisher.local_paths import check_no_local_paths
from petoolkit.publisher.pack_adapter import pack_adapter


def prepare_push(training: Any) -> Target | None:
    """Make the repository that `--push_to_hub` asks for, so that a refusal comes before hours of training.

    The trainer's own push is switched off, since it would push all of `output_dir` at each checkpoint. It does not get
    the token either, which it would write into that folder.

    Args:
        training: an `SFTArguments`, a `DPOArguments` or a `GRPOArguments`.

    Returns:
        The repository, or `None` if nothing is to be pushed.

    Raises:
        InputError: if the Hub refuses.
    """
    if not training.push_to_hub:
        return None
    from accelerate import PartialState

    private = bool(training.hub_private_repo)
    target = Target(training.hub_model_id, "model", private, token=training.hub_token)
    training.push_to_hub, training.hub_token = False, None
    if PartialState().is_main_process:
        make_repository(target)
    return target


def push_adapter(folder: Path, target: Target, say: Callable[[str], None]) -> None:
    """Send adapter, tokenizer, card and curves in one commit.

    Args:
        folder: of the adapter.
        target: the repository.
        say: gets messages to the user.

    Raises:
        InputError: if there is no adapter with a card in `folder`, or the Hub refuses; says how to push it later.
    """
    try:
        package = pack_adapter(folder, target.repo_id, say)
        check_no_local_paths(package.files, folder)
        send(target, package, say)
    except InputError as error:
        raise InputError(
            f"{folder} was not pushed: {error} What was trained is kept; `petoolbench push adapter {folder} "
            f"{target.repo_id}` pushes it later."
        ) from None

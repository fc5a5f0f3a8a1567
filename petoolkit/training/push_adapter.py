"""Pushing an adapter to the Hub: only when asked, and only what `petoolkit.publisher.pack_adapter` names."""

from pathlib import Path
from typing import Any

from petoolbench import InputError
from petoolkit.publisher.hub import Target, make_place, send
from petoolkit.publisher.local_paths import check_no_local_paths
from petoolkit.publisher.pack_adapter import pack_adapter
from petoolkit.training.training_run import say


def prepare_push(training: Any) -> Target | None:
    """Make sure, before hours of training, that the adapter can go where `--push_to_hub` wants it.

    The trainer itself is told not to push: it would at every checkpoint, and all of its folder. Nor is it told the
    token, which it would write into that folder.

    Returns:
        Where to push, or `None` if nothing is to be pushed.

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
        make_place(target)
    return target


def push_adapter(folder: Path, target: Target) -> None:
    """Send adapter, tokenizer, card and curves, in one commit.

    Raises:
        InputError: if there is no adapter with a card in `folder`, or the Hub does not take it; says how to push it
            later.
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

"""Which of several processes this is, when `accelerate launch` or `torchrun` started more than one."""

import os
from dataclasses import dataclass

from petoolkit.extras import missing_package


@dataclass(frozen=True)
class Rank:
    """A process's place: `index` of `count` on all machines, `local_index` on its own."""

    index: int = 0
    count: int = 1
    local_index: int = 0


def this_rank() -> Rank:
    """This process's place; it is the only one unless the environment's `WORLD_SIZE` says otherwise.

    With several, this joins them (`accelerate.PartialState`): it returns once all have called it.

    Raises:
        InputError: if the package `accelerate` is missing.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return Rank()
    try:
        import torch
        from accelerate import PartialState
    except ImportError:
        raise missing_package("several processes need", "accelerate", "hf") from None
    state = PartialState(cpu=not torch.cuda.is_available())  # where it isn't told so, it takes each for the only one
    return Rank(state.process_index, state.num_processes, state.local_process_index)


def wait_for_all(rank: Rank) -> None:
    """Go on when all processes are here."""
    if rank.count > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()

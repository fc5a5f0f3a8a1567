"""Several processes of one run, which `accelerate launch` or `torchrun` started."""

import os
from dataclasses import dataclass

from petoolkit.extras import missing_package


@dataclass(frozen=True)
class Rank:
    """The number of a process: `index` of `count` on all machines, `local_index` on its own machine."""

    index: int = 0
    count: int = 1
    local_index: int = 0


def started_processes() -> int:
    """Number of processes that a launcher (`accelerate launch`, `torchrun`) started; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def this_rank() -> Rank:
    """The rank of this process, which is the only one unless the environment variable `WORLD_SIZE` is above 1.

    With several processes, it returns once all of them have called it (`accelerate.PartialState`).

    Raises:
        InputError: if the package `accelerate` is missing.
    """
    if started_processes() <= 1:
        return Rank()
    try:
        import torch
        from accelerate import PartialState
    except ImportError:
        raise missing_package("several processes need", "accelerate", "hf") from None
    state = PartialState(cpu=not torch.cuda.is_available())  # without `cpu`, each process would count as the only one
    return Rank(state.process_index, state.num_processes, state.local_process_index)


def wait_for_all(rank: Rank) -> None:
    """Wait until all processes have called this."""
    if rank.count > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()

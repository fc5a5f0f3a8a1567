"""Making what is shown instead of histories, before the requests are asked; each is kept as it comes."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rich.console import Console

from petoolkit.chunks import in_chunks
from petoolkit.evaluator.history_methods.memories import Memory, keeping, read_memories
from petoolkit.evaluator.history_methods.shown_rows import HistoryView
from petoolkit.evaluator.models.processes import Rank
from petoolkit.progress_bars import progress_bars
from petoolkit.text import counted

_ROWS_AT_ONCE = 1_000  # whose histories are in memory


def remember(
    view: HistoryView,
    rows: Callable[[], Iterable[dict]],
    make: Callable[[list[dict]], Iterator[Memory]],
    folder: Path,
    rank: Rank,
    console: Console,
) -> None:
    """Make the memories that rows need and that the folder does not hold; all of them are in the view then.

    Args:
        view: that shows the rows.
        rows: gives the rows, which may be repeated.
        make: makes memories of some rows, in any order; a second one with the same key replaces the first.
        folder: of the evaluation.
        rank: of this process.
        console: for messages.

    Raises:
        InputError: what `make` raises; if the folder holds damaged memories, or cannot be written.
    """
    view.memories = read_memories(folder)
    number = len({key for row in rows() for key in view.missing_keys(row)})
    if not number:
        return
    what = f"Making what is shown of histories ({view.method.name})"
    made: dict[str, Memory] = {}
    with keeping(folder, rank) as keep, progress_bars(console) as bars:
        bar = bars.add_task(what, total=number)
        for part in in_chunks(rows(), _ROWS_AT_ONCE):
            missing = {row["id"]: row for row in part if view.missing_keys(row)}
            for memory in make(list(missing.values())):
                if memory.error is None:
                    keep(memory)
                made[memory.key] = view.memories[memory.key] = memory
                bars.advance(bar)
    console.print(_summary(view, made.values()), highlight=False)


def _summary(view: HistoryView, made: Iterable[Memory]) -> str:
    memories = list(made)
    parts = [counted(len(memories), f"{view.method.name} call")]
    if tokens := sum((one.prompt_tokens or 0) + (one.completion_tokens or 0) for one in memories):
        parts.append(f"{tokens:,} tokens")
    parts.append(f"{sum(one.seconds or 0 for one in memories):,.1f} s")
    for what, found in (("failed", [one for one in memories if one.error]), ("cut", [o for o in memories if o.cut])):
        if found:
            parts.append(f"{len(found):,} {what}")
    return f"Made before the requests were asked: {', '.join(parts)}."

"""What a person wants to know while a model answers: how far, how fast, how right, how much."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.text import Text

from petoolkit.evaluator.models.model import Answer
from petoolkit.replies import parse_reply
from petoolkit.scoring import is_right_tool, read_gold_call


def with_progress(answers: Iterable[Answer], rows: list[dict], total: int, console: Console) -> Iterator[Answer]:
    """Pass answers on, with a bar where there is a terminal; its Tool Acc is by the robust reader."""
    if not console.is_terminal:
        yield from answers
        return
    gold = {row["id"]: read_gold_call(row["tool_call"]) for row in rows}
    status = _Status()
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), status)
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("Asking", total=total)
        for answer in answers:
            status.answered += 1
            status.failed += answer.reply is None
            status.right += is_right_tool(parse_reply(answer.reply or ""), gold[answer.prompt.row_id])
            status.tokens += (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
            progress.advance(bar)
            yield answer


class _Status(ProgressColumn):
    def __init__(self) -> None:
        super().__init__()
        self.answered = self.right = self.failed = self.tokens = 0

    def render(self, task: Task) -> Text:
        """See `rich`."""
        parts = [f"{task.speed:,.1f} rows a second"] if task.speed else []
        if self.answered:
            parts.append(f"Tool Acc {100 * self.right / self.answered:.1f} %")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if self.tokens:
            parts.append(f"{self.tokens:,} tokens")
        return Text(", ".join(parts))

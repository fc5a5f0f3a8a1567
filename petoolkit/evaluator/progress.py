"""A progress bar for the replies of a model, with speed, Tool Acc, failed requests and tokens."""

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.text import Text

from petoolkit.evaluator.models.model import Answer
from petoolkit.replies import parse_reply
from petoolkit.scoring import METRICS, is_right_tool, read_gold_call
from petoolkit.text import in_percent


def with_progress(answers: Iterable[Answer], rows: list[dict], total: int, console: Console) -> Iterator[Answer]:
    """Pass answers on, and show a progress bar where there is a terminal.

    Args:
        answers: of the model.
        rows: that the answers are about.
        total: number of answers to come.
        console: for the bar; its Tool Acc is by the robust reader.
    """
    if not console.is_terminal:
        yield from answers
        return
    right = {row["id"]: (read_gold_call(row["tool_call"]), row["acceptable_tools"]) for row in rows}
    candidates = {row["id"]: [tool["tool_name"] for tool in row["candidate_tools"]] for row in rows}
    status = _Status()
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), status)
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("Asking", total=total)
        for answer in answers:
            status.answered += 1
            status.failed += answer.reply is None
            call = parse_reply(answer.reply, tools=candidates[answer.prompt.row_id])
            status.right += is_right_tool(call, *right[answer.prompt.row_id])
            status.tokens += (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
            progress.advance(bar)
            yield answer


class _Status(ProgressColumn):
    def __init__(self) -> None:
        super().__init__()
        self.answered = self.right = self.failed = self.tokens = 0

    def render(self, task: Task) -> Text:
        """Speed, Tool Acc, failed requests and tokens so far."""
        texts = [f"{task.speed:,.1f} rows a second"] if task.speed else []
        if self.answered:
            texts.append(f"{METRICS['tool_acc'].label} {in_percent(self.right / self.answered)}")
        if self.failed:
            texts.append(f"{self.failed:,} failed")
        if self.tokens:
            texts.append(f"{self.tokens:,} tokens")
        return Text(", ".join(texts))

"""A progress bar for a model's replies, in a terminal or a notebook, with Tool Acc, failed requests and tokens."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.text import Text

from petoolkit.evaluator.models.model import Answer
from petoolkit.progress_bars import NotebookBars
from petoolkit.replies import parse_reply
from petoolkit.scoring import METRICS, is_right_tool, read_gold_call
from petoolkit.text import in_percent


def with_progress(answers: Iterable[Answer], total: int, console: Console) -> Iterator[Answer]:
    """Pass answers on, and show a progress bar where there is a terminal or a notebook.

    Args:
        answers: of the model; each prompt has its row.
        total: number of answers to come.
        console: for the bar; its Tool Acc is by the robust reader.
    """
    if not (console.is_terminal or console.is_jupyter):
        yield from answers
        return
    status = _Status()
    with _notebook_bar(total, status) if console.is_jupyter else _terminal_bar(total, status, console) as advance:
        for answer in answers:
            status.answered += 1
            status.failed += answer.reply is None
            row = answer.prompt.row
            call = parse_reply(answer.reply, tools=[tool["tool_name"] for tool in row["candidate_tools"]])
            status.right += is_right_tool(call, read_gold_call(row["tool_call"]), row["acceptable_tools"])
            status.tokens += (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
            advance()
            yield answer


@contextmanager
def _terminal_bar(total: int, status: "_Status", console: Console) -> Iterator[Callable[[], None]]:
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), status)
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("Asking", total=total)
        yield lambda: progress.advance(bar)


@contextmanager
def _notebook_bar(total: int, status: "_Status") -> Iterator[Callable[[], None]]:
    with NotebookBars() as bars:
        bar = bars.add_task("Asking", total=total, unit=" rows")

        def advance() -> None:
            bar.set_postfix_str(", ".join(status.texts()), refresh=False)
            bars.advance(bar)

        yield advance


class _Status(ProgressColumn):
    def __init__(self) -> None:
        super().__init__()
        self.answered = self.right = self.failed = self.tokens = 0

    def render(self, task: Task) -> Text:
        """Speed, and what `texts` has."""
        return Text(", ".join([*([f"{task.speed:,.1f} rows a second"] if task.speed else []), *self.texts()]))

    def texts(self) -> list[str]:
        """Tool Acc, failed requests and tokens so far."""
        texts = []
        if self.answered:
            texts.append(f"{METRICS['tool_acc'].label} {in_percent(self.right / self.answered)}")
        if self.failed:
            texts.append(f"{self.failed:,} failed")
        if self.tokens:
            texts.append(f"{self.tokens:,} tokens")
        return texts

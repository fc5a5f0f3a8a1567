"""An author that asks no model, and counts what the author `openai` would have asked one."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from pydantic import BaseModel

from petoolbench import to_json_text
from petoolkit.endpoint.request import Ask
from petoolkit.evaluator.models.openai_model import CHARACTERS_A_TOKEN

from ..authors import author_prompts as prompts
from ..authors.author import (
    Author,
    DescribeJob,
    HistoryJob,
    InstructJob,
    OverrideJob,
    ServeJob,
    UnderstandJob,
    Written,
)
from ..authors.openai import OpenAIAuthor


class Rehearsal(OpenAIAuthor):
    """Renders the prompts that a model would get, and takes what rules write as its replies.

    Args:
        rules: writes.
    """

    def __init__(self, rules: Author):
        self._rules = rules
        self.asked: Counter[str] = Counter()  # calls, and characters sent and written

    def understand_all(self, jobs: Iterable[UnderstandJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._rehearsed(jobs, self._rules.understand_all, self._understand)

    def write_histories(self, jobs: Iterable[HistoryJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._rehearsed(jobs, self._rules.write_histories, self._write_history)

    def instruct_all(self, jobs: Iterable[InstructJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._rehearsed(jobs, self._rules.instruct_all, self._instruct)

    def describe_all(self, jobs: Iterable[DescribeJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._rehearsed(jobs, self._rules.describe_all, self._describe)

    def override_all(self, jobs: Iterable[OverrideJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`."""
        return self._rehearsed(jobs, self._rules.override_all, self._override)

    def serve_all(self, jobs: Iterable[ServeJob]) -> Iterator[Written]:
        """See `builder.authors.author.Author`; the other tools are taken to accept the same parameters."""

        def served(jobs: Iterable[ServeJob]) -> Iterator[Written]:
            for job in jobs:
                yield Written({tool["tool_name"]: {} for tool in job.tools})

        return self._rehearsed(jobs, served, self._serve)

    def _rehearsed(
        self, jobs: Iterable[Any], write: Callable[[Iterable[Any]], Iterator[Written]], ask_about: Callable[..., Any]
    ) -> Iterator[Written]:
        """What `write` gives for each job, after it was counted what `ask_about` asks for it."""
        all_jobs = list(jobs)
        for job, written in zip(all_jobs, write(all_jobs), strict=True):
            if not written.rejected:
                conversation = ask_about(job, written)
                with suppress(StopIteration):
                    conversation.send(None)  # it waits for nothing
            yield written

    async def _converse(
        self, ask: Ask, task: str, schema: type[BaseModel], check: Callable[[Any], Any], **values: Any
    ) -> Written:
        """Count a call; `ask` is what the rules wrote for the job."""
        written: Written = ask  # type: ignore[assignment]
        value = written.value[task] if task == "example" else written.value
        self.asked.update(
            calls=1,
            sent=sum(len(message["content"]) for message in prompts.messages(task, **values)),
            written=len(to_json_text(value)),
        )
        return Written(value)


def tokens(characters: float) -> float:
    """About as many tokens as a model's tokenizer makes of so many characters."""
    return characters / CHARACTERS_A_TOKEN

"""Tasks of Inspect, one a config: `inspect eval petoolbench/chronological -T dataset=me/bench`.

Inspect finds them by the entry point `inspect_ai` of pyproject.toml.
"""

from collections.abc import Callable
from typing import Any

from click import ClickException
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import Score, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState, generate

from petoolbench import InputError, all_configs, render_messages
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.evaluator.dataset_rows import load_rows
from petoolkit.evaluator.scores.judged_reply import judge_reply
from petoolkit.scoring import ACCURACIES

# Inspect names tasks and scorers by the module of their functions: these are to be called petoolbench/....
_NAMED_BY = "petoolbench"
_CLUSTER, _ROW = "cluster", "row"  # keys of a sample's metadata
_METRICS = {name: [mean(), stderr(cluster=_CLUSTER)] for name in ACCURACIES}


def _sample(row: dict) -> Sample:
    """A row as a sample, whose metadata holds its block (else its function group), and what judging a reply needs."""
    system, user = render_messages(row)
    gold = row["tool_call"]["tool_name"]
    known = {name: row[name] for name in ("tool_call", "acceptable_tools", "same_function_tools")}
    tools = [
        tool if tool["tool_name"] == gold else {"tool_name": tool["tool_name"]} for tool in row["candidate_tools"]
    ]
    return Sample(
        id=row["id"],
        input=[ChatMessageSystem(content=system["content"]), ChatMessageUser(content=user["content"])],
        target=gold_call(row),
        metadata={_CLUSTER: row["block_id"] or row["group_id"], _ROW: {**known, "candidate_tools": tools}},
    )


def tool_call() -> Callable[[TaskState, Target], Any]:
    """Scorer of a tool call in a reply: right tool, right parameters, both, as `petoolbench score` reads it.

    Standard errors are clustered by block, since the rows of a block share their instruction and their tools.
    """

    async def score(state: TaskState, target: Target) -> Score:
        reply = state.output.completion
        judged = judge_reply(state.metadata[_ROW], reply)
        return Score(value={name: float(is_right) for name, is_right in judged.items()}, answer=reply)

    return score


tool_call.__module__ = _NAMED_BY
tool_call_scorer = scorer(metrics=_METRICS, name="tool_call")(tool_call)


def _task_of(config: str) -> Callable[..., Task]:
    """The task with a config's test rows."""

    def made(dataset: str = "petoolbench", revision: str | None = None) -> Task:
        try:
            rows = load_rows(dataset, config, "test", revision)
        except InputError as error:
            raise ClickException(str(error)) from None  # Inspect's command prints it without a traceback
        return Task(
            dataset=MemoryDataset([_sample(row) for row in rows], name=f"{dataset}/{config}"),
            solver=generate(),
            scorer=tool_call_scorer(),
        )

    made.__name__, made.__qualname__, made.__module__ = config, config, _NAMED_BY
    made.__doc__ = f"""The test rows of the config `{config}`.

    Args:
        dataset: a folder or a Hub id.
        revision: branch, tag or commit of a dataset on the Hub.
    """
    return task(name=config)(made)


TASKS = {config: _task_of(config) for config in all_configs()}

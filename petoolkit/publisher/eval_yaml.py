"""`eval.yaml` of a pushed dataset: what the Hub's benchmark pages, and Inspect's tasks `hf/USER/NAME`, read.

Form: https://huggingface.co/docs/hub/eval-results. One task, the test rows of the config `chat`, judged by a scorer
that Inspect ships, so that it runs without this project's code.
"""

import yaml

from petoolkit.dataset_record import CHAT
from petoolkit.evaluator.evaluate import SPLIT

EVAL_YAML = "eval.yaml"
TASK_ID = "tool_acc"  # a leaderboard of its own; results in `.eval_results/` name it
# The name in the first call after the reasoning, if there is some: as near to the reader `robust` as a pattern gets.
TOOL_NAME = r'(?s)\A(?:.*</think>)?(?!.*</think>).*?"tool_name"\s*:\s*"([^"]*)"'
_DESCRIPTION = (
    "Personalised tool use: given what a user asks, the user's past tool calls and the candidate tools, call the tool "
    "that does the job and is the one that this user prefers. The score is Tool Acc over the rows of all settings: "
    "the share of replies that name the gold tool."
)


def eval_yaml(repo_id: str) -> bytes:
    """The content of `eval.yaml` for a dataset with the config `chat`.

    Args:
        repo_id: `USER/NAME`.
    """
    task = {
        "id": TASK_ID,
        "config": CHAT,
        "split": SPLIT,
        "field_spec": {"input": "prompt", "target": "gold_tool"},  # a list, as `acceptable_tools`, cannot be a target
        "solvers": [{"name": "generate"}],
        "scorers": [{"name": "pattern", "args": {"pattern": TOOL_NAME, "ignore_case": False}}],
    }
    content = {
        "name": f"{repo_id.rpartition('/')[2]}: personalised tool use",
        "description": _DESCRIPTION,
        "evaluation_framework": "inspect-ai",
        "tasks": [task],
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110).encode()

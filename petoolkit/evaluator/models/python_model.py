"""A function of the user as a model (`python:FILE_OR_MODULE:FUNCTION`); it is called for one row after the other."""

import copy
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from petoolkit.evaluator.models.model import Answer, Prompt
from petoolkit.evaluator.models.openai_model import CHARACTERS_A_TOKEN
from petoolkit.evaluator.models.python_function import ROW, error_text, find_function

if TYPE_CHECKING:
    from petoolkit.evaluator.models.model_kinds import ModelSetup

# What a function that answers rows gets to see: what a prompt shows, and whose row it is. Never what decides or is
# right.
SHOWN_COLUMNS = ("id", "user_id", "instruction", "history", "history_length", "candidate_tools")


class PythonModel:
    """A function with the interface of a model."""

    def __init__(self, setup: "ModelSetup"):
        function = find_function(setup.name)
        self._call = function.call
        self._reads_rows = function.reads == ROW

    def count_tokens(self, messages: list[dict[str, str]], candidate_tools: Sequence[dict] = ()) -> int:
        """See `petoolkit.evaluator.models.model.Model`; estimated from the number of characters."""
        return round(sum(len(message["content"]) for message in messages) / CHARACTERS_A_TOKEN)

    def answer_all(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """See `petoolkit.evaluator.models.model.Model`; what the function raises is the error of its row."""
        for prompt in prompts:
            start = time.perf_counter()
            try:
                reply = self._call(self._argument(prompt))
            except (Exception, SystemExit) as error:  # whatever the user's code raises
                yield Answer(prompt, None, error_text(error), seconds=time.perf_counter() - start)
                continue
            seconds = time.perf_counter() - start
            if isinstance(reply, str):
                yield Answer(prompt, reply, seconds=seconds)
            else:
                yield Answer(prompt, None, _not_text(reply), seconds=seconds)

    def _argument(self, prompt: Prompt) -> Any:
        """What the function gets: a copy, so that nothing that it changes reaches the scores."""
        if not self._reads_rows:
            return copy.deepcopy(prompt.messages)
        return copy.deepcopy({name: prompt.row[name] for name in SHOWN_COLUMNS})


def _not_text(reply: Any) -> str:
    kind = type(reply).__name__
    hint = "the call as JSON text (json.dumps)" if isinstance(reply, dict | list | tuple) else "the reply as text"
    return f"the function returned {'None' if reply is None else f'a value of the type {kind}'}; return {hint}"

"""A fitted selector as a model (`selector:DIR_OR_ID`); it reads rows."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from petoolbench import to_json_text
from petoolkit.chunks import in_chunks
from petoolkit.evaluator.models.model import Answer, Prompt
from petoolkit.selector.tool_selector import Selector

if TYPE_CHECKING:
    from petoolkit.evaluator.models.model_kinds import ModelSetup

_ROWS_AT_ONCE = 512  # whose texts are embedded together


class SelectorModel:
    """A selector with the interface of a model."""

    def __init__(self, setup: "ModelSetup"):
        self._selector = Selector.load(setup.name)

    def count_tokens(self, messages: list[dict[str, str]], candidate_tools: Sequence[dict] = ()) -> int:
        """See `petoolkit.evaluator.models.model.Model`; a selector has no window."""
        return 0

    def answer_all(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """See `petoolkit.evaluator.models.model.Model`."""
        for part in in_chunks(prompts, _ROWS_AT_ONCE):
            self._selector.prepare([prompt.row for prompt in part])
            for prompt in part:
                began = time.perf_counter()
                reply = self._reply(prompt.row)
                yield Answer(prompt, reply, seconds=time.perf_counter() - began)

    def _reply(self, row: dict) -> str:
        (ranking,) = self._selector.rank([row], reasons=False)
        tool = row["candidate_tools"][ranking[0].number]
        parameters = self._selector.parameters(tool, row["instruction"])
        return to_json_text({"tool_name": tool["tool_name"], "parameters": parameters})

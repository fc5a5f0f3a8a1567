"""A model of which several processes each hold a copy; an engine shares the prompts among them."""

import datetime
from collections.abc import Iterable, Iterator
from typing import Any

from petoolkit.chunks import in_chunks
from petoolkit.endpoint.usage import Usage
from petoolkit.engines.engine import Engine
from petoolkit.evaluator.history_methods.shown_rows import ShownRow
from petoolkit.evaluator.models.model import Answer, Model
from petoolkit.evaluator.models.model_kinds import make_chat, make_model
from petoolkit.evaluator.models.reply_limit import ReplyLimit
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.prompts.row_prompts import make_prompts

# Sent to a copy, and kept when they are answered: a killed command asks for no more than those again.
_ROWS_AT_ONCE = 64

Asked = tuple[ShownRow, int]  # a row as the model is shown it, and the number of its repeat


class ModelReplica:
    """Answers chunks of rows; the process that it is sent to loads the model for the first of them.

    Args:
        spec: of the model.
        options: of the evaluation, with the variables of the chat template that were found.
        date: that the chat template may write.
        limit: most tokens of a reply.
        released: the authors' own prompts by row id.
    """

    holds_a_model = True

    def __init__(
        self, spec: str, options: Options, date: datetime.date | None, limit: ReplyLimit, released: dict[str, str]
    ):
        self._spec, self._options, self._date, self._limit, self._released = spec, options, date, limit, released
        self._model: Model | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_model": None}

    def __call__(self, asked: list[Asked]) -> list[Answer]:
        if self._model is None:
            chat = make_chat(self._spec, self._options, self._date)
            self._model = make_model(
                self._spec, self._options, Connection(), Usage(None), (), lambda: [], chat, self._limit
            )
        return list(self._model.answer_all(make_prompts(asked, self._model, self._options, self._released)))

    def answers(self, asked: Iterable[Asked], engine: Engine) -> Iterator[Answer]:
        """The answers to all rows, which come when those before them are there."""
        chunks = in_chunks(asked, _ROWS_AT_ONCE)
        return (answer for _, part in engine.run(self, chunks) for answer in part)

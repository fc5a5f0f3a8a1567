"""A model of which several processes each hold a copy; an engine shares the prompts among them."""

import datetime
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from petoolkit.chunks import in_chunks
from petoolkit.endpoint.usage import Usage
from petoolkit.engines.engine import Engine
from petoolkit.evaluator.history_methods.memories import Memory, history_keys
from petoolkit.evaluator.history_methods.method_table import HistoryMethod
from petoolkit.evaluator.history_methods.shown_rows import ShownRow
from petoolkit.evaluator.history_methods.written_memory import written_memories
from petoolkit.evaluator.models.model import Answer, Model
from petoolkit.evaluator.models.model_kinds import make_chat, make_model
from petoolkit.evaluator.models.reply_limit import ReplyLimit
from petoolkit.evaluator.options import Connection, Options
from petoolkit.evaluator.prompts.row_prompts import make_prompts

# Sent to a copy, and kept when they are answered: a killed command asks for no more than those again.
_ROWS_AT_ONCE = 64

Asked = tuple[ShownRow, int]  # a row as the model is shown it, and the number of its repeat
Histories = tuple[list[dict], dict[str, Memory]]  # rows whose histories are written of, and what is known of them


@dataclass(frozen=True)
class ModelReplica:
    """Answers chunks of rows; a process that they are sent to loads the model for the first of them.

    Args:
        spec: of the model.
        options: of the evaluation, with the variables of the chat template that were found.
        date: that the chat template may write.
        limit: most tokens of a reply.
        released: the authors' own prompts by row id.
    """

    spec: str
    options: Options
    date: datetime.date | None
    limit: ReplyLimit
    released: dict[str, str]

    holds_a_model = True

    def model(self) -> Model:
        """The model; a process keeps the last one that it loaded."""
        return _loaded(pickle.dumps((self.spec, self.options, self.date, self.limit)))

    def __call__(self, asked: list[Asked]) -> list[Answer]:
        model = self.model()
        return list(model.answer_all(make_prompts(asked, model, self.options, self.released)))

    def answers(self, asked: Iterable[Asked], engine: Engine) -> Iterator[Answer]:
        """The answers to all rows, which come when those before them are there."""
        chunks = in_chunks(asked, _ROWS_AT_ONCE)
        return (answer for _, part in engine.run(self, chunks) for answer in part)

    def memories(
        self, method: HistoryMethod, known: Mapping[str, Memory], rows: Sequence[dict], engine: Engine
    ) -> Iterator[Memory]:
        """The texts that a method needs for rows; see `written_memories`.

        Histories that begin with the same call go to the same copy, so that nothing is written twice.
        """
        by_first_call: dict[str, Histories] = {}
        for row in rows:
            keys = history_keys(row)
            rows_of_copy, known_to_copy = by_first_call.setdefault(keys[0], ([], {}))
            rows_of_copy.append(row)
            known_to_copy.update((key, known[key]) for key in keys if key in known)
        chunks = (
            ([row for rows, _ in part for row in rows], {key: one for _, found in part for key, one in found.items()})
            for part in in_chunks(by_first_call.values(), _ROWS_AT_ONCE)
        )
        return (memory for _, part in engine.run(_WritingReplica(self, method), chunks) for memory in part)


@dataclass(frozen=True)
class _WritingReplica:
    """Writes what a history method shows of chunks of histories."""

    replica: ModelReplica
    method: HistoryMethod

    holds_a_model = True

    def __call__(self, histories: Histories) -> list[Memory]:
        rows, known = histories
        model, window = self.replica.model(), self.replica.options.window
        return list(written_memories(self.method, known, model, window, rows))


@lru_cache(maxsize=1)
def _loaded(pickled: bytes) -> Model:
    spec, options, date, limit = pickle.loads(pickled)
    chat = make_chat(spec, options, date)
    return make_model(spec, options, Connection(), Usage(None), lambda counterfactual: (), lambda: [], chat, limit)

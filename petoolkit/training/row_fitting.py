"""Fitting rows and their answers to a number of tokens: the oldest interactions are dropped first."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from petoolbench import InputError, config_of
from petoolkit.evaluator.prompts.window import Messages, prompt_for
from petoolkit.text import listing
from petoolkit.training.training_chat import TrainingChat


@dataclass(frozen=True)
class FittedRow:
    """A prompt and the answers to train on, as text and as token ids.

    Args:
        id: the row's.
        messages: the prompt.
        answers: one of SFT; of DPO the chosen and the rejected one.
        prompt_ids: token ids of the prompt, up to where the answer begins.
        answer_ids: token ids of each answer, its end token included.
        dropped_interactions: how many of the oldest interactions were dropped.
    """

    id: str
    messages: Messages
    answers: tuple[str, ...]
    prompt_ids: list[int]
    answer_ids: tuple[list[int], ...]
    dropped_interactions: int


@dataclass(frozen=True)
class RowCounts:
    """How many rows were given, shortened and left out.

    Args:
        given: rows given.
        settings: rows given, by config.
        shortened: rows that fit without their oldest interactions.
        unfit: ids of the rows left out, because they are too long even without history.
    """

    given: int
    settings: dict[str, int]
    shortened: int
    unfit: tuple[str, ...]

    @property
    def kept(self) -> int:
        """Number of rows that fit."""
        return self.given - len(self.unfit)

    def table(self) -> dict[str, int]:
        """Each number by its description, for a card."""
        return {
            "rows given": self.given,
            **{f"rows given, {setting}": number for setting, number in self.settings.items()},
            "rows left out as too long": len(self.unfit),
            "rows to train on": self.kept,
            "of them with a shortened history": self.shortened,
        }

    def __str__(self) -> str:
        mixed = ", ".join(f"{number:,} {setting}" for setting, number in self.settings.items())
        return (
            f"{self.given:,} rows in ({mixed}), {len(self.unfit):,} left out as too long, {self.kept:,} taken, "
            f"{self.shortened:,} of them with a shortened history."
        )


def fit_row(row: dict, answers: Sequence[str], chat: TrainingChat, max_length: int) -> FittedRow | None:
    """Drop as few interactions as possible, the oldest first, so that the prompt and the longest answer fit.

    Args:
        row: a row of the benchmark.
        answers: the answers to train on.
        chat: the tokenizer of the model to train.
        max_length: the most tokens of the prompt and one answer, its end token included.

    Returns:
        `None` if the row does not fit even without history.
    """
    tools = row["candidate_tools"]
    answer_ids = tuple(chat.encode_answer(answer, tools) for answer in answers)
    window = max_length - max(map(len, answer_ids))
    count_tokens = partial(chat.count_tokens, candidate_tools=tools)
    prompt = prompt_for(row, 0, count_tokens, window, native_tools=chat.native_tools)
    if prompt.over_window:
        return None
    return FittedRow(
        row["id"],
        prompt.messages,
        tuple(answers),
        chat.encode(prompt.messages, tools),
        answer_ids,
        prompt.dropped_interactions,
    )


def fit_rows(
    rows: Iterable[tuple[dict, Sequence[str]]], chat: TrainingChat, max_length: int, max_unfit: int
) -> tuple[list[FittedRow], RowCounts]:
    """Fit rows, each with its answers (`fit_row`), and count them.

    Raises:
        InputError: naming the rows that do not fit, if they are more than `max_unfit`; if no row is left.
    """
    fitted, unfit, settings = [], [], Counter[str]()
    for row, answers in rows:
        settings[config_of(row)] += 1
        if fitted_row := fit_row(row, answers, chat, max_length):
            fitted.append(fitted_row)
        else:
            unfit.append(row["id"])
    if len(unfit) > max_unfit:
        raise InputError(
            f"{len(unfit)} of {settings.total()} rows are longer than max_length {max_length} even without history "
            f"({listing(unfit)}); raise max_length, or let that many be left out with --max_unfit_rows {len(unfit)}."
        )
    if not fitted:
        raise InputError(f"of {settings.total()} rows none is left to train on; check dataset_name and max_length.")
    shortened = sum(row.dropped_interactions > 0 for row in fitted)
    return fitted, RowCounts(settings.total(), dict(settings), shortened, tuple(unfit))

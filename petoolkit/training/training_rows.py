"""Rows of the dataset to what is trained on: chosen, checked against the test split, and fitted to a length."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from petoolbench import SETTINGS, InputError, check_choice, setting_of, to_json_text
from petoolkit.evaluator.dataset_rows import load_rows
from petoolkit.evaluator.prompts.window import Messages, prompt_for
from petoolkit.training.training_chat import TrainingChat

_SHOWN = 5  # ids in a message


@dataclass(frozen=True)
class FittedRow:
    """A prompt and the answers to train on behind it, no longer than the limit."""

    id: str
    messages: Messages
    answers: tuple[str, ...]
    prompt_ids: list[int]
    answer_ids: tuple[list[int], ...]  # each with the end token
    dropped_interactions: int  # of the history, the oldest


@dataclass(frozen=True)
class RowCounts:
    """What became of the rows."""

    given: int
    settings: dict[str, int]  # rows given, by setting
    shortened: int  # that fit without the oldest part of their history
    unfit: tuple[str, ...]  # ids of the rows left out, too long even without history

    @property
    def kept(self) -> int:
        """Rows that fit."""
        return self.given - len(self.unfit)

    def table(self) -> dict[str, int]:
        """The counts with what they count, for a card."""
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


def gold_call(row: dict) -> str:
    """The gold call as the prompt asks for it: one line of JSON, `{"tool_name": ..., "parameters": {...}}`."""
    call = row["tool_call"]
    return to_json_text({"tool_name": call["tool_name"], "parameters": json.loads(call["parameters"])})


def load_training_rows(dataset: str, settings: Sequence[str], seed: int, revision: str | None = None) -> list[dict]:
    """Rows of the train split, the settings spread evenly over the list, each setting's in an order drawn by seed.

    Raises:
        InputError: if there is no such dataset, setting or train split.
    """
    if not settings:
        raise InputError(f"no setting to train on; give some of: {', '.join(SETTINGS)}.")
    placed = []
    for setting in dict.fromkeys(settings):
        check_choice(setting, SETTINGS, "setting")
        rows = load_rows(dataset, setting, "train", revision)
        random.Random(f"{seed}:{setting}").shuffle(rows)
        placed += [((place + 0.5) / len(rows), row) for place, row in enumerate(rows)]
    placed.sort(key=lambda item: item[0])
    return [row for _, row in placed]


def split_users(rows: list[dict], share: float, seed: int) -> tuple[list[dict], list[dict]]:
    """Rows to train on and rows to validate on: all rows of a share of the users, drawn by seed.

    Raises:
        InputError: for a share that leaves no user on one side.
    """
    users = sorted({row["user_id"] for row in rows})
    number = round(len(users) * share)
    if not 0 <= share < 1 or (share and not 0 < number < len(users)):
        raise InputError(f"validation_share {share} of {len(users)} users leaves a side empty; take another share.")
    held_out = set(random.Random(f"{seed}:validation").sample(users, number))
    return (
        [row for row in rows if row["user_id"] not in held_out],
        [row for row in rows if row["user_id"] in held_out],
    )


def fit_row(row: dict, answers: Sequence[str], chat: TrainingChat, max_length: int) -> FittedRow | None:
    """Drop the fewest oldest interactions that let prompt and longest answer, end token included, fit `max_length`.

    Returns:
        `None` if the row does not fit even without history.
    """
    answer_ids = tuple(chat.encode_answer(answer) for answer in answers)
    window = max_length - max(map(len, answer_ids))
    prompt = prompt_for(row, 0, chat.count_tokens, window)
    if prompt.over_window:
        return None
    return FittedRow(
        row["id"],
        prompt.messages,
        tuple(answers),
        chat.encode(prompt.messages),
        answer_ids,
        prompt.dropped_interactions,
    )


def fit_rows(
    rows: Iterable[tuple[dict, Sequence[str]]], chat: TrainingChat, max_length: int, max_unfit: int
) -> tuple[list[FittedRow], RowCounts]:
    """Fit rows, each with its answers (`fit_row`), and count what became of them.

    Raises:
        InputError: naming rows that do not fit, if they are more than `max_unfit`; if none is left.
    """
    fitted, unfit, settings = [], [], Counter[str]()
    for row, answers in rows:
        settings[setting_of(row)] += 1
        if fits := fit_row(row, answers, chat, max_length):
            fitted.append(fits)
        else:
            unfit.append(row["id"])
    if len(unfit) > max_unfit:
        named = ", ".join(unfit[:_SHOWN]) + (", ..." if len(unfit) > _SHOWN else "")
        raise InputError(
            f"{len(unfit)} of {settings.total()} rows are longer than max_length {max_length} even without history "
            f"({named}); raise max_length, or let that many be left out with --max_unfit_rows {len(unfit)}."
        )
    if not fitted:
        raise InputError(f"of {settings.total()} rows none is left to train on; check dataset_name and max_length.")
    shortened = sum(row.dropped_interactions > 0 for row in fitted)
    return fitted, RowCounts(settings.total(), dict(settings), shortened, tuple(unfit))

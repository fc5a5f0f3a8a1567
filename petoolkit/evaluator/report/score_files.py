"""Reading evaluation folders: what a `scores.json` must hold, checked key by key."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from petoolbench import InputError
from petoolkit.files import read_json
from petoolkit.replies import READERS
from petoolkit.text import ALL, printable

ERRORS = {
    "IF": "invalid format",
    "TH": "tool hallucination",
    "TFM": "tool functionality mismatch",
    "TPM": "tool preference mismatch",
    "PNM": "parameter name mismatch",
    "PVM": "parameter value mismatch",
}
METRICS = {
    "tool_acc": "Tool Acc",
    "param_acc": "Param Acc",
    "joint_acc": "Joint Acc",
    "preference_acc": "Preference Acc",
}
BREAKDOWNS = ("history_length", "category", "gold_position")

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Score(BaseModel):
    """A share of rows with its 95 % interval; all three are `None` where no row is behind it."""

    value: Share | None
    low: Share | None
    high: Share | None


class RuleScore(BaseModel):
    """The best rule's share, and which rule that is; `None` where no row is behind it."""

    name: str
    value: Share | None


class Band(BaseModel):
    """Scores of the rows that have something in common, such as a history's length; by reader and metric."""

    rows: Count
    scores: dict[str, dict[str, Score]]


class Counts(BaseModel):
    """Numbers of replies."""

    unreadable: dict[str, Count]  # by reader
    missing: Count
    shortened: Count
    over_window: Count = 0


class Usage(BaseModel):
    """What the replies took; `None` where it is not known."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    median_seconds: Amount | None = None
    p95_seconds: Amount | None = None
    cost_usd: Amount | None = None


class Options(BaseModel):
    """How a model was asked; further options are kept as they are."""

    model_config = ConfigDict(extra="allow")

    history: bool = True
    repeat: Annotated[int, Field(ge=1)] = 1


class Result(BaseModel):
    """What `scores.json` holds: the manifest's keys, and those of `petoolkit.evaluator.scores.score.score`."""

    model_config = ConfigDict(extra="allow")

    folder: str = ""  # its name, which no other folder of the report has
    model: str
    dataset: str
    revision: str | None = None
    fingerprint: str
    split: str
    setting: str
    released: bool = False  # whether the rows are those that the paper's authors released
    options: Options
    versions: dict[str, Any]
    rows: dict[str, Count]
    scores: dict[str, dict[str, dict[str, Score]]]  # by place (a setting, or `all`), reader and metric
    chance: dict[str, dict[str, Share | None]]  # by place and metric
    best_rule: dict[str, dict[str, dict[str, RuleScore]]] = {}  # as `scores`
    breakdowns: dict[str, dict[str, dict[str, Band]]]  # by what, place and band
    repeats: dict[str, dict[str, dict[str, list[Share]]]]  # as `scores`, a share a repeated run
    counts: dict[str, Counts]
    usage: Usage = Usage()

    @model_validator(mode="after")
    def _complete(self) -> "Result":
        if not self.rows.get(ALL):
            raise ValueError("it scores no row")
        for place in self.rows:
            if place not in self.chance or place not in self.counts:
                raise ValueError(f"chance or counts of {place} are missing")
            if any(place not in self.breakdowns.get(what, {}) for what in BREAKDOWNS):
                raise ValueError(f"breakdowns of {place} are missing")
            for reader in READERS:
                scores = self.scores.get(place, {}).get(reader, {})
                if missing := {*METRICS, *ERRORS} - scores.keys():
                    raise ValueError(f"scores of {place}, {reader} reader: {', '.join(sorted(missing))} are missing")
                if scores["tool_acc"].value is None:
                    raise ValueError(f"scores of {place}, {reader} reader: tool_acc has no value")
        return self

    @property
    def is_rule(self) -> bool:
        """Whether this is a rule model of ours, not one that somebody wants to know about."""
        return self.model.startswith("baseline:")

    @property
    def replies(self) -> int:
        """Number of replies that were asked for."""
        return self.rows[ALL] * self.options.repeat

    def score(self, place: str, metric: str, reader: str = READERS[0]) -> Score:
        """A score by its three keys."""
        return self.scores[place][reader][metric]

    def band_sizes(self, what: str, place: str) -> dict[str, int]:
        """Number of rows by band of one of `BREAKDOWNS`, in its order."""
        return {name: band.rows for name, band in self.breakdowns[what][place].items()}


def read_scores(folders: list[Path]) -> list[Result]:
    """Results of evaluation folders, each folder once.

    Raises:
        InputError: if there are no folders, or one holds no `scores.json` of today's form.
    """
    if not folders:
        raise InputError("a report needs folders that `petoolbench evaluate` wrote; name at least one.")
    found = list(dict.fromkeys(folder.resolve() for folder in folders))
    above = os.path.commonpath([folder.parent for folder in found])
    return [_read(folder, folder.relative_to(above).as_posix()) for folder in found]


def _read(folder: Path, name: str) -> Result:
    file = folder / "scores.json"
    if not file.is_file():
        raise InputError(
            f"{folder} holds no scores.json; run `petoolbench evaluate ... --out {folder}` to the end, or, if the "
            f"replies are there, `petoolbench score {folder}`."
        )
    try:
        return Result.model_validate(_on_one_line({**read_json(file), "folder": name}))
    except (ValidationError, TypeError) as error:
        reason = "it is no JSON object"
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"`{'.'.join(map(str, first['loc'])) or 'scores'}`: {first['msg'].lower()}"
        raise InputError(
            f"{file} has not the form of today's scores ({reason}); run `petoolbench score {folder}` to write it anew."
        ) from None


def _on_one_line(value: Any) -> Any:
    """Other people's text, keys too, without line breaks and what would steer a terminal or turn the text around."""
    if isinstance(value, str):
        return " ".join(printable(value).split())
    if isinstance(value, dict):
        return {_on_one_line(key): _on_one_line(item) for key, item in value.items()}
    return [_on_one_line(item) for item in value] if isinstance(value, list) else value

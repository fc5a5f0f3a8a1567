"""Typed records of an evaluation's files; one class writes and reads each file."""

import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from petoolbench import InputError
from petoolkit.decoding import read_json
from petoolkit.evaluator.history_methods.method_table import FULL, history_spec
from petoolkit.evaluator.models.baselines import BASELINES
from petoolkit.evaluator.scores.breakdowns import DIMENSIONS
from petoolkit.evaluator.usage_records import Amount, Count, ReplyUsage
from petoolkit.files import write_json
from petoolkit.replies import HOW_READ, READERS
from petoolkit.scoring import ERROR_TYPES, METRICS
from petoolkit.text import ALL

_RULE = "baseline:"
_SELECTOR = "selector:"  # begins a spec of a fitted selector
MANIFEST, SCORES = "manifest.json", "scores.json"
BREAKDOWNS = tuple(DIMENSIONS)

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
SignedShare = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class AskedOptions(BaseModel):
    """The options of an evaluation (`petoolkit.evaluator.options.Options`) that its model reads."""

    model_config = ConfigDict(extra="allow")

    history: Annotated[str, BeforeValidator(history_spec)] = FULL
    repeat: Annotated[int, Field(ge=1)] = 1


class Manifest(BaseModel):
    """Model, data and options of an evaluation: `manifest.json`, written before the first reply.

    Args:
        model: spec of the model, such as `openai:gpt-4o`.
        function_fingerprint: hash of the source of a `python:` model, 16 hexadecimal digits; `None` for other models,
            and where the source is not known.
        dataset: a folder or a Hub id.
        revision: commit of a dataset on the Hub.
        released: whether the rows are those that the paper's authors released.
        logs: whether the rows were made of logs of real calls.
        fingerprint: hash of the rows, 16 hexadecimal digits.
        split: split of the dataset.
        setting: name of a setting, or `all`; for training rows, several names.
        base_url: address of an endpoint, without user name and password.
        options: options that change the model's answers.
        prompt_fingerprint: hash of the prompt's wording, 16 hexadecimal digits.
        history_fingerprint: hash of what the history method works with: an embedding model, or the source of a memory;
            `None` where it needs nothing.
        chat_template_hash: hash of the chat template of a model that the evaluation ran, 16 hexadecimal digits.
        chat_date: the date that this template writes; `None` if it writes none.
        prices: `input` and `output` in US dollars for a million tokens.
        headers: names of the further headers of each request.
        versions: software versions by package.
        counterfactuals: hash of the rows of each counterfactual that is asked, 16 hexadecimal digits, by name.
        max_new_tokens_reason: why replies have the most tokens that `options` says (`petoolkit.evaluator.models.
            reply_limit`); `None` in older files, and for models without this option.
        left_out: options that the endpoint refused, so that requests were sent without them; known at the end.
        length_option: name under which the endpoint takes `max_tokens`, if another one; known at the end.
        started: when the evaluation began, in UTC; `None` in older files.
    """

    model: str
    function_fingerprint: str | None = None
    dataset: str
    revision: str | None = None
    released: bool = False
    logs: bool = False
    fingerprint: str
    split: str
    setting: str
    base_url: str | None = None
    options: AskedOptions
    prompt_fingerprint: str | None = None
    history_fingerprint: str | None = None
    chat_template_hash: str | None = None
    chat_date: datetime.date | None = None
    prices: dict[str, Amount] | None = None
    headers: list[str] = []
    versions: dict[str, Any] = {}
    counterfactuals: dict[str, str] = {}
    max_new_tokens_reason: str | None = None
    left_out: list[str] = []
    length_option: str | None = None
    started: datetime.datetime | None = None

    @field_validator("prices")
    @classmethod
    def _are_prices(cls, prices: dict[str, float] | None) -> dict[str, float] | None:
        if prices is not None and prices.keys() != {"input", "output"}:
            raise ValueError("it needs input and output, and nothing else")
        return prices

    @property
    def is_rule(self) -> bool:
        """Whether the model is one of the toolkit's rules."""
        return self.model.startswith(_RULE)

    @property
    def is_opponent(self) -> bool:
        """Whether the model is one that a language model has to beat: a rule or a selector, and no oracle."""
        return (self.is_rule or self.model.startswith(_SELECTOR)) and not self.is_oracle

    @property
    def is_oracle(self) -> bool:
        """Whether the model is told what decided, so that it is a bound, and not a rule to compare with."""
        rule = BASELINES.get(self.model.removeprefix(_RULE))
        return self.is_rule and rule is not None and rule.is_oracle

    @property
    def most_tokens(self) -> int | None:
        """Most tokens of a reply; `None` for models without this option."""
        tokens = self.options.model_dump().get("max_new_tokens")
        return tokens if type(tokens) is int else None

    def write(self, folder: Path) -> None:
        """Write the manifest into an evaluation's folder."""
        write_json(folder / MANIFEST, self.model_dump(mode="json"))

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read the manifest of an evaluation's folder.

        Raises:
            InputError: if the manifest is missing or damaged.
        """
        path = folder / MANIFEST
        if not path.exists():
            raise InputError(
                f"{folder} does not hold an evaluation ({MANIFEST} is missing); name a folder that `petoolbench "
                "evaluate --out` wrote."
            )
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            raise InputError(
                f"{path} is not a manifest of an evaluation ({_first_problem(error)}); evaluate again, into another "
                "folder."
            ) from None


class Score(BaseModel):
    """A share of rows with its 95 % interval; all three are `None` if no row is counted."""

    value: Share | None
    low: Share | None = None
    high: Share | None = None


class Difference(BaseModel):
    """A difference of two shares with its 95 % interval; all three are `None` if one of the shares is not known."""

    value: SignedShare | None
    low: SignedShare | None = None
    high: SignedShare | None = None


class PairAccuracy(BaseModel):
    """Of pairs of users of one block who prefer different tools, the share of which both calls are right.

    Args:
        pairs: number of pairs of replies.
        counted: number of those in which both calls are of a tool that does the job; the share is one of these.
        score: the share.
        gain: what it has more than without history, if the counterfactual `no-history` was asked.
    """

    pairs: Count
    counted: Count
    score: Score
    gain: Difference | None = None


class CounterfactualScore(BaseModel):
    """What a model did with the rows of a counterfactual, and what a sound model is expected to do.

    Args:
        rows: number of rows; 0 in a setting that the counterfactual leaves as it is.
        missing: number of missing replies.
        own: share of calls of the row's own gold tool: of the calls of a tool that does the job, or of all rows.
        expected: the share expected of a sound model.
        other: share of calls of the other tool that the counterfactual is about, such as the twin's gold tool.
        expected_other: the share expected of a sound model.
    """

    rows: Count
    missing: Count = 0
    own: Score
    expected: Share
    other: Score | None = None
    expected_other: Share | None = None


class Dependence(BaseModel):
    """A test of whether Tool Acc depends on a dimension of the rows, over all its bands.

    Args:
        bands: number of bands.
        p_value: not corrected for other tests; `None` if there is nothing to compare.
    """

    bands: Count
    p_value: Share | None


class RuleScore(BaseModel):
    """Name and share of the best rule; the share is `None` if no row is counted."""

    name: str
    value: Share | None


class Band(BaseModel):
    """Scores of a group of rows, such as those of one history length, by reader and metric."""

    rows: Count
    scores: dict[str, dict[str, Score]]


class Counts(BaseModel):
    """Numbers of replies. All must be there: scores without one of them are by readers that differ from today's."""

    unreadable: dict[str, Count]  # by reader
    how_read: dict[str, Count]  # by the robust reader, by `HOW_READ`
    by_optional_rule: Count  # replies whose parameters are right only by the rule of optional ones
    missing: Count
    shortened: Count
    over_window: Count
    cut_replies: Count  # at the most tokens of a reply


class Preference(BaseModel):
    """How well calls follow preference, by the robust reader.

    Args:
        pairs: pair accuracy given the function, by setting (or `all`); empty if there are no blocks.
        history_gain: what Preference Acc has more than without history, by setting, if `no-history` was asked.
        counterfactual_scores: what was called in the rows of counterfactuals, by name and setting.
    """

    pairs: dict[str, PairAccuracy] = {}
    history_gain: dict[str, Difference] = {}
    counterfactual_scores: dict[str, dict[str, CounterfactualScore]] = {}

    def taste_followed(self, setting: str = ALL) -> Score | None:
        """The share of override rows in which the taste's tool was called all the same; `None` if not asked."""
        found = self.counterfactual_scores.get("override", {}).get(setting)
        return found.other if found else None


class Scores(Preference, Manifest):
    """The manifest and the scores of an evaluation: `scores.json`.

    Args:
        rows: number of rows by setting. Here and below, the settings include `all`.
        scores: scores by setting, reader, and metric or error type. Error types are shares of all rows.
        chance: expected scores of calls of random candidates, by setting and metric.
        best_rule: the best of the toolkit's rules on the same rows, by setting, reader and metric.
        breakdowns: scores of bands, by dimension (`BREAKDOWNS`), setting and band.
        dependence: tests of whether Tool Acc (robust reader) depends on a dimension, by dimension and setting.
        repeats: one share for each repeated run, by setting, reader and accuracy.
        counts: numbers of replies, by setting.
        usage: tokens, seconds and cost of the replies.
        cut_prompts: number of prompts of which the endpoint read far fewer tokens than they have; `None` if not known.
        folder: name of the folder that the scores were read from; not written.
        path: of that folder; not written either.
    """

    rows: dict[str, Count]
    scores: dict[str, dict[str, dict[str, Score]]]
    chance: dict[str, dict[str, Share | None]]
    best_rule: dict[str, dict[str, dict[str, RuleScore]]] = {}
    breakdowns: dict[str, dict[str, dict[str, Band]]]
    dependence: dict[str, dict[str, Dependence]] = {}
    repeats: dict[str, dict[str, dict[str, list[Share]]]]
    counts: dict[str, Counts]
    usage: ReplyUsage = ReplyUsage()
    cut_prompts: Count | None = None
    folder: str = Field("", exclude=True)
    path: Path = Field(Path(), exclude=True)

    @model_validator(mode="after")
    def _complete(self) -> "Scores":
        if not self.rows.get(ALL):
            raise ValueError("it scores no row")
        for setting in self.rows:
            if setting not in self.chance or setting not in self.counts:
                raise ValueError(f"chance or counts of {setting} are missing")
            if any(setting not in self.breakdowns.get(dimension, {}) for dimension in BREAKDOWNS):
                raise ValueError(f"breakdowns of {setting} are missing")
            for reader in READERS:
                scores = self.scores.get(setting, {}).get(reader, {})
                if missing := {*METRICS, *ERROR_TYPES} - scores.keys():
                    raise ValueError(f"scores of {setting}, {reader} reader: {', '.join(sorted(missing))} are missing")
                if scores["tool_acc"].value is None:
                    raise ValueError(f"scores of {setting}, {reader} reader: tool_acc has no value")
        return self

    @property
    def replies(self) -> int:
        """Number of requested replies."""
        return self.rows[ALL] * self.options.repeat

    def score(self, setting: str, metric: str, reader: str = READERS[0]) -> Score:
        """The score of one setting (or `all`), of a metric or an error type, by one reader."""
        return self.scores[setting][reader][metric]

    def reply_counts(self, setting: str = ALL, reader: str = READERS[0]) -> dict[str, int]:
        """Numbers of replies that were missing, cut, unreadable, or not read as asked."""
        counts = self.counts[setting]
        found = {"missing": counts.missing, "cut": counts.cut_replies, "unreadable": counts.unreadable.get(reader, 0)}
        return found | {how: counts.how_read.get(how, 0) if reader == READERS[0] else 0 for how in HOW_READ[1:]}

    def what_replies_lacked(self, setting: str = ALL, reader: str = READERS[0]) -> str:
        """The same as a text, to stand below a model's name; empty if all replies were read as asked."""
        found = [f"{number:,} {name}" for name, number in self.reply_counts(setting, reader).items() if number]
        return f"of {self.rows[setting] * self.options.repeat:,} replies: {', '.join(found)}" if found else ""

    @property
    def answered(self) -> int:
        """Number of replies that are there, to counterfactual rows too."""
        asked = {name: by_setting.get(ALL) for name, by_setting in self.counterfactual_scores.items()}
        others = sum(one.rows * self.options.repeat - one.missing for one in asked.values() if one)
        return self.replies - self.counts[ALL].missing + others

    @property
    def tokens_a_reply(self) -> float | None:
        """Mean number of tokens of a reply, to counterfactual rows too; `None` if they are not known."""
        tokens = self.usage.completion_tokens
        return tokens / self.answered if tokens and self.answered > 0 else None

    @property
    def tokens_a_request(self) -> float | None:
        """Mean number of tokens that a request takes: prompt, reply, and its share of what was spent on histories."""
        usage = self.usage
        spent = [usage.prompt_tokens, usage.completion_tokens]
        if usage.memory:
            spent += [usage.memory.prompt_tokens or 0, usage.memory.completion_tokens or 0]
        known = [tokens for tokens in spent if tokens is not None]
        return sum(known) / self.answered if len(known) == len(spent) and self.answered > 0 else None

    def band_sizes(self, dimension: str, setting: str) -> dict[str, int]:
        """Number of rows by band of one of `BREAKDOWNS`, in its order."""
        return {name: band.rows for name, band in self.breakdowns[dimension][setting].items()}

    def write(self, folder: Path) -> None:
        """Write the scores into an evaluation's folder."""
        write_json(folder / SCORES, self.model_dump(mode="json"))

    @classmethod
    def read(cls, folder: Path) -> "Scores":
        """Read the scores of an evaluation's folder.

        Raises:
            InputError: if the scores are missing or not of this form; says how to write them.
        """
        file = folder / SCORES
        if not file.is_file():
            raise InputError(
                f"{folder} does not hold {SCORES}; run `petoolbench evaluate ... --out {folder}` to its end, or, if "
                f"all replies are there, run `petoolbench score {folder}`."
            )
        try:
            return cls.model_validate(read_json(file))
        except ValidationError as error:
            raise InputError(
                f"{file} does not have the form of this version's scores ({_first_problem(error)}); run `petoolbench "
                f"score {folder}` to write it again."
            ) from None


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    return f"`{field}`: {first['msg'].lower()}" if field else first["msg"].lower()

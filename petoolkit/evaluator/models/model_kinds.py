"""The kinds of models that an evaluation can ask, each with the options that it reads."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from petoolbench import InputError
from petoolkit.evaluator.models.baselines import BASELINES, TrainRows, predict
from petoolkit.evaluator.models.model import Answer, Model, Prompt

if TYPE_CHECKING:
    from petoolkit.endpoint.usage import Usage
    from petoolkit.evaluator.options import Connection, Options


@dataclass(frozen=True)
class Asked:
    """What a model is made for.

    Args:
        name: the spec without its kind.
        options: how the model is asked.
        connection: how an endpoint is reached.
        usage: counts what an endpoint is asked.
        rows: the rows that it will be asked about.
        train_rows: gives the training rows, to rules that are fitted.
    """

    name: str
    options: "Options"
    connection: "Connection"
    usage: "Usage"
    rows: list[dict]
    train_rows: TrainRows


@dataclass(frozen=True)
class ModelKind:
    """A kind of model.

    Args:
        name: what stands before the colon of a spec.
        spec: the form of a spec, for `--help`.
        description: what it is, for `--help`.
        reads: names of the options (fields of `Options` and `Connection`) that it reads.
        make: loads or reaches the model.
        shares_rows: whether several processes (`accelerate launch`) share the rows among them.
        is_rule: whether it is one of the toolkit's rules, which read rows and no prompts.
    """

    name: str
    spec: str
    description: str
    reads: frozenset[str]
    make: Callable[[Asked], Model]
    shares_rows: bool = False
    is_rule: bool = False


_ALL_READ = frozenset({"seed", "repeat"})
_PROMPTED_READ = _ALL_READ | {"history", "prompt", "truncate", "window", "temperature", "max_new_tokens"}
_ENDPOINT_READS = _PROMPTED_READ | {"protocol", "base_url", "concurrency", "prices"}
# On the command line, where it is not the option's name with dashes.
_COMMAND_LINE = {"history": "--no-history"}


def _make_openai(asked: Asked) -> Model:
    from petoolkit.endpoint.llm_settings import LlmSettings
    from petoolkit.evaluator.models.openai_model import OpenAIModel

    options, connection = asked.options, asked.connection
    settings = LlmSettings(
        model=asked.name,
        base_url=connection.base_url,
        concurrency=connection.concurrency,
        prices=connection.prices,
        temperature=options.temperature,
        max_tokens=options.max_new_tokens,
    )
    return OpenAIModel(settings, options.protocol == "tools", options.seed, asked.usage)


def _make_hf(asked: Asked) -> Model:
    from petoolkit.evaluator.models.hf_model import HfModel

    options = asked.options
    return HfModel(asked.name, options.temperature, options.max_new_tokens, options.seed)


def _make_vllm(asked: Asked) -> Model:
    from petoolkit.evaluator.models.vllm_model import VllmModel

    options = asked.options
    return VllmModel(asked.name, options.temperature, options.max_new_tokens, options.seed)


class BaselineModel:
    """A rule in the role of a model: it reads rows, not prompts."""

    def __init__(self, asked: Asked):
        self._asked = asked

    def count_tokens(self, messages: list[dict[str, str]]) -> int:
        """See `petoolkit.evaluator.models.model.Model`; a rule has no window."""
        return 0

    def answer_all(self, prompts: list[Prompt]) -> Iterator[Answer]:
        """See `petoolkit.evaluator.models.model.Model`."""
        asked = self._asked
        for repeat in sorted({prompt.repeat for prompt in prompts}):
            replies = predict(asked.name, asked.rows, asked.train_rows, asked.options.seed + repeat)
            by_row = dict(zip((row["id"] for row in asked.rows), replies, strict=True))
            yield from (Answer(prompt, by_row[prompt.row_id]) for prompt in prompts if prompt.repeat == repeat)


MODEL_KINDS: dict[str, ModelKind] = {
    kind.name: kind
    for kind in (
        ModelKind(
            "openai",
            "openai:NAME",
            "a model behind any OpenAI-compatible endpoint: OpenAI, vLLM, Ollama ... ($OPENAI_API_KEY)",
            _ENDPOINT_READS,
            _make_openai,
        ),
        ModelKind(
            "hf",
            "hf:MODEL[+ADAPTER]",
            "a model of transformers, in this process; with `accelerate launch`, in several",
            _PROMPTED_READ,
            _make_hf,
            shares_rows=True,
        ),
        ModelKind(
            "vllm", "vllm:MODEL[+ADAPTER]", "a model that vLLM runs in this process", _PROMPTED_READ, _make_vllm
        ),
        ModelKind(
            "baseline",
            "baseline:NAME",
            "a rule, to compare with; NAME is one of those below",
            _ALL_READ,
            BaselineModel,
            is_rule=True,
        ),
    )
}


def model_help() -> list[tuple[str, str]]:
    """Each form of a spec and what it stands for, for `--help`."""
    kinds = [(kind.spec, kind.description) for kind in MODEL_KINDS.values() if not kind.is_rule]
    return kinds + [(f"baseline:{rule.name}", rule.description) for rule in BASELINES.values()]


def kind_of(spec: str) -> tuple[ModelKind, str]:
    """A spec's kind and name.

    Raises:
        InputError: for a spec of no kind; suggests one.
    """
    kind, _, name = spec.partition(":")
    if kind in MODEL_KINDS and name and (not MODEL_KINDS[kind].is_rule or name in BASELINES):
        return MODEL_KINDS[kind], name
    known = ", ".join(known.spec for known in MODEL_KINDS.values())
    rules = ", ".join(BASELINES)
    meant = _meant(spec)
    raise InputError(
        f"unknown model {spec!r}; {f'did you mean {meant}? ' if meant else ''}Known are {known} (NAME: {rules})."
    )


def _meant(spec: str) -> str | None:
    """A spec that somebody may have meant who left its kind out."""
    if not spec or ":" in spec:
        return None
    if spec in BASELINES:
        return f"baseline:{spec}"
    return f"hf:{spec}" if "/" in spec or Path(spec).exists() else f"openai:{spec}"


def check_options(spec: str, options: "Options", connection: "Connection", given: Collection[str] = ()) -> ModelKind:
    """Refuse options that the model does not read.

    Args:
        spec: of the model.
        options, connection: what was asked for.
        given: names of options that were given on purpose; all others are refused where they differ from the default.

    Raises:
        InputError: for a spec of no kind, or naming the options.
    """
    kind, _ = kind_of(spec)
    wanted = {**asdict(options), **asdict(connection)}
    usual = {**asdict(type(options)()), **asdict(type(connection)())}
    unread = [name for name in wanted if name not in kind.reads and (name in given or wanted[name] != usual[name])]
    if unread:
        names = ", ".join(_COMMAND_LINE.get(name, f"--{name.replace('_', '-')}") for name in unread)
        read = ", ".join(
            _COMMAND_LINE.get(name, f"--{name.replace('_', '-')}") for name in wanted if name in kind.reads
        )
        raise InputError(f"{spec} does not read {names}; leave out what has no effect. It reads: {read}.")
    return kind


def make_model(
    spec: str,
    options: "Options",
    connection: "Connection",
    usage: "Usage",
    rows: list[dict],
    train_rows: TrainRows,
) -> Model:
    """Load or reach a model.

    Raises:
        InputError: if that is impossible: there is no such model, no key, or a package is missing.
    """
    kind, name = kind_of(spec)
    return kind.make(Asked(name, options, connection, usage, rows, train_rows))

"""The kinds of models that can be evaluated, and the options that each kind reads."""

import datetime
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from petoolbench import InputError
from petoolkit.evaluator.counterfactuals.counterfactual import counterfactual_of
from petoolkit.evaluator.history_methods.method_table import parse_history_method
from petoolkit.evaluator.models.baselines import BASELINES, TrainRows, answered
from petoolkit.evaluator.models.model import Answer, Model, Prompt, split_spec
from petoolkit.evaluator.models.reply_limit import ROOM, ReplyLimit, find_reply_limit

if TYPE_CHECKING:
    from petoolkit.endpoint.usage import Usage
    from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer
    from petoolkit.evaluator.options import Connection, Options

RowsOf = Callable[[str], Iterable[dict]]


@dataclass(frozen=True)
class ModelSetup:
    """Everything that a model of any kind is made from.

    Args:
        name: the spec without its kind.
        options: options that change the model's answers.
        connection: address and limits of an endpoint.
        usage: counts calls and tokens of an endpoint.
        rows: takes the name of a counterfactual, or nothing for the dataset's own; gives the rows of the evaluation,
            which can be gone through several times.
        train_rows: returns the training rows, for rules that are fitted.
        limit: most tokens of a reply.
        chat: tokenizer and chat template of a model that this process runs.
        on_growth: called when replies of an endpoint get more tokens, since one was cut in its reasoning.
    """

    name: str
    options: "Options"
    connection: "Connection"
    usage: "Usage"
    rows: RowsOf
    train_rows: TrainRows
    limit: ReplyLimit
    chat: "ChatTokenizer | None" = None
    on_growth: Callable[[ReplyLimit], None] = lambda limit: None


@dataclass(frozen=True)
class ModelKind:
    """A kind of model.

    Args:
        name: the part of a spec before the colon.
        spec: the form of a spec, for `--help`.
        description: a description for `--help`.
        reads: names of the options (fields of `Options` and `Connection`) that models of this kind read.
        make: loads the model, or connects to it.
        shares_rows: whether several processes (`accelerate launch`) divide the rows among them.
        has_replicas: whether an engine may load it in several processes, each of which answers a share of the prompts.
        check_packages: for models whose chat template is rendered here: given the spec without its kind, checks that
            the packages that run the model are installed.
        is_rule: whether it is a rule of the toolkit.
        reads_rows: whether it reads rows instead of prompts.
        fingerprint: hash of what answers, where the spec does not say it, 16 hexadecimal digits.
        with_name: for kinds whose models differ in this: returns the kind as it is for a spec without its kind.
    """

    name: str
    spec: str
    description: str
    reads: frozenset[str]
    make: Callable[[ModelSetup], Model]
    shares_rows: bool = False
    has_replicas: bool = False
    check_packages: Callable[[str], None] | None = None
    is_rule: bool = False
    reads_rows: bool = False
    fingerprint: str | None = None
    with_name: "Callable[[ModelKind, str], ModelKind] | None" = None


_ALL_READ = frozenset({"history", "seed", "repeat"})
_PROMPT_READ = frozenset({"prompt", "truncate", "window"})
_PROMPTED_READ = _ALL_READ | _PROMPT_READ | {"temperature", "max_new_tokens"}
_CHAT_READ = _PROMPTED_READ | {"protocol", "chat_template", "chat_template_args", "any_base"}
_ENDPOINT_READS = _PROMPTED_READ | {
    "protocol",
    "extra_body",
    "base_url",
    "concurrency",
    "prices",
    "headers",
    "timeout",
}
# Options whose command-line form is not their name with dashes.
_COMMAND_LINE = {"headers": "--header"}


def _make_openai(setup: ModelSetup) -> Model:
    from petoolkit.endpoint.llm_settings import LlmSettings
    from petoolkit.evaluator.models.openai_model import OpenAIModel, seconds_for

    options, connection = setup.options, setup.connection
    settings = LlmSettings(
        model=setup.name,
        base_url=connection.base_url,
        concurrency=connection.concurrency,
        prices=connection.prices,
        temperature=options.temperature,
        max_tokens=setup.limit.tokens,
        timeout=connection.timeout or seconds_for(setup.limit.tokens),
        extra_body=options.extra_body or {},
    )
    return OpenAIModel(
        settings,
        options.protocol == "tools",
        options.seed,
        setup.usage,
        connection.headers,
        connection.timeout or seconds_for(ROOM) if setup.limit.may_grow else None,
        setup.on_growth,
    )


def _make_hf(setup: ModelSetup) -> Model:
    from petoolkit.evaluator.models.hf_model import HfModel

    options = setup.options
    return HfModel(setup.name, options.temperature, setup.limit.tokens, options.seed, chat=setup.chat)


def _check_hf(name: str) -> None:
    from petoolkit.evaluator.models.hf_model import check_packages

    check_packages()


def _make_vllm(setup: ModelSetup) -> Model:
    from petoolkit.evaluator.models.vllm_model import VllmModel

    options = setup.options
    return VllmModel(setup.name, options.temperature, setup.limit.tokens, options.seed, setup.chat)


def _check_vllm(name: str) -> None:
    from petoolkit.evaluator.models.vllm_model import check_package

    check_package(name)


def _make_python(setup: ModelSetup) -> Model:
    from petoolkit.evaluator.models.python_model import PythonModel

    return PythonModel(setup)


def _python_kind(kind: ModelKind, name: str) -> ModelKind:
    """The kind of a function that reads rows, or that reads messages."""
    from petoolkit.evaluator.models.python_function import ROW, find_function

    function = find_function(name)
    reads_rows = function.reads == ROW
    reads = kind.reads - _PROMPT_READ if reads_rows else kind.reads
    return replace(kind, reads=reads, reads_rows=reads_rows, fingerprint=function.fingerprint)


def _make_selector(setup: ModelSetup) -> Model:
    from petoolkit.evaluator.models.selector_model import SelectorModel

    return SelectorModel(setup)


def _selector_kind(kind: ModelKind, name: str) -> ModelKind:
    """The kind of a selector, whose weights are told apart by their hash."""
    from petoolkit.selector.selector_files import selector_fingerprint

    return replace(kind, fingerprint=selector_fingerprint(name))


class BaselineModel:
    """A rule with the interface of a model; it reads rows instead of prompts."""

    def __init__(self, setup: ModelSetup):
        self._setup = setup

    def count_tokens(self, messages: list[dict[str, str]], candidate_tools: Sequence[dict] = ()) -> int:
        """See `petoolkit.evaluator.models.model.Model`; a rule has no window."""
        return 0

    def answer_all(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """See `petoolkit.evaluator.models.model.Model`."""
        setup = self._setup
        # Each counterfactual for itself, so that no rule's replies to the other rows depend on it; one after the
        # other, as prompts come, so that the ids of all their rows are never in memory. Repeats come in any order.
        for counterfactual, of_part in groupby(prompts, key=lambda prompt: counterfactual_of(prompt.row_id)):
            asked: dict[int, dict[str, tuple[int, ...] | None]] = {}
            for prompt in of_part:
                asked.setdefault(prompt.repeat, {})[prompt.row_id] = prompt.shown_calls
            for repeat, shown_calls in asked.items():
                rows = setup.rows(counterfactual)
                for row, reply in answered(setup.name, rows, setup.train_rows, setup.options.seed + repeat):
                    if row["id"] in shown_calls:
                        shown = shown_calls[row["id"]]
                        yield Answer(Prompt(row["id"], repeat, [], [], row=row, shown_calls=shown), reply)


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
            "a model of transformers in this process, or in several with `accelerate launch`",
            _CHAT_READ,
            _make_hf,
            shares_rows=True,
            has_replicas=True,
            check_packages=_check_hf,
        ),
        ModelKind(
            "vllm",
            "vllm:MODEL[+ADAPTER]",
            "a model that vLLM runs in this process",
            _CHAT_READ,
            _make_vllm,
            has_replicas=True,
            check_packages=_check_vllm,
        ),
        ModelKind(
            "python",
            "python:FILE_OR_MODULE:FUNCTION",
            "a function of yours that returns the reply to its `row` or `messages`, as in python:my_model.py:answer",
            _PROMPT_READ | {"history", "repeat"},
            _make_python,
            with_name=_python_kind,
        ),
        ModelKind(
            "selector",
            "selector:DIR_OR_ID",
            "a selector that `petoolbench fit selector` wrote; no language model",
            frozenset({"history", "repeat"}),
            _make_selector,
            reads_rows=True,
            with_name=_selector_kind,
        ),
        ModelKind(
            "baseline",
            "baseline:NAME",
            "a rule to compare with; NAME is one of those below",
            _ALL_READ,
            BaselineModel,
            is_rule=True,
            reads_rows=True,
        ),
    )
}


def model_help() -> list[tuple[str, str]]:
    """Forms of a spec and their descriptions, for `--help`."""
    kinds = [(kind.spec, kind.description) for kind in MODEL_KINDS.values() if not kind.is_rule]
    return kinds + [(f"baseline:{rule.name}", rule.description) for rule in BASELINES.values()]


def kind_of(spec: str) -> tuple[ModelKind, str]:
    """The kind of a spec, and its name without the kind.

    Raises:
        InputError: if there is no such kind, rule or function; suggests a spec.
    """
    kind, _, name = spec.partition(":")
    if kind in MODEL_KINDS and name and (not MODEL_KINDS[kind].is_rule or name in BASELINES):
        found = MODEL_KINDS[kind]
        return (found.with_name(found, name) if found.with_name else found), name
    known = ", ".join(known.spec for known in MODEL_KINDS.values())
    suggestion = _suggestion(spec)
    raise InputError(
        f"unknown model {spec!r}; {f'did you mean {suggestion}? Known are' if suggestion else 'known are'} {known} "
        f"(NAME: {', '.join(BASELINES)})."
    )


def _suggestion(spec: str) -> str | None:
    """The spec with its kind, if the kind is missing and can be guessed."""
    file, py, function = spec.partition(".py")
    if file and py and function[:1] in ("", ":"):
        return f"python:{file}.py:{function[1:] or 'FUNCTION'}"
    if not spec or ":" in spec:
        return None
    if spec in BASELINES:
        return f"baseline:{spec}"
    return f"hf:{spec}" if "/" in spec or Path(spec).exists() else f"openai:{spec}"


def check_options(spec: str, options: "Options", connection: "Connection", given: Collection[str] = ()) -> ModelKind:
    """Refuse options that the model does not read.

    Args:
        spec: spec of the model.
        options, connection: the options of an evaluation.
        given: names of the options that the user gave; other options are refused if they differ from the default.

    Returns:
        The kind of the model.

    Raises:
        InputError: for an unknown model, or for options that it does not read; names them.
    """
    kind, _ = kind_of(spec)
    values = {**asdict(options), **asdict(connection)}
    defaults = {**asdict(type(options)()), **asdict(type(connection)())}
    unread = [name for name in values if name not in kind.reads and (name in given or values[name] != defaults[name])]
    if unread:
        names = _on_command_line(unread)
        read = _on_command_line(name for name in values if name in kind.reads)
        raise InputError(f"{spec} does not read {names}; leave out what has no effect. It reads: {read}.")
    if kind.reads_rows and parse_history_method(options.history).kind.is_written:
        raise InputError(
            f"history {options.history} is a text that the model writes and reads, and {spec} reads past calls; "
            "choose another --history, or a model that reads messages."
        )
    return kind


def _on_command_line(names: Iterable[str]) -> str:
    return ", ".join(_COMMAND_LINE.get(name, f"--{name.replace('_', '-')}") for name in names)


def make_chat(spec: str, options: "Options", date: datetime.date | None) -> "ChatTokenizer | None":
    """Tokenizer and chat template of a model that this process runs; `None` for other models.

    Args:
        spec: spec of the model.
        options: with the chat template, its variables, and whether the adapter may be of another base model.
        date: the date that the template may write; by default, today's.

    Raises:
        InputError: if there is no tokenizer, the template cannot be used, the adapter was trained on another model, or
            a package is missing.
    """
    kind, name = kind_of(spec)
    if kind.check_packages is None:
        return None
    kind.check_packages(name)
    from petoolkit.evaluator.models.adapter_base import check_adapter_base
    from petoolkit.evaluator.models.chat_tokenizer import ChatTokenizer

    model, adapter = split_spec(name)
    if adapter and not options.any_base:
        check_adapter_base(model, adapter)
    return ChatTokenizer(
        model, adapter, options.chat_template, options.chat_template_args, date, options.protocol == "tools"
    )


def make_model(
    spec: str,
    options: "Options",
    connection: "Connection",
    usage: "Usage",
    rows: RowsOf,
    train_rows: TrainRows,
    chat: "ChatTokenizer | None" = None,
    limit: ReplyLimit | None = None,
    on_growth: Callable[[ReplyLimit], None] = lambda limit: None,
) -> Model:
    """Load a model, or connect to it; the arguments are those of `ModelSetup`, and `spec` is that of the model.

    Raises:
        InputError: if the model does not exist, the key is not set, or a package is missing.
    """
    kind, name = kind_of(spec)
    limit = limit or find_reply_limit(spec, options, chat.renderer if chat else None)
    return kind.make(ModelSetup(name, options, connection, usage, rows, train_rows, limit, chat, on_growth))

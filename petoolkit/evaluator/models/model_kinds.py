"""A model by its spec: `baseline:NAME`, `openai:NAME`, `hf:MODEL[+ADAPTER]` or `vllm:MODEL[+ADAPTER]`."""

from collections.abc import Callable, Iterator

from petoolbench import InputError
from petoolkit.endpoint.llm_settings import LlmSettings
from petoolkit.endpoint.usage import Usage
from petoolkit.evaluator.models.baselines import BASELINES, predict
from petoolkit.evaluator.models.model import Answer, Model, Prompt
from petoolkit.evaluator.options import Connection, Options

KINDS = ("baseline", "openai", "hf", "vllm")


class BaselineModel:
    """A rule, in the place of a model: it reads rows, not prompts.

    Args:
        name: one of `BASELINES`.
        rows: what will be asked about.
        train_rows: gives the training rows, to the baselines that are fitted.
        seed: for the baselines that draw.
    """

    def __init__(self, name: str, rows: list[dict], train_rows: Callable[[], list[dict]], seed: int):
        self._name, self._rows, self._train_rows, self._seed = name, rows, train_rows, seed

    def count_tokens(self, messages: list[dict[str, str]]) -> int:
        """See `petoolkit.evaluator.models.model.Model`; a rule has no window."""
        return 0

    def answer_all(self, prompts: list[Prompt]) -> Iterator[Answer]:
        """See `petoolkit.evaluator.models.model.Model`."""
        for repeat in sorted({prompt.repeat for prompt in prompts}):
            replies = predict(self._name, self._rows, self._train_rows, self._seed + repeat)
            by_row = dict(zip((row["id"] for row in self._rows), replies, strict=True))
            yield from (Answer(prompt, by_row[prompt.row_id]) for prompt in prompts if prompt.repeat == repeat)


def check_model(spec: str, options: Options) -> tuple[str, str]:
    """A spec's kind and name.

    Raises:
        InputError: for a spec that is none, or options that its kind does not have.
    """
    kind, _, name = spec.partition(":")
    if kind not in KINDS or not name or (kind == "baseline" and name not in BASELINES):
        known = ", ".join(f"baseline:{name}" for name in BASELINES)
        raise InputError(
            f"unknown model {spec!r}; known are openai:NAME, hf:MODEL[+ADAPTER], vllm:MODEL[+ADAPTER], {known}."
        )
    if options.protocol == "tools" and kind != "openai":
        raise InputError(f"--protocol tools is for openai: models; {spec} is asked in text.")
    return kind, name


def make_model(
    spec: str,
    options: Options,
    connection: Connection,
    usage: Usage,
    rows: list[dict],
    train_rows: Callable[[], list[dict]],
) -> Model:
    """Load or reach a model.

    Raises:
        InputError: if it can't be: no such model, no key, a package missing.
    """
    kind, name = check_model(spec, options)
    if kind == "baseline":
        return BaselineModel(name, rows, train_rows, options.seed)
    if kind == "openai":
        from petoolkit.evaluator.models.openai_model import OpenAIModel

        settings = LlmSettings(
            model=name,
            base_url=connection.base_url,
            concurrency=connection.concurrency,
            prices=connection.prices,
            temperature=options.temperature,
            max_tokens=options.max_new_tokens,
        )
        return OpenAIModel(settings, options.protocol == "tools", options.seed, usage)
    if kind == "hf":
        from petoolkit.evaluator.models.hf_model import HfModel

        return HfModel(name, options.temperature, options.max_new_tokens, options.seed)
    from petoolkit.evaluator.models.vllm_model import VllmModel

    return VllmModel(name, options.temperature, options.max_new_tokens, options.seed)

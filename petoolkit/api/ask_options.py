"""The options of `petoolbench.evaluate`, typed and checked."""

from dataclasses import fields
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic brings it, and takes no other before Python 3.12

from petoolbench import InputError
from petoolkit.endpoint.llm_settings import Prices
from petoolkit.evaluator.history_methods.method_table import history_spec
from petoolkit.evaluator.options import Connection, Options

_Positive = Annotated[int, Field(ge=1)]


class AskOptions(TypedDict, total=False):
    """The options of `petoolkit.evaluator.options`, where they are explained; `prices` are those of input and output,
    in US dollars for a million tokens."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]

    history: Annotated[str, BeforeValidator(history_spec)]
    prompt: Literal["petoolbench", "released"]
    truncate: Literal["oldest", "paper"]
    window: _Positive
    protocol: Literal["prompt", "tools"]
    extra_body: dict[str, Any] | None
    temperature: Annotated[float, Field(ge=0, le=2)]
    max_new_tokens: _Positive | Literal["auto", "paper"]
    seed: int
    repeat: _Positive
    chat_template: str | None
    chat_template_args: dict[str, Any] | None
    any_base: bool
    base_url: str | None
    concurrency: _Positive
    prices: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] | None
    headers: dict[str, str] | None
    timeout: Annotated[float, Field(gt=0)] | None


_CHECKED = TypeAdapter(AskOptions)


def split_options(options: AskOptions) -> tuple[Options, Connection]:
    """The options that change a model's answers, and the connection to an endpoint.

    Raises:
        InputError: for an unknown option, or a value that it cannot have.
    """
    given: dict[str, Any] = dict(options)
    known = AskOptions.__annotations__
    if unknown := next((name for name in given if name not in known), None):
        similar = get_close_matches(unknown, known, 1)
        hint = f"did you mean {similar[0]}?" if similar else f"it has: {', '.join(known)}."
        raise InputError(f"evaluate does not have an option {unknown}; {hint}")
    try:
        checked: dict[str, Any] = dict(_CHECKED.validate_python(given, strict=False))
    except ValidationError as error:
        first = error.errors()[0]
        value = given[str(first["loc"][0])]
        raise InputError(f"the option {first['loc'][0]} cannot be {value!r}: {first['msg'].lower()}.") from None
    if prices := checked.get("prices"):
        checked["prices"] = Prices(input=prices[0], output=prices[1])
    of_connection = {field.name for field in fields(Connection)}
    return (
        Options(**{name: value for name, value in checked.items() if name not in of_connection}),
        Connection(**{name: value for name, value in checked.items() if name in of_connection}),
    )

"""The options `--engine`, `--address` and `--workers` of a command."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from petoolkit.engines.engine import LOCAL, RAY, make_engine


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an argument `engine`, made of the three options; the results are the same with any engine."""

    @click.option(
        "--engine",
        "engine_name",
        type=click.Choice([LOCAL, RAY]),
        default=LOCAL,
        show_default=True,
        help="Where the work is done: by processes of this machine, or on a Ray cluster.",
    )
    @click.option(
        "--address",
        metavar="ADDRESS",
        help="Of the Ray cluster.  [default: $RAY_ADDRESS, else one is started on this machine]",
    )
    @click.option(
        "--workers",
        type=click.IntRange(1),
        help="Processes that share the work; the result stays the same.  [default: 1; with Ray, all processors]",
    )
    @wraps(command)
    def with_engine(*args: Any, engine_name: str, address: str | None, workers: int | None, **options: Any) -> Any:
        return command(*args, engine=make_engine(workers, engine_name, address), **options)

    return with_engine

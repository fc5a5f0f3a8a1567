"""The command `petoolbench plan`."""

import os
import re

import click

from petoolbench import InputError

_MOST_USERS = _MOST_TOOLS = 1_000_000_000
_MOST_MACHINES, _MOST_CORES = 10_000, 1_024
_MACHINES = re.compile(r"(\d{1,9})x(\d{1,9})")


@click.command()
@click.option("--users", type=int, help="Users to build for.  [default: the recipe's]")
@click.option("--tools", type=int, help="Tools of the catalogue.  [default: as many as the embedded one has]")
@click.option("--recipe", default="embedded", show_default=True, metavar="NAME_OR_FILE", help="As for `build`.")
@click.option("--author", metavar="NAME", help="Who writes, as for `build`.  [default: the recipe's]")
@click.option(
    "--machines", metavar="NxCORES", help="Where it is done: 8x16 is eight machines of 16 cores.  [default: here]"
)
@click.option("--model", metavar="NAME", help="The language model that the test rows are asked of.  [default: a rule]")
@click.option(
    "--prices",
    type=(click.FloatRange(0), click.FloatRange(0)),
    metavar="IN OUT",
    help="Of the language models, in US dollars a million tokens.  [default: the recipe's]",
)
@click.option(
    "--seconds-per-call",
    type=click.FloatRange(0, min_open=True),
    default=4,
    show_default=True,
    help="Of a language model; nothing here can measure it.",
)
@click.option("--concurrency", type=click.IntRange(1), default=32, show_default=True, help="Requests in flight.")
@click.option("--calibrate", is_flag=True, help="Measure this machine again, which takes two or three minutes.")
def plan(users, tools, recipe, author, machines, model, prices, seconds_per_call, concurrency, calibrate) -> None:
    """Estimate what a build and an evaluation of any size take: hours, memory, disk, calls, dollars.

    Small builds on this machine are measured first; the next time, their figures are there.
    """
    from petoolkit.console import make_console
    from petoolkit.endpoint.llm_settings import Prices
    from petoolkit.shipped import recipe_path

    from ..recipe import load_recipe
    from .calibrate import calibration_of
    from .plan_view import plan_view
    from .size_estimate import Machines, estimate

    _check_number(users, "users", _MOST_USERS)
    _check_number(tools, "tools", _MOST_TOOLS)
    number, cores = _machines(machines)
    checked = load_recipe(
        recipe_path("build", recipe), {"concurrency": concurrency}, catalogue=["embedded"], users=users, author=author
    )
    known = Prices(input=prices[0], output=prices[1]) if prices else checked.llm.chat_prices
    calibration = calibration_of(checked, make_console(stderr=True), calibrate)
    where = Machines(number, cores)
    tools = tools or calibration.builds[0].tools
    found = estimate(calibration, checked, tools, where, known, model, seconds_per_call, concurrency)
    console = make_console()
    for part in plan_view(found, calibration, checked, tools, where, seconds_per_call):
        console.print(part, markup=False, highlight=False)


def _check_number(number: int | None, noun: str, most: int) -> None:
    if number is not None and not 1 <= number <= most:
        raise InputError(f"--{noun} {number:,} cannot be planned for; give a number from 1 to {most:,}.")


def _machines(text: str | None) -> tuple[int, int]:
    """Their number, and the cores of each."""
    if text is None:
        return 1, os.cpu_count() or 1
    found = _MACHINES.fullmatch(text)
    if not found:
        raise InputError(f"--machines {text} is not a number of machines and of cores; write it as 8x16.")
    number, cores = int(found[1]), int(found[2])
    if not (1 <= number <= _MOST_MACHINES and 1 <= cores <= _MOST_CORES):
        raise InputError(
            f"--machines {text} is not a cluster that one can plan for; give 1 to {_MOST_MACHINES:,} machines with 1 "
            f"to {_MOST_CORES:,} cores each."
        )
    return number, cores

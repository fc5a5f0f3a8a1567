"""A plan as a terminal shows it."""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.text import Text

from petoolbench import SETTINGS
from petoolkit.evaluator.score_tables import estimate_table
from petoolkit.evaluator.terminal_layout import FittedTable
from petoolkit.text import amount, counted

from ..recipe import Recipe
from .calibration import Calibration
from .size_estimate import Line, Machines, SizeEstimate

_FAR = 10  # times the largest size that was measured
_GB = 1e9


def plan_view(
    found: SizeEstimate,
    calibration: Calibration,
    recipe: Recipe,
    tools: int,
    machines: Machines,
    seconds_a_call: float,
) -> list[RenderableType]:
    """What to print: the machines' work, what a language model is asked, and what the figures rest on."""
    where = f"{counted(machines.number, 'machine')} with {counted(machines.cores, 'core')}"
    title = f"{counted(recipe.users, 'user')} and {counted(tools, 'tool')} on {where}"
    table = FittedTable("", ["records", "CPU", "time", "most memory", "disk"])
    is_far = _is_far(calibration, recipe.users, tools)
    for line in found.build:
        _add(table, line, is_far)
    total = Line(
        "build",
        None,
        found.cpu_seconds,
        sum(line.wall_seconds for line in found.build),
        found.memory,
        sum(line.disk for line in found.build),
    )
    _add(table, total, is_far, "bold")
    table.add_section()
    _add(table, found.evaluation, is_far)
    views: list[RenderableType] = [Text(title, "bold"), "", table, ""]
    if found.asked:
        views += [Text("Of a language model", "bold"), *_of_estimate(found.asked), ""]
    return [*views, Text("What this rests on", "bold"), *_assumptions(calibration, found, seconds_a_call, is_far)]


def _of_estimate(asked: list[dict]) -> Iterable[RenderableType]:
    return estimate_table(asked).renderables[2:]


def _is_far(calibration: Calibration, users: int, tools: int) -> bool:
    """Whether memory that grows too little to be seen in what was measured could decide at this size."""
    builds = calibration.builds
    return users > _FAR * max(build.users for build in builds) or tools > _FAR * max(build.tools for build in builds)


def _add(table: FittedTable, line: Line, is_far: bool, style: str = "") -> None:
    disk = f"{line.disk / _GB:,.1f} GB" if line.disk else ""
    table.add_row(
        line.name,
        amount(line.records) if line.records else "",
        _duration(line.cpu_seconds),
        _duration(line.wall_seconds),
        f"{'over ' if is_far else ''}{line.memory / _GB:,.1f} GB",
        disk,
        style=style,
    )


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.1f} s"


def _assumptions(calibration: Calibration, found: SizeEstimate, seconds_a_call: float, is_far: bool) -> list[str]:
    sizes = ", ".join(f"{build.users:,} users and {build.tools:,} tools" for build in calibration.builds)
    said = [
        f"Measured on this machine on {calibration.date} in {calibration.seconds:,.0f} s of CPU: builds of {sizes} "
        "out of copies of the embedded catalogue, with this recipe's settings. Other machines are taken to have cores "
        "as fast as this one's.",
        "Each part is taken to grow in proportion to tools, to users, and where the builds show it to both "
        "multiplied; `group` and `blocks` also with the square of the tools, by the time of a product of two vectors. "
        "A catalogue with longer documents, or with fewer tools that do the same job, differs.",
        "Time divides the work of the stages and of the audit, which processes share, by all cores, and on several "
        "machines that of embedding the build's texts; the audit's texts and the dataset's files are counted for one "
        "core. Memory is that of the process that leads; it is taken as constant where it grew by less than 15 %.",
        f"A user gives {counted(len(SETTINGS), 'preference row')}; users who are drawn in vain are counted as often "
        "as in the small builds.",
    ]
    if is_far:
        said.append(
            f"This size is more than {_FAR} times what was measured. Memory is the least to be expected: what grows "
            "too little to be seen there, such as the vectors of tools, is not in it."
        )
    if found.asked:
        said.append(
            f"A call is taken to last {seconds_a_call:g} s, and no reply to be invalid. Tokens are the characters of "
            "real prompts, and of what rules write in a model's stead, divided by 3.8. A model that reasons writes "
            "more: `petoolbench build --preview` asks yours."
        )
    return [f"- {sentence}" for sentence in said]

"""What a build and an evaluation of some size take, out of a calibration."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from petoolkit.endpoint.llm_settings import Prices
from petoolkit.endpoint.usage import Usage

from ..authors import AUTHORS
from ..designs import DESIGNS
from ..recipe import Recipe
from ..stage_arguments import EMBEDDING, EngineOfBuild
from .calibration import AskedOfModel, Calibration, MeasuredBuild
from .measured_build import AUDIT, EVALUATION, START

_NOISE_OF_CPU = 0.1  # a share of a measurement, below which it is not taken to grow with users times tools
_NOISE_OF_MEMORY = 0.15  # likewise, with users or with tools
_QUADRATIC = {"group": 0.5, "blocks": 1.0}  # stages that compare tools with tools: pairs a tool and tool


@dataclass(frozen=True)
class Machines:
    """Where work is done.

    Args:
        number: of machines.
        cores: of each.
    """

    number: int
    cores: int


@dataclass(frozen=True)
class Line:
    """What a part takes.

    Args:
        name: of a stage, or of what comes before or after them.
        records: rows that it makes; `None` where it makes none.
        cpu_seconds: of one core.
        wall_seconds: on the machines.
        memory: bytes, the most of one process.
        disk: bytes that it leaves.
    """

    name: str
    records: int | None
    cpu_seconds: float
    wall_seconds: float
    memory: float
    disk: float


@dataclass(frozen=True)
class SizeEstimate:
    """What all takes.

    Args:
        build: lines of its parts.
        evaluation: of the test rows.
        asked: for each stage that asks a language model, and for the evaluation: stage, calls, prompt_tokens,
            completion_tokens, cost_usd, seconds (see `petoolkit.evaluator.score_tables.estimate_table`).
    """

    build: list[Line]
    evaluation: Line
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def cpu_seconds(self) -> float:
        """Of the build."""
        return sum(line.cpu_seconds for line in self.build)

    @property
    def memory(self) -> float:
        """Bytes, the most of the build's own process."""
        return max(line.memory for line in self.build)


def estimate(
    calibration: Calibration,
    recipe: Recipe,
    tools: int,
    machines: Machines,
    prices: Prices | None,
    model: str | None = None,
    seconds_a_call: float = 0,
    concurrency: int = 1,
) -> SizeEstimate:
    """Scale what was measured.

    Args:
        calibration: with the recipe's settings.
        recipe: with the users to build for.
        tools: of the catalogue.
        machines: where it is done.
        prices: of the language model, if they are known.
        model: that the evaluation asks; a rule if `None`.
        seconds_a_call, concurrency: of that model, and of the one that writes.
    """
    users, builds = recipe.users, calibration.builds
    first = builds[0]
    shared = _shared_parts(recipe)
    lines = []
    for name in first.parts:
        if name == EVALUATION:
            continue
        per_pair = calibration.pair_seconds if name == "group" else calibration.neighbour_seconds
        pairs = _QUADRATIC.get(name, 0) * per_pair
        cpu = _cpu(builds, name, tools, users, pairs)
        lines.append(_line(calibration, name, tools, users, cpu, machines if name in shared else None))
        if name == START:
            lines.append(_embedding(calibration, tools, machines))
    evaluated = _cpu(builds, EVALUATION, tools, users, 0)
    rows = _grown(builds, lambda build: build.parts[EVALUATION].rows, tools, users)
    evaluated += rows * calibration.render_seconds if model else 0
    asked = {
        stage: one for stage, one in calibration.asked.items() if AUTHORS[recipe.author.by_stage()[stage]].asks_a_model
    }
    if model:
        asked[f"{EVALUATION} {model}"] = calibration.asked_in_evaluation
    in_flight = dict.fromkeys(calibration.asked, recipe.llm.concurrency)
    return SizeEstimate(
        build=lines,
        evaluation=_line(calibration, EVALUATION, tools, users, evaluated, None),
        asked=[
            _asked_line(stage, one, tools, users, prices, seconds_a_call / in_flight.get(stage, concurrency))
            for stage, one in asked.items()
        ],
    )


def _shared_parts(recipe: Recipe) -> set[str]:
    """The parts of a build whose work several processes share; what one compresses is most of the dataset's files."""
    return {AUDIT} | {
        name
        for name, stage in DESIGNS[recipe.design].stages.items()
        if stage.in_parts or any(isinstance(one, EngineOfBuild) for one in stage.arguments.values())
    }


def _line(calibration: Calibration, name: str, tools: int, users: int, cpu: float, machines: Machines | None) -> Line:
    builds = calibration.builds
    records = round(_grown(builds, lambda build: build.parts[name].rows, tools, users))
    return Line(
        name,
        records or None,
        cpu,
        cpu / (machines.number * machines.cores if machines else 1),
        _memory(builds, name, tools, users),
        _grown(builds, lambda build: build.parts[name].disk, tools, users),
    )


def _embedding(calibration: Calibration, tools: int, machines: Machines) -> Line:
    """The texts of all tools, those that only the audit embeds too, each once; a cluster shares those of the build."""
    first = calibration.builds[0]
    embedded = first.embedded + calibration.audit_texts[0]
    seconds = (first.embedding_cpu + calibration.audit_texts[1]) / max(embedded, 1)
    of_build, of_audit = (texts / first.tools * tools for texts in (first.texts, calibration.audit_texts[0]))
    cores = machines.number * machines.cores if machines.number > 1 else 1
    wall = (of_build / cores + of_audit) * seconds
    return Line(
        EMBEDDING, round(of_build + of_audit), (of_build + of_audit) * seconds, wall, first.parts[START].memory, 0
    )


def _asked_line(
    stage: str, one: AskedOfModel, tools: int, users: int, prices: Prices | None, seconds_a_call: float
) -> dict[str, Any]:
    times = (tools if one.of == "tools" else users) / one.number
    whole = {
        "calls": round(one.calls * times),
        "prompt_tokens": round(one.sent * times),
        "completion_tokens": round(one.written * times),
    }
    cost = Usage(prices).cost(Counter(whole))
    return {"stage": stage, **whole, "cost_usd": cost, "seconds": whole["calls"] * seconds_a_call}


def _cpu(builds: Sequence[MeasuredBuild], name: str, tools: int, users: int, per_pair: float) -> float:
    """Seconds: what is measured of products of tools with tools, and what is left over of each build."""

    def rest(build: MeasuredBuild) -> float:
        return max(build.parts[name].cpu - per_pair * build.tools**2, 0)

    return per_pair * tools**2 + _grown(builds, rest, tools, users, _NOISE_OF_CPU)


def _grown(
    builds: Sequence[MeasuredBuild],
    measured: Callable[[MeasuredBuild], float],
    tools: int,
    users: int,
    noise: float = 1,
) -> float:
    """A figure that has a fixed part, and parts that grow with tools, with users, and with both multiplied.

    Args:
        builds: four of different sizes.
        measured: gives the figure.
        tools, users: of the size that is asked for.
        noise: a share of the largest measured figure; a last part below it is taken as none.
    """
    values = np.array([measured(build) for build in builds])
    terms = np.array([[1, build.tools, build.users, build.tools * build.users] for build in builds], float)
    wanted = np.array([1, tools, users, tools * users], float)
    scale = terms.max(axis=0)
    found = np.linalg.solve(terms / scale, values) / scale
    if found[3] * terms[:, 3].max() < noise * values.max():
        found = np.append(np.linalg.lstsq(terms[:, :3] / scale[:3], values, rcond=None)[0] / scale[:3], 0)
    return float(np.maximum(found, 0) @ wanted)


def _memory(builds: Sequence[MeasuredBuild], name: str, tools: int, users: int) -> float:
    """Bytes, with the embedding model: the most that was measured, and how it grows with users, and with tools.

    The first two builds differ in users, the first and the last in tools.
    """
    few, more_users, _, more_tools = builds
    grown = max(build.parts[name].memory for build in (few, more_users))
    base = few.parts[name].memory
    for build, size, wanted, own in (
        (more_users, few.users, users, more_users.users),
        (more_tools, few.tools, tools, more_tools.tools),
    ):
        growth = build.parts[name].memory - base
        if growth > _NOISE_OF_MEMORY * base:
            largest = own if build is more_users else size
            grown += growth / (own - size) * (wanted - largest)
    return max(grown, base) if grown > 0 else base

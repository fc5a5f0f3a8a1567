"""Hold `petoolbench plan`'s estimate against a build: CPU time and most memory, in all and by part.

    python benchmarks/plan_estimate.py [USERS]

20,000 users of the embedded catalogue, unless another number is given. The build embeds its texts anew. Both are
measured in CPU time, since other work on the machine lengthens the rest.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import heading
from petoolkit.builder.plan.calibrate import calibration_of
from petoolkit.builder.plan.size_estimate import Machines, estimate
from petoolkit.builder.recipe import load_recipe
from rich.console import Console

from petoolkit.shipped import recipe_path
from petoolkit.text import markdown_table

USERS = 20_000


def measured(users: int) -> tuple[float, float]:
    """Seconds of CPU, and bytes, of a build in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["build", "--recipe", "embedded", "--users", str(users), "--author", "offline"]
        where = ["--run", str(Path(folder, "run")), "--dataset", str(Path(folder, "data"))]
        process = subprocess.Popen(
            [sys.executable, "-m", "petoolbench_cli", *command, *where],
            env={**os.environ, "PETOOLBENCH_CACHE": str(Path(folder, "cache"))},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("the build failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main() -> None:
    users = int(sys.argv[1]) if len(sys.argv) > 1 else USERS
    recipe = load_recipe(recipe_path("build", "embedded"), users=users)
    calibration = calibration_of(recipe, Console(stderr=True))
    found = estimate(calibration, recipe, calibration.builds[0].tools, Machines(1, 1), None)
    print(heading(f"The plan for {users:,} users against their build", "sentence-transformers", "torch"))
    print(f"calibration: {calibration.date}, {calibration.seconds:,.0f} s of CPU")
    for line in found.build:
        print(f"  {line.name:<11} {line.cpu_seconds:7.1f} s  {line.memory / 1e9:5.2f} GB")
    cpu, memory = measured(users)
    lines = [
        ["CPU", f"{found.cpu_seconds:,.0f} s", f"{cpu:,.0f} s", f"{found.cpu_seconds / cpu - 1:+.0%}"],
        ["most memory", f"{found.memory / 1e9:.2f} GB", f"{memory / 1e9:.2f} GB", f"{found.memory / memory - 1:+.0%}"],
    ]
    print(markdown_table(["", "plan", "build", "apart"], lines))


if __name__ == "__main__":
    main()

"""Measure the scoring of a million replies through `evaluate`, with two metrics, both readers and documented types.

python benchmarks/score_million.py        (from the repository's root)
"""

import time

import evaluate
from machine import heading

from petoolkit.replies import READERS
from petoolkit.text import markdown_table

ROWS = 1_000_000


def main() -> None:
    print(heading("One million replies", "evaluate", "datasets"))
    days = {"name": "days", "type": "NUMBER", "description": "", "default": None}
    tool = {"tool_name": "<Weather>.<Aerwyn>.<days>", "required_parameters": [days], "optional_parameters": []}
    references = [
        {"tool_name": tool["tool_name"], "parameters": f'{{"city": "Oslo", "days": {number % 9}}}'}
        for number in range(ROWS)
    ]
    predictions = [
        f'{{"tool_name": "<Weather>.<Aerwyn>.<days>", "parameters": {{"city": "Oslo", "days": {number % 7}}}}}'
        for number in range(ROWS)
    ]
    figures, total = [], 0.0
    for name, options in (("tool_acc", {}), ("param_acc", {"tools": [tool]})):
        metric = evaluate.load(f"metrics/{name}")
        for reader in READERS:
            started = time.perf_counter()
            result = metric.compute(predictions=predictions, references=references, reader=reader, **options)
            seconds = time.perf_counter() - started
            total += seconds
            figures.append([name, reader, f"{seconds:.1f} s", f"{result[name]:.4f}"])
    figures.append(["both", "both", f"{total:.1f} s", ""])
    print(markdown_table(["metric", "reader", "time", "result"], figures))


if __name__ == "__main__":
    main()

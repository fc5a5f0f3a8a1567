"""Measure the authors' released part: rows and size after the import, and what rules score on it.

python benchmarks/official_part.py
"""

import gzip
import tempfile
import time
from pathlib import Path

from machine import heading, shared_file
from petoolkit.builder.released_import import import_released
from rich.console import Console

from petoolkit.evaluator.evaluate import evaluate
from petoolkit.evaluator.models.baselines import BASELINES
from petoolkit.evaluator.score_tables import scores_table


def main() -> None:
    source = shared_file("official_test_dev.json.gz")
    print(heading("Official part", "datasets", "pyarrow", "sentence-transformers"))
    with tempfile.TemporaryDirectory() as folder:
        dataset = Path(folder, "official")
        started = time.perf_counter()
        rows = import_released(source, dataset)["rows"]
        seconds = time.perf_counter() - started
        with gzip.open(source) as file:
            before = len(file.read())
        after = sum(file.stat().st_size for file in dataset.rglob("*") if file.is_file())
        print(f"{rows:,} rows in {seconds:.1f} s; {before:,} bytes of JSON became {after:,}: 1/{before / after:.0f}\n")
        fitted = "popularity"  # needs a train split, and this data has none
        names = [name for name in BASELINES if name != fitted]
        results = [evaluate(str(dataset), "all", f"baseline:{name}", Path(folder, name)) for name in names]
        named = [result.model_copy(update={"dataset": "official part"}) for result in results if result]
        Console(width=100).print(scores_table(named))


if __name__ == "__main__":
    main()

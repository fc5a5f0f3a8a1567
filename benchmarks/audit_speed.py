"""Measure the audit of a dataset, embeddings cached, and print its tables.

petoolbench build --recipe embedded --dataset big        (12,000 preference rows; its own audit fills the cache)
python benchmarks/audit_speed.py big                     (from the repository's root)
"""

import resource
import sys
import time

from machine import heading

from petoolkit.audit.audit import audit
from petoolkit.audit_tables import audit_section
from petoolkit.console import make_console
from petoolkit.text import markdown_table


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    dataset = sys.argv[1]
    print(heading(f"An audit of {dataset}", "scikit-learn", "datasets"))
    console = make_console(stderr=True)
    audit(dataset, None, console)  # embeds what is not in the cache, and lets `datasets` make its own
    started, before = time.perf_counter(), time.process_time()
    record = audit(dataset, None, console)
    seconds, cpu = time.perf_counter() - started, time.process_time() - before
    rows = sum(number for splits in record.row_numbers.values() for number in splits.values())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    columns = ["rows", "time", "CPU", "most memory"]
    print(markdown_table(columns, [[f"{rows:,}", f"{seconds:.1f} s", f"{cpu:.1f} s", f"{memory:.2f} GB"]]))
    print(f"\n{audit_section(record)}")


if __name__ == "__main__":
    main()

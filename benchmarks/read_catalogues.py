"""Read every catalogue file, and hold what was read against a count of its operations, tools or functions.

python benchmarks/read_catalogues.py [PATH ...]        (files or folders; by default the reference data's)

The count is made here, from the decoded file: methods of all paths of an OpenAPI document, objects with `inputSchema`
in MCP's forms, functions of the other lists. Exits with 1 if less than 95 % of a form's are read.
"""

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from machine import heading, shared_file
from petoolkit.builder.catalogue.catalogue_files import catalogue_files, format_of, read_catalogue

from petoolbench import InputError
from petoolkit.text import markdown_table

_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
_FEWEST_READ = 0.95
_LONGEST_REASON = 200


def decoded(file: Path) -> list[Any]:
    """The values of a file, one or one a line."""
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    text = content.decode("utf-8-sig")
    if file.suffix in (".yaml", ".yml"):
        return [yaml.safe_load(text)]
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def offered(value: Any) -> Iterator[str]:
    """A name for each operation, tool or function in a decoded value."""
    if isinstance(value, list):
        for one in value:
            yield from offered(one)
    elif isinstance(value, dict) and ("openapi" in value or "swagger" in value):
        for path, item in (value.get("paths") or {}).items():
            yield from (f"{method} {path}" for method in item if method in _METHODS)
    elif isinstance(value, dict) and ("inputSchema" in value or ("name" in value and "parameters" in value)):
        yield str(value["name"])
    elif isinstance(value, dict):
        for one in value.values():
            yield from offered(one)


def main() -> None:
    paths = sys.argv[1:] or [str(shared_file("catalogues"))]
    print(heading("Catalogues", "PyYAML", "pydantic"))
    rows, forms, reasons = [], {}, Counter()
    for file in catalogue_files(paths):
        counts: Counter[str] = Counter()
        name, there, read, problem = "", 0, 0, ""
        try:
            values = decoded(file)
            first = values[0][0] if values and isinstance(values[0], list) and values[0] else values[0]
            name = getattr(format_of(first), "name", "unknown")
            there = sum(1 for value in values for _ in offered(value))
            read = sum(1 for _ in read_catalogue(file, counts))
        except (InputError, ValueError, yaml.YAMLError) as error:
            problem = str(error)
        form = forms.setdefault(name, Counter())
        form.update(files=1, there=there, read=read, refused=int(bool(problem)))
        reasons.update(counts)
        noted = problem or "; ".join(f"{number} {reason}" for reason, number in counts.items())
        share = f"{read / there:.1%}" if there else "-"
        rows.append((file.name, name, read, there, share, noted[:_LONGEST_REASON]))
    print(markdown_table(["file", "form", "tools read", "in the file", "share", "left out, and decided"], rows))
    print()
    print(
        markdown_table(
            ["form", "files", "refused", "tools read", "in the files", "share"],
            [
                (
                    name,
                    one["files"],
                    one["refused"],
                    one["read"],
                    one["there"],
                    f"{one['read'] / max(one['there'], 1):.1%}",
                )
                for name, one in forms.items()
            ],
        )
    )
    print()
    print(markdown_table(["left out, and decided, in all files", "number"], reasons.most_common()))
    sys.exit(any(one["read"] < _FEWEST_READ * one["there"] for one in forms.values()))


if __name__ == "__main__":
    main()

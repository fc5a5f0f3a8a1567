"""Reading catalogues of tools, in the formats of ToolBench / RapidAPI, and the one that ships with the project.

Read here, other people's text is only ever data: it is checked for its form and otherwise left as it is.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError

from petoolbench import InputError, check_choice
from petoolkit.files import read_json

EMBEDDED = "embedded"
_EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
_SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")


class Parameter(BaseModel):
    """One parameter of a tool. `examples` (the embedded catalogue's) are values that a person might ask for."""

    name: str
    type: str | None = None
    description: str | None = None
    default: Any = None
    examples: list[Any] = []


class Score(BaseModel):
    """How a provider performs, as RapidAPI measures it."""

    avgLatency: float | None = None  # milliseconds
    avgSuccessRate: float | None = None  # percent


class ToolDocument(BaseModel):
    """One endpoint of one provider as its catalogue has it: the flat RapidAPI row."""

    category: str
    tool: str  # the provider
    tool_description: str | None = None
    api: str
    api_description: str | None = None
    required_parameters: list[Parameter] = []
    optional_parameters: list[Parameter] = []
    response_schema: Any = None
    pricing: str | None = None
    latency_ms: float | None = None
    success_rate: float | None = None


class _Api(BaseModel):
    name: str
    description: str | None = None
    required_parameters: list[Parameter] = []
    optional_parameters: list[Parameter] = []
    response_schema: Any = Field(None, alias="schema")
    template_response: Any = None


class _Provider(BaseModel):
    """ToolBench's nested file, one a provider; its category is the folder's name."""

    tool_name: str
    title: str | None = None
    tool_description: str | None = None
    pricing: str | None = None
    score: Score | None = None
    api_list: list[_Api]

    def documents(self, category: str) -> Iterator[ToolDocument]:
        score = self.score or Score()
        for api in self.api_list:
            yield ToolDocument(
                category=category,
                tool=self.tool_name,
                tool_description=self.tool_description,
                api=api.name,
                api_description=api.description,
                required_parameters=api.required_parameters,
                optional_parameters=api.optional_parameters,
                response_schema=api.response_schema or api.template_response,
                pricing=self.pricing,
                latency_ms=score.avgLatency,
                success_rate=score.avgSuccessRate,
            )


def catalogue_files(catalogues: list[str]) -> list[Path]:
    """The files behind catalogue names, in a fixed order.

    A name is `embedded`, `embedded/CATEGORY`, a file, or a folder that is searched in depth.

    Raises:
        InputError: if one does not exist, is of another kind, or holds no catalogue file.
    """
    files: list[Path] = []
    for name in catalogues:
        path = Path(name)
        if name == EMBEDDED:
            found = sorted(_EMBEDDED_FOLDER.glob("*.yaml"))
        elif name.startswith(f"{EMBEDDED}/"):
            found = [_embedded_file(name)]
        elif path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith(_SUFFIXES))
        elif path.exists() and name.endswith(_SUFFIXES):
            found = [path]
        elif path.exists():
            raise InputError(
                f"catalogue {name} is of no known kind; give {', '.join(_SUFFIXES)}, a folder, or `{EMBEDDED}`."
            )
        else:
            raise InputError(f"catalogue {name} does not exist; check --catalogue.")
        if not found:
            raise InputError(f"catalogue {name} holds no {', '.join(_SUFFIXES)} file; check --catalogue.")
        files += found
    return files


def _embedded_file(name: str) -> Path:
    files = {f"{EMBEDDED}/{file.stem}": file for file in _EMBEDDED_FOLDER.glob("*.yaml")}
    check_choice(name, sorted(files), "part of the embedded catalogue")
    return files[name]


def read_catalogue(file: Path) -> Iterator[ToolDocument]:
    """Tool documents of one catalogue file.

    Raises:
        InputError: naming the file and the line (or entry) that is damaged or of the wrong form.
    """
    if file.suffix == ".yaml":
        yield from _embedded_documents(file)
    elif file.name.endswith((".jsonl", ".jsonl.gz")):
        for number, row in _json_lines(file):
            yield from _documents(row, file, f"line {number}")
    else:
        value = read_json(file)
        for number, row in enumerate(value if isinstance(value, list) else [value], start=1):
            yield from _documents(row, file, f"entry {number}")


def _json_lines(file: Path) -> Iterator[tuple[int, Any]]:
    number = 0
    try:
        with (
            gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else open(file, encoding="utf-8") as lines
        ):
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{file}, line {number}: not valid JSON ({error.msg}); mend or remove the line.") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(
            f"{file}, after line {number}: cannot be read ({error}); it may be damaged or cut short: fetch it again."
        ) from None


def _documents(row: Any, file: Path, place: str) -> Iterator[ToolDocument]:
    try:
        if isinstance(row, dict) and "api_list" in row:
            yield from _Provider.model_validate(row).documents(category=file.resolve().parent.name)
        else:
            yield ToolDocument.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the row"
        raise InputError(
            f"{file}, {place}: `{field}`: {first['msg'].lower()}; mend the row or leave it out."
        ) from None


def _embedded_documents(file: Path) -> Iterator[ToolDocument]:
    """The embedded catalogue says a function's parameters and response once, for all its providers."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    for provider in content["providers"]:
        for name, api in provider["apis"].items():
            function = content["functions"][name]
            yield ToolDocument(
                category=content["category"],
                tool=provider["name"],
                tool_description=provider["description"],
                api=api["name"],
                api_description=api["description"],
                required_parameters=function["required_parameters"],
                optional_parameters=function["optional_parameters"],
                response_schema=function["response"],
                pricing=provider["pricing"],
            )

"""A small catalogue, logs of its tools that one can follow by eye, and their import."""

import json
from pathlib import Path

import pyarrow.parquet as pq
from fakes import WordEncoder
from petoolkit.builder.logs import logs_import
from petoolkit.builder.logs.logs_import import LogsReport, import_logs
from petoolkit.builder.logs.logs_options import LogsOptions

from petoolbench import SETTINGS, ToolName, breaches
from petoolkit.dataset_record import CHAT

PROVIDERS = {"Alder": "Costs nothing at all.", "Birch": "Hosted in the European Union.", "Cedar": "Answers at once."}
FUNCTIONS = {
    "weather": "Get the weather forecast of a city",
    "mail": "Send a mail message to somebody",
    "trains": "Find train connections between two stations",
    "notes": "Write down a short note",
}


def catalogue_rows() -> list[dict]:
    """Four functions, each of three providers; the call of each takes a text and, if asked for, a number."""
    return [
        {
            "category": "Office",
            "tool": provider,
            "tool_description": f"A service for everyday work. {description}",
            "api": function,
            "api_description": f"{text}.",
            "required_parameters": [{"name": "about", "type": "STRING", "description": "what it is about"}],
            "optional_parameters": [{"name": "days", "type": "NUMBER", "description": "how many days"}],
        }
        for provider, description in PROVIDERS.items()
        for function, text in FUNCTIONS.items()
    ]


def write_catalogue(folder: Path, rows: list[dict] | None = None) -> Path:
    """The catalogue as a file."""
    path = folder / "tools.jsonl"
    write_lines(path, catalogue_rows() if rows is None else rows)
    return path


def write_lines(path: Path, values) -> Path:
    """JSON Lines."""
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def call(user: str, time: int | None, tool: str, rating=None, **more) -> dict:
    """A call as a table has it; `tool` is "Provider.function"."""
    request = f"Request {time} of {user}"
    made = {"user": user, "time": time, "request": request, "tool": tool, "arguments": {"about": f"{user} {time}"}}
    return {**made, **({} if rating is None else {"rating": rating}), **more}


def full(tool: str) -> str:
    """The full name behind "Provider.function"."""
    return str(ToolName("Office", *tool.split(".")))


class Imported:
    """What an import wrote.

    Args:
        folder: the dataset's.
        report: of the import.
    """

    def __init__(self, folder: Path, report: LogsReport):
        self.folder, self.report = folder, report
        self.split_of: dict[str, str] = {}
        self.rows: dict[str, dict] = {}  # by id
        for file in sorted(folder.glob("data/*/*.parquet")):
            assert file.parent.name in (*SETTINGS, CHAT)
            if file.parent.name == CHAT:
                continue
            for row in pq.read_table(file).to_pylist():
                assert breaches(row) == []
                assert row["id"] not in self.rows
                self.rows[row["id"]] = row
                self.split_of[row["id"]] = file.name.partition("-")[0]

    @property
    def counts(self) -> dict[str, int]:
        """All counts of the record."""
        return {what: number for numbers in self.report.record.counts.values() for what, number in numbers.items()}

    def past(self, row_id: str) -> list[tuple[str, int | None]]:
        """Tool ("Provider.function") and rating of a row's past calls."""
        parsed = [(ToolName.parse(one["tool_name"]), one["rating"]) for one in self.rows[row_id]["history"]]
        return [(f"{name.provider}.{name.api}", rating) for name, rating in parsed]


def imported(folder: Path, calls, monkeypatch, name: str = "dataset", catalogue=None, **options) -> Imported:
    """Import calls as JSON Lines, or files, with the names of users kept and texts embedded as their words."""
    monkeypatch.setattr(logs_import, "make_encoder", lambda model, endpoint: WordEncoder())
    files = calls if isinstance(calls, tuple) else (write_lines(folder / "calls.jsonl", calls),)
    chosen = {"keep_user_names": True, **options}
    path = str(catalogue or write_catalogue(folder))
    report = import_logs(LogsOptions(files, (path,), **chosen), folder / name)
    return Imported(folder / name, report)

"""Which column of a log, or key, or attribute, holds which field of a call."""

import re
from collections.abc import Collection, Iterable, Mapping

from petoolbench import InputError, check_choice
from petoolkit.text import listing

# Names that are taken for a field where `--columns` gives none, the first that is there.
FIELDS: dict[str, tuple[str, ...]] = {
    "user": ("user", "user_id", "userid", "user_name", "username", "uid", "customer", "customer_id", "account_id"),
    "time": (
        *("time", "timestamp", "ts", "created_at", "created", "datetime", "date", "event_time", "started_at"),
        *("start_time", "called_at"),
    ),
    "request": ("request", "instruction", "query", "prompt", "question", "user_message", "utterance", "message"),
    "tool": ("tool", "tool_name", "function", "function_name", "api", "called_tool", "name"),
    "arguments": ("arguments", "args", "parameters", "params", "tool_arguments", "tool_args", "tool_input", "input"),
    "rating": ("rating", "feedback", "stars", "thumbs", "liked", "like"),
    "offered": ("offered", "offered_tools", "available_tools", "candidate_tools", "candidates", "tools"),
}
NEEDED = ("user", "request", "tool", "arguments")
_SHOWN = 30  # names of columns in a message


def parse_columns(texts: Iterable[str]) -> dict[str, str]:
    """Read `user=account,tool=called` (several such texts are one).

    Raises:
        InputError: for a text of another form, an unknown field, or a field that is given twice.
    """
    columns: dict[str, str] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, sign, column = (piece.strip() for piece in part.partition("="))
        if not (sign and name and column):
            raise InputError(f"--columns: {part!r} is not FIELD=COLUMN; write for example user=account,tool=called.")
        check_choice(name, FIELDS, "field in --columns")
        if name in columns:
            raise InputError(f"--columns gives {name} twice; give each field once.")
        columns[name] = column
    return columns


def choose_columns(available: Collection[str], given: Mapping[str, str], needed: Iterable[str]) -> dict[str, str]:
    """The column of each field, for those that have one: as given, else by its common names in any case.

    Raises:
        InputError: with a clause, if a given column is not there, or a needed field has none.
    """
    there = listing([repr(name) for name in available], _SHOWN) or "none"
    if unknown := [f"{field}={column}" for field, column in given.items() if column not in available]:
        raise InputError(f"--columns gives {listing(unknown)}, which is not there; there are {there}")
    plain: dict[str, str] = {}
    for name in available:
        plain.setdefault(re.sub(r"[\W_]+", "_", name.strip().lower()), name)
    chosen = dict(given)
    for field, names in FIELDS.items():
        free = [plain[name] for name in names if name in plain and plain[name] not in chosen.values()]
        if field not in chosen and free:
            chosen[field] = free[0]
    if missing := [field for field in needed if field not in chosen]:
        example = ",".join(f"{field}=COLUMN" for field in missing)
        raise InputError(
            f"no column is known to hold {listing([f'the {field}' for field in missing])}; there are {there}: name it "
            f"with --columns {example}"
        )
    return chosen

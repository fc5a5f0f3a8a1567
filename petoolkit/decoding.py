"""Reading text, JSON and YAML that others wrote; what is wrong with a file is said in one sentence."""

import datetime
import gzip
import json
import math
import re
import zlib
from pathlib import Path
from typing import IO, Any, ClassVar

import yaml

from petoolbench import InputError

_MOST_YAML_VALUES = 5_000_000
_DEEPEST_YAML = 100
_FASTEST_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is faster; not all builds have it


class _YamlLoader(_FASTEST_LOADER):
    """Takes plain words as YAML 1.2 does: `no`, `on`, `12:30`, `0123` and `2026-11-26` are texts."""

    yaml_implicit_resolvers: ClassVar[dict] = {}


for _tag, _form, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _YamlLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_form})\Z"), _first)


def decode_json(text: str | bytes) -> Any:
    """Decode JSON that others wrote. NaN and infinities are refused: they are not JSON, and never equal themselves.

    Raises:
        ValueError: with a clause that says what is wrong, for text that is not JSON, is nested too deeply, or has a
            number that is too large.
    """
    try:
        return json.loads(text, parse_constant=refuse_constant, parse_float=finite_float)
    except UnicodeDecodeError as error:
        raise ValueError(f"not text in UTF-8 ({error.reason})") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON ({error.msg})") from None
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    except ValueError as error:
        if "digits" in str(error):  # of `int`, whose message speaks of Python's settings
            raise ValueError("a number has too many digits") from None
        raise


def refuse_constant(name: str) -> Any:
    """For a JSON decoder's `parse_constant`: refuse NaN and infinities."""
    raise ValueError(f"{name} is not a JSON number")


def finite_float(digits: str) -> float:
    """For a JSON decoder's `parse_float`: refuse numbers such as 1e999, which become infinite."""
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def not_permitted(path: str | Path) -> InputError:
    """The error for a file or folder that this user may not read."""
    return InputError(f"{path} cannot be read (permission denied); ask for access, or give another path.")


def open_text(path: Path) -> IO[str]:
    """Open a file to read its text: UTF-8, gzipped or not, with or without a byte order mark."""
    return gzip.open(path, "rt", encoding="utf-8-sig") if path.suffix == ".gz" else open(path, encoding="utf-8-sig")


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, gzipped or not, with or without a byte order mark.

    Raises:
        InputError: if the file is missing, may not be read, is incomplete or not such text.
    """
    path = Path(path)
    try:
        with open_text(path) as file:
            return file.read()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the path.") from None
    except PermissionError:
        raise not_permitted(path) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not text in UTF-8 ({error.reason}); save it as UTF-8, or check the path."
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be read ({error}); it may be damaged or cut short; download or create it again."
        ) from None


def read_json(path: str | Path) -> Any:
    """Decode a JSON file, gzipped or not.

    Raises:
        InputError: if the file is missing, incomplete or not JSON; names the file, and the line if it is known.
    """
    text = read_text(path)
    try:
        return decode_json(text)
    except ValueError as error:
        where, hint = str(path), ""
        if isinstance(error.__context__, json.JSONDecodeError):
            where += f", line {error.__context__.lineno}"
            if error.__context__.msg == "Extra data":
                hint = " If it holds one JSON value a line, name it .jsonl."
        raise InputError(f"{where}: {error}; correct or remove the file.{hint}") from None


def read_yaml(path: str | Path) -> Any:
    """Decode a YAML file whose values are those that JSON has; dates are texts, and so are keys that are integers.

    Raises:
        InputError: if the file is missing, not YAML, or holds a value that JSON does not have.
    """
    text = read_text(path)
    try:
        _check_depth(text)
        return _json_value(yaml.load(text, Loader=_YamlLoader), [_MOST_YAML_VALUES])
    except RecursionError:
        raise InputError(f"{path} cannot be read as YAML: it is nested too deeply.") from None
    except ValueError as error:
        problem = "a number has too many digits" if "sys.set_int_max" in str(error) else str(error)
        raise InputError(f"{path} cannot be read as YAML: {problem}.") from None
    except (TypeError, AttributeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}.") from None


def _check_depth(text: str) -> None:
    """Raise `ValueError` for deep nesting: the loader in C would crash, the one in Python takes seconds."""
    depth = 0
    for event in yaml.parse(text, Loader=_YamlLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST_YAML:
            raise ValueError("it is nested too deeply")


def _json_value(value: Any, values_left: list[int]) -> Any:
    """A decoded YAML value with the types of JSON; raises `ValueError` for what JSON does not have."""
    values_left[0] -= 1
    if values_left[0] < 0:  # a file of a few lines can stand for billions of values
        raise ValueError(f"it stands for more than {_MOST_YAML_VALUES:,} values")
    if isinstance(value, dict):
        return {_yaml_key(key): _json_value(entry, values_left) for key, entry in value.items()}
    if isinstance(value, list):
        return [_json_value(entry, values_left) for entry in value]
    if isinstance(value, datetime.date):  # a `datetime` is one, too
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number that JSON has")
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError(f"a value of the type {type(value).__name__} is not one that JSON has")
    return value


def _yaml_key(key: Any) -> str:
    if isinstance(key, int) and not isinstance(key, bool):  # such as the codes of responses
        return str(key)
    if not isinstance(key, str):
        raise ValueError(f"the key {key!r} is not text; put it into quotes")
    return key

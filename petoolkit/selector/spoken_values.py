"""Which of a tool's documented values, and of which kind other values, stand in a request."""

import re
from functools import lru_cache
from typing import Any

from petoolbench import default_of, to_json_text

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:[.,]\d+)*")
_QUOTED = re.compile(r"'[^']+'|\"[^\"]+\"|“[^”]+”")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w.-]*")  # a capitalised word that does not begin a sentence
_NUMBERS = ("NUMBER", "INTEGER")


def value_shares(tool: dict[str, Any], instruction: str) -> tuple[float, float, float, float, float]:
    """Shares of a tool's required parameters; see `petoolkit.selector.function_evidence.value_evidence`."""
    lowered = instruction.lower()
    kinds = _kinds_said(instruction)
    numbers = texts = defaults = documented = fitting = 0
    required = tool["required_parameters"]
    for parameter in required:
        values = _documented(to_json_text({key: parameter[key] for key in ("type", "default", "schema")}))
        spoken = [value for value in values if _stands_in(value, lowered)]
        defaults += bool(values and spoken and spoken[0] == values[0])
        documented += bool(spoken)
        is_number = (parameter["type"] or "").upper() in _NUMBERS
        numbers += is_number
        texts += not is_number
        fitting += kinds["numbers"] > 0 if is_number else kinds["texts"] > 0
    number = max(len(required), 1)
    return (
        defaults / number,
        documented / number,
        fitting / number if required else 0.5,
        float(min(max(kinds["numbers"] - numbers, -2), 2)),
        float(min(max(kinds["quoted"] - texts, -2), 2)),
    )


def _stands_in(value: str, lowered: str) -> bool:
    start = lowered.find(value)
    while start >= 0:
        end = start + len(value)
        if not (lowered[start - 1 : start].isalnum() or lowered[end : end + 1].isalnum()):
            return True
        start = lowered.find(value, start + 1)
    return False


@lru_cache(maxsize=20_000)
def _documented(text: str) -> tuple[str, ...]:
    """The default and the values of an enumeration, as they would be said, in lower case."""
    import json

    parameter = json.loads(text)
    schema = json.loads(parameter["schema"]) if parameter["schema"] else {}
    allowed = schema.get("enum") if isinstance(schema, dict) else None
    values = [default_of(parameter), *(allowed if isinstance(allowed, list) else [])]
    said = (value if isinstance(value, str) else to_json_text(value) for value in values if value is not None)
    return tuple(dict.fromkeys(value.lower() for value in said if value.strip() and value not in ("true", "false")))


@lru_cache(maxsize=4_096)
def _kinds_said(instruction: str) -> dict[str, int]:
    quoted = len(_QUOTED.findall(instruction))
    names = len(_NAME.findall(instruction))
    return {"numbers": len(_NUMBER.findall(instruction)), "quoted": quoted, "texts": quoted + names}

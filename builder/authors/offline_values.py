"""Values for parameters, as far as people can say them: those of documents, and those of `offline_values.yaml`."""

import json
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from petoolbench import default_of

from ..catalogue.json_schema import type_of
from .schema_values import ANYTHING, ValueSchema

_LONGEST_VALUE = 60  # characters of a text
_LONGEST_LIST = 3
_MOST_LISTS = 8
_UNSPEAKABLE_TYPES = ("BINARY", "FILE", "OBJECT", "ARRAY")
_NUMBER_TYPES = ("NUMBER", "INTEGER")
# Names in `offline_values.yaml`, by JSON Schema's names of formats.
_KIND_OF_FORMAT = {
    **dict.fromkeys(("date", "full-date"), "date"),
    **{"date-time": "date-time", "time": "time", "uuid": "uuid-text", "email": "email", "idn-email": "email"},
    **dict.fromkeys(("uri", "url", "iri", "uri-reference"), "url"),
    **dict.fromkeys(("hostname", "idn-hostname"), "domain"),
    "ipv4": "ip",
}
# Texts that documents give instead of a default.
_PLACEHOLDER = re.compile(
    r"(?:your|insert|enter)[ _-].*|strings?|text|values?|null|none|undefined|n/?a|x{2,}|lorem.*|nisi.*"
    r"|application/.*|multipart/.*"
)


def _kinds() -> Iterator[tuple[str, dict]]:
    entries = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    for entry in entries:
        yield from ((name, entry) for name in entry["names"])


_KINDS: dict[str, dict] = {}
for _name, _entry in _kinds():
    _KINDS.setdefault(_name, _entry)


@lru_cache(maxsize=65_536)  # few names stand in many documents
def plain_name(name: str) -> str:
    """A parameter's name in words: `home city` of `homeCity`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return re.sub(r"[\W_]+", " ", words).strip().lower() or name


def documented_values(parameter: dict, schema: ValueSchema = ANYTHING) -> list:
    """The values that a parameter's document gives, in its documented type.

    Args:
        parameter: columns of `collect`.
        schema: of its values; a document that lists the allowed ones, gives these.
    """
    if (allowed := schema.allowed) is not None:
        return [value for value in allowed if _can_be_spoken(value)]
    default = default_of(parameter)
    defaults = [] if _is_placeholder(default, parameter["name"]) else [default]
    values = parameter["examples"] or ([*schema.examples, *defaults] if schema.examples else defaults)
    values = [_as_documented(value, parameter["type"]) for value in values]
    if schema.is_known:
        return [value for value in values if schema.fits(value) and (_can_be_spoken(value) or _can_be_listed(value))]
    return [value for value in values if _can_be_spoken(value)]


def plausible_values(parameter: dict, instead_of: Collection = (), schema: ValueSchema = ANYTHING) -> list:
    """Values that people might give for a parameter of this name and type; none if its name is of no known kind.

    Args:
        instead_of: values that its document gives. Kinds whose form varies from provider to provider, such as ids,
            have no others then.
        schema: of its values; with limits, it gives numbers for names of no known kind.
    """
    kind = (parameter["type"] or "").upper()
    if schema.allowed is not None or "pattern" in schema.schema:
        return []
    if kind == "BOOLEAN":
        return [value for value in (False, True) if value not in instead_of and schema.fits(value)]
    if kind == "ARRAY" and schema.is_known:
        return _plausible_lists(parameter, schema)
    if kind in _UNSPEAKABLE_TYPES or kind == "ENUM":
        return []
    found = _of_a_kind(kind, parameter["name"], bool(instead_of), schema.schema.get("format"))
    if not schema.is_known:
        return found
    return [value for value in found if schema.fits(value)] or (schema.in_range() if kind in _NUMBER_TYPES else [])


def _of_a_kind(kind: str, name: str, is_documented: bool, form: Any) -> list:
    """The values of `offline_values.yaml` for a type in upper case, a name, and a format of JSON Schema."""
    if "DATE" in kind:
        return _KINDS["date"]["texts"]
    ends = [name for name in _ends(plain_name(name).split()) if name in _KINDS]
    if isinstance(form, str) and form in _KIND_OF_FORMAT:
        ends = [_KIND_OF_FORMAT[form]]
    entry = _KINDS[ends[0]] if ends else None
    if entry is None or (is_documented and entry.get("form_varies")):
        return []
    if kind in _NUMBER_TYPES:
        return entry.get("numbers", [])
    return entry.get("texts") or [json.dumps(number) for number in entry["numbers"]]


def _plausible_lists(parameter: dict, schema: ValueSchema) -> list[list]:
    """Lists of what the items of an array can be, as short as they may be, and one longer."""
    items = schema.items
    kind = type_of(items.schema)
    if kind == "array":
        return []
    item: dict[str, Any] = {
        "name": re.sub("ies$", "y", parameter["name"]).removesuffix("s"),
        "type": kind,
        "default": None,
        "examples": [],
    }
    known = documented_values(item, items) or plausible_values(item, (), items)
    if not known:
        known = plausible_values({**item, "name": parameter["name"]}, (), items)
    lists = [known[start : start + length] for length in (1, 2, 3) for start in range(len(known) - length + 1)]
    return [one for one in lists if schema.fits(one)][:_MOST_LISTS]


def _ends(words: list[str]) -> Iterator[str]:
    """`home city` and `city` of a name's words, the longest first."""
    return (" ".join(words[start:]) for start in range(len(words)))


def _as_documented(value: Any, documented_type: str | None) -> Any:
    """RapidAPI gives every default as text: "3" of a NUMBER is meant as 3."""
    kind = (documented_type or "").upper()
    if not isinstance(value, str) or kind not in (*_NUMBER_TYPES, "BOOLEAN"):
        return value
    try:
        decoded = json.loads(value.strip().lower())
    except ValueError:
        return None
    is_boolean = isinstance(decoded, bool)
    fits = is_boolean if kind == "BOOLEAN" else isinstance(decoded, (int, float)) and not is_boolean
    return decoded if fits else None


def _can_be_spoken(value: Any) -> bool:
    if isinstance(value, str):
        has_marks = re.search(r"['\"\n<>{}\[\]]|redacted", value)
        return bool(value.strip()) and len(value) <= _LONGEST_VALUE and not has_marks
    return isinstance(value, (int, float, bool))


def _can_be_listed(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= _LONGEST_LIST and all(map(_can_be_spoken, value))


def _is_placeholder(value: Any, name: str) -> bool:
    return isinstance(value, str) and (
        _PLACEHOLDER.fullmatch(value.strip().lower()) is not None or plain_name(value) == plain_name(name)
    )

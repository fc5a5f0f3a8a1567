"""Comparing the parameters of a call with the gold ones, by what the tool's document says of them."""

from typing import Any, NamedTuple

from petoolbench import PARAMETER_KINDS, default_of
from petoolkit.call_forms import ToolCall
from petoolkit.schema_fit import ToolSchema, equal_json
from petoolkit.typed_values import typed, typed_by_schema


class ParameterDocument(NamedTuple):
    """What a tool's document says of a parameter.

    Args:
        type: in upper case.
        is_optional: whether it may be left out.
        default: decoded.
        schema, root: its JSON Schema, and what references in it are looked up in; `None` if it has none.
    """

    type: str
    is_optional: bool = False
    default: Any = None
    schema: Any = None
    root: Any = None

    def typed(self, value: Any) -> Any:
        """A value as the document has it: the text "3" of a number is 3."""
        if self.schema is None:
            return typed(value, self.type)
        return typed_by_schema(value, self.schema, self.root)


def parameter_documents(tool: dict) -> dict[str, ParameterDocument]:
    """The documents of a tool's parameters by name, of one entry of a row's `candidate_tools`."""
    schemas = ToolSchema(tool) if any(p.get("schema") for kind in PARAMETER_KINDS for p in tool[kind]) else None
    documents = {}
    for kind in PARAMETER_KINDS:
        for parameter in tool[kind]:
            document = ParameterDocument(
                (parameter["type"] or "").upper(), kind == "optional_parameters", default_of(parameter)
            )
            if schemas and parameter.get("schema"):
                document = document._replace(schema=schemas.parameters[parameter["name"]], root=schemas.root)
            documents[parameter["name"]] = document
    return documents


def has_right_parameters(
    call: ToolCall | None,
    gold: ToolCall,
    reader: str = "robust",
    documents: dict[str, ParameterDocument] | None = None,
) -> bool:
    """Whether the parameters equal the gold ones, whatever the tool is (Param Acc of one row; paper, section 3.4).

    Args:
        call: the call as `reader` read it; `None` (unreadable) is wrong.
        gold: the gold call.
        reader: `paper` compares as Python does (3 equals 3.0, 1 equals true, "3" is not 3); `robust` distinguishes
            booleans from numbers and uses `documents`.
        documents: documents of the gold tool's parameters (`parameter_documents`). With them, `robust` reads the text
            "3" of a NUMBER as 3, "true" of a BOOLEAN as true, "[1]" of an ARRAY as a list and "{}" of an OBJECT as an
            object, and takes an optional parameter as left out whose value is its default, null or the empty text; in
            both calls. A parameter with a JSON Schema has its values typed by it, also those within lists and objects.
    """
    if call is None:
        return False
    if reader == "paper":
        return call.parameters == gold.parameters
    return equal_json(given_parameters(call.parameters, documents), given_parameters(gold.parameters, documents))


def is_right_by_optional_rule(
    call: ToolCall | None, gold: ToolCall, documents: dict[str, ParameterDocument] | None
) -> bool:
    """Whether parameters are right by the robust reader only because optional ones may be left out."""
    if call is None or not has_right_parameters(call, gold, documents=documents):
        return False
    as_required = {name: document._replace(is_optional=False) for name, document in (documents or {}).items()}
    return not has_right_parameters(call, gold, documents=as_required)


def given_parameters(parameters: dict[str, Any], documents: dict[str, ParameterDocument] | None) -> dict[str, Any]:
    """Parameters with values of their documented types, without optional ones that say nothing."""
    given = {}
    for name, value in parameters.items():
        document = (documents or {}).get(name, _UNKNOWN)
        given[name] = document.typed(value)
        default = document.typed(document.default)
        if document.is_optional and (value in (None, "") or equal_json(given[name], default)):
            del given[name]
    return given


_UNKNOWN = ParameterDocument("")

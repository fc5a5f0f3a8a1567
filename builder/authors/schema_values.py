"""What a parameter's JSON Schema says of values that people can say: which are allowed, and which to take for want of
others."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from petoolbench import PARAMETER_KINDS
from petoolkit.schema_fit import JSON_TYPES, ToolSchema, misfit, plain_schema

_NUMBERS = 4  # parts that a range is cut into


class ValueSchema(NamedTuple):
    """The schema of a value.

    Args:
        schema: without references and null at its top; {} if nothing is known.
        root: the schema in which references are looked up.
        fits: whether a value keeps it, and whatever else must hold.
        is_known: whether there is anything to keep.
    """

    schema: Mapping[str, Any]
    root: Any
    fits: Callable[[Any], bool]
    is_known: bool = True

    def and_of(self, others: Sequence[ToolSchema], name: str) -> "ValueSchema":
        """This schema, for values that also fit the parameter of this name of other tools."""
        return self._replace(
            fits=lambda value: self.fits(value) and not any(one.misfit_of(name, value) for one in others),
            is_known=True,
        )

    @property
    def allowed(self) -> list | None:
        """The only values that are allowed, null left out; `None` if they are not listed."""
        if "const" in self.schema:
            return [self.schema["const"]]
        listed = self.schema.get("enum")
        return [value for value in listed if value is not None] if isinstance(listed, list) else None

    @property
    def examples(self) -> list:
        """The values that the schema gives as examples."""
        listed = self.schema.get("examples")
        listed = listed if isinstance(listed, list) else []
        return [*listed, *([self.schema["example"]] if "example" in self.schema else [])]

    @property
    def items(self) -> "ValueSchema":
        """Of the items of an array."""
        return _value_schema(self.schema.get("items"), self.root)

    def in_range(self) -> list[float]:
        """Some numbers between its limits, the limits last; none if it has no limits."""
        low, high = self._limit("inimum"), self._limit("aximum")
        limits = [limit for limit in (low, high) if limit is not None]
        if not limits:
            return []
        step = self.schema.get("multipleOf")
        step = step if isinstance(step, int) and not isinstance(step, bool) and step > 0 else 1
        low = high - 2 * _NUMBERS * step if low is None and high is not None else limits[0]
        high = low + 2 * _NUMBERS * step if high is None else high
        shares = [number / _NUMBERS for number in range(1, _NUMBERS)]
        rounded: list[float] = [round((low + (high - low) * share) / step) * step for share in shares]
        between = [low + (high - low) * share for share in shares]
        found = [value for value in dict.fromkeys([*rounded, *limits]) if self.fits(value)]
        return found if len(found) > 1 else found + [value for value in between if value % 1 and self.fits(value)]

    def _limit(self, of: str) -> float | None:
        """`minimum` or `maximum`, or the exclusive one."""
        for key in (f"m{of}", f"exclusiveM{of}"):
            limit = self.schema.get(key)
            if isinstance(limit, (int, float)) and not isinstance(limit, bool) and abs(limit) < 1e15:
                return limit
        return None


ANYTHING = ValueSchema({}, {}, lambda value: True, is_known=False)


def value_schemas(tool: Mapping[str, Any], rivals: Sequence[Mapping[str, Any]] = ()) -> dict[str, ValueSchema]:
    """The schemas of a tool's values by the parameter's name; `ANYTHING` for those of catalogues without JSON Schema.

    Args:
        tool: columns of `collect`.
        rivals: tools whose parameters of these names the values must fit, too.
    """
    parameters = [parameter for kind in PARAMETER_KINDS for parameter in tool[kind]]
    of_tool = ToolSchema(tool) if any(map(_has_schema, parameters)) else None
    of_rivals = [ToolSchema(rival) for rival in rivals]
    schemas = {}
    for parameter in parameters:
        name, schema = parameter["name"], ANYTHING
        if of_tool and _has_schema(parameter):
            schema = _value_schema(of_tool.parameters[name], of_tool.root)
        others = [one for one in of_rivals if one.parameters.get(name) not in (None, {})]
        schemas[name] = schema.and_of(others, name) if others else schema
    return schemas


def _has_schema(parameter: Mapping[str, Any]) -> bool:
    """Whether a document says more of a parameter than that it is text; types in capitals are RapidAPI's."""
    return parameter["schema"] is not None or (parameter["type"] in JSON_TYPES and parameter["type"] != "string")


def _value_schema(schema: Any, root: Any) -> ValueSchema:
    return ValueSchema(plain_schema(schema, root), root, lambda value: misfit(value, schema, root) is None)

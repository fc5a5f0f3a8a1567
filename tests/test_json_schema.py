"""Reading JSON Schemas of parameters and responses."""

from petoolkit.builder.catalogue.json_schema import shape_of


def test_shape_of_nested_objects_arrays_and_unions():
    schema = {
        "type": "object",
        "properties": {
            "city": {"$ref": "#/$defs/City"},
            "days": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/Day"}, {"type": "null"}]}},
            "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            "perhaps": {"type": ["boolean", "null"]},
            "free": {"type": "object"},
            "all": {"allOf": [{"$ref": "#/$defs/City"}, {"properties": {"size": {"type": "integer"}}}]},
            "nothing": True,
        },
        "$defs": {
            "City": {"properties": {"name": {"type": "string"}}},
            "Day": {"properties": {"heat": {"type": "number"}}},
        },
    }
    assert shape_of(schema) == {
        "city": {"name": "str"},
        "days": [{"heat": "float"}],
        "either": None,
        "perhaps": "bool",
        "free": "dict",
        "all": {"name": "str", "size": "int"},
        "nothing": None,
    }
    assert shape_of({"type": "array", "items": {"type": "string"}}) == ["str"]
    assert shape_of({"type": "array"}) == "list"
    assert shape_of(None) is None and shape_of({}) is None and shape_of({"$ref": "#/nowhere"}) is None
    assert shape_of({"$ref": "https://example.org/x"}) is None


def test_shape_of_schemas_that_never_end_is_bounded():
    node = {"properties": {name: {"$ref": "#/$defs/Node"} for name in "abcdefghij"}}
    shape = shape_of({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    assert len(str(shape)) < 50_000 and "..." in str(shape)
    assert shape_of({"$ref": "#"}) == "..."

"""Reading JSON Schemas of parameters and responses."""

from petoolkit.builder.catalogue.json_schema import shape_of, type_of


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


def test_the_type_of_a_value():
    root = {"$defs": {"Unit": {"enum": ["C", "F"]}, "Deep": {"anyOf": [{"$ref": "#/$defs/Deep"}] * 9}}}
    types = {
        "string": [{"type": "string"}, {"type": ["null", "string"]}, {"$ref": "#/$defs/Unit"}, {"const": "a"}],
        "integer": [{"enum": [1, 2, None]}, {"anyOf": [{"type": "integer"}, {"type": "null"}]}],
        "number": [{"enum": [1, 2.5]}, {"oneOf": [{"type": "integer"}, {"type": "number"}]}],
        "boolean": [{"allOf": [{"description": "x"}, {"type": "boolean"}]}],
        "object": [{"type": "object", "anyOf": [{"required": ["a"]}]}],
        None: [
            *(
                {},
                True,
                {"type": ["string", "integer"]},
                {"anyOf": [{"type": "string"}, {}]},
                {"enum": []},
                {"type": 3},
            ),
            *({"anyOf": [{"type": "string"}, {"enum": [1]}]}, {"$ref": "#/$defs/Deep"}, {"$ref": "#/nowhere"}),
        ],
    }
    for expected, schemas in types.items():
        for schema in schemas:
            assert type_of(schema, root) == expected, schema

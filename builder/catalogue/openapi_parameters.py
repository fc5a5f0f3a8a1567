"""Parameters of an OpenAPI operation: those of its path and query, and those of its body, as one JSON Schema."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from .json_schema import type_of
from .openapi_references import References
from .openapi_schemas import SCHEMA_KEYS, Schemas

_LOCATIONS = ("path", "query", "header", "cookie", "body", "formData")
# Names of keys and signatures in queries, without punctuation.
_KEYS = (
    *("apikey", "appkey", "wskey", "subscriptionkey", "clientsecret", "authorization"),
    *("accesstoken", "oauthtoken", "bearertoken", "authtoken"),
    *("awsaccesskeyid", "signature", "signaturemethod", "signatureversion"),
)
_AWS = re.compile(r"awsaccesskeyid|xamz")
_MEANS_KEY = re.compile(r"\bAPI key\b", re.IGNORECASE)
_IS_KEY = re.compile(
    r"\W*(?:(?:your|the|an?|my|valid|personal|application|developer) )*API[ _-]?key\b(?! (?:id|name)\b)", re.IGNORECASE
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_JSON = re.compile(r"(application|text)/([\w.+-]+\+)?json\b|\*/\*", re.IGNORECASE)
_FORM = re.compile(r"application/x-www-form-urlencoded|multipart/", re.IGNORECASE)
_TYPES: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
# Of a body's own keys, those that its properties and the parameters beside it do not contradict.
_OF_BODY = ("additionalProperties",)
_SAY_NOTHING = ("type", "properties", "required", "title", "description", "default", "deprecated", "format")
# A body of which several forms are allowed, which its properties alone do not say.
_SEVERAL_FORMS = ("anyOf", "oneOf", "allOf", "not", "if", "patternProperties")


class UnreadableOperationError(ValueError):
    """An operation whose parameters cannot be known; the message is a clause that says why."""


class OperationParameters(NamedTuple):
    """The parameters of one operation.

    Args:
        schema: the JSON Schema of an object whose properties they are.
        examples: values that the document gives as examples, by parameter.
    """

    schema: dict
    examples: dict[str, list]


class OperationReader:
    """Reads the parameters of one operation.

    Args:
        references: of the document.
        keys: names of query parameters that are keys, as the document's security schemes say.
        version: of the document, which is the value of a parameter `api-version` if it is a date, and of `Version` in
            AWS's queries.
        levels: that schemas may have.
        counts: gets the number of what was left out or decided, for each reason.
    """

    def __init__(self, references: References, keys: frozenset[str], version: str, levels: int, counts: Counter[str]):
        self._references = references
        self._keys = keys
        self._version = version
        self._counts = counts
        self._schemas = Schemas(references, levels, counts)
        self._properties: dict[str, Any] = {}
        self._required: list[str] = []
        self._rest: dict[str, Any] = {}
        self._examples: dict[str, list] = {}
        self._is_aws = False

    def parameters(self, path_item: dict, operation: dict) -> OperationParameters:
        """Parameters of an operation, and of its path where the operation does not give others of the same name.

        A header, a cookie or a key is left out. Of a body that is an object, each property is a parameter; another
        body, or one with a name that a path or query parameter has too, is the parameter `body`.

        Raises:
            UnreadableOperationError: if a parameter is malformed.
            TooLargeError: if the schemas are too large with these levels.
        """
        documented: dict[tuple[str, str], dict] = {}
        for owner in (path_item, operation):
            documented |= {(one["in"], one["name"]): one for one in self._documented(owner)}
        body = None
        self._is_aws = any(
            _AWS.match(_plain(name)) for location, name in documented if location in ("query", "header")
        )
        for (location, name), parameter in documented.items():
            if location == "body":
                body = parameter
            elif (reason := self._left_out(location, name, parameter)) is not None:
                self._counts[f"parameters left out: {reason}"] += 1
            elif name in self._properties:
                self._counts["parameters left out: repeated name"] += 1
            else:
                self._add(name, parameter, location)
        if body is not None:
            self._add_body(body.get("schema"), body)
        elif operation.get("requestBody") is not None:
            self._add_request_body(operation["requestBody"])
        given: dict[str, Any] = {"api-version": self._version} if _DATE.match(self._version) else {}
        if self._is_aws:
            given |= {"Version": self._version, "Action": operation.get("operationId")}
        for name, schema in self._properties.items():
            self._properties[name] = self._filled_in(name, schema, given.get(name))
        schema = {"type": "object", "properties": self._properties, **self._rest}
        if self._required:
            schema["required"] = self._required
        return OperationParameters(schema, self._examples)

    def _documented(self, owner: dict) -> Iterator[dict]:
        parameters = owner.get("parameters")
        if not isinstance(parameters, list | None):
            raise UnreadableOperationError("`parameters` is not a list")
        for one in parameters or []:
            parameter = self._references.follow(one).value
            if parameter is None and isinstance(one, dict):  # counted by the reference
                continue
            if not isinstance(parameter, dict):
                raise UnreadableOperationError("a parameter is not an object")
            if not isinstance(parameter.get("name"), str):
                raise UnreadableOperationError("a parameter has no name")
            if parameter.get("in") not in _LOCATIONS:
                raise UnreadableOperationError("a parameter is neither of the path, query, header, cookie nor body")
            yield parameter

    def _left_out(self, location: str, name: str, parameter: dict) -> str | None:
        if location in ("header", "cookie"):
            return location
        plain, description = _plain(name), str(parameter.get("description"))
        is_signature = self._is_aws and (plain == "timestamp" or plain.startswith("xamz"))
        means_key = _IS_KEY.match(description) or (plain == "key" and _MEANS_KEY.search(description))
        if location == "query" and (name in self._keys or plain in _KEYS or is_signature or means_key):
            return "key"
        return None

    def _add(self, name: str, parameter: dict, location: str) -> None:
        raw = parameter.get("schema")
        if raw is None and isinstance(content := parameter.get("content"), dict) and content:
            first = next(iter(content.values()))
            raw = first.get("schema") if isinstance(first, dict) else None
        if raw is None:  # in Swagger 2, a parameter is a schema itself
            raw = {key: value for key, value in parameter.items() if key in SCHEMA_KEYS and key != "required"}
        schema = self._schemas.read(raw)
        beside = {key: parameter[key] for key in ("description", "deprecated") if parameter.get(key)}
        self._properties[name] = {**({} if schema is True else schema), **beside} if schema is not False else schema
        self._note_examples(name, parameter, self._references.follow(raw).value)
        if parameter.get("required") is True or location == "path":
            self._required.append(name)

    def _note_examples(self, name: str, *sources: Any) -> None:
        """Keep what the document gives as examples, if it is of the parameter's type."""
        found: list = []
        for source in sources:
            if isinstance(source, dict):
                found += [source[key] for key in ("example", "x-example") if key in source]
                several = source.get("examples")
                if isinstance(several, dict):
                    found += [one["value"] for one in several.values() if isinstance(one, dict) and "value" in one]
                elif isinstance(several, list):
                    found += several
        kind = type_of(self._properties[name]) or ""
        fitting = [
            value
            for value in found
            if isinstance(value, _TYPES.get(kind, ())) and isinstance(value, bool) == (kind == "boolean")
        ]
        if fitting:
            self._examples[name] = list(dict.fromkeys(fitting))

    def _add_request_body(self, request_body: Any) -> None:
        body = self._references.follow(request_body).value
        content = body.get("content") if isinstance(body, dict) else None
        if not isinstance(content, dict):
            if isinstance(request_body, dict) and "$ref" in request_body:  # counted by the reference
                return
            raise UnreadableOperationError("`requestBody` has no `content`")
        for form in (_JSON, _FORM, re.compile("")):
            for media_type, media in content.items():
                if form.match(str(media_type)) and isinstance(media, dict):
                    self._add_body(media.get("schema"), body)
                    return

    def _add_body(self, raw: Any, body: dict) -> None:
        schema = self._schemas.read(raw, is_body=True)
        is_required = body.get("required") is True
        if not isinstance(schema, dict) or not _is_object_of_properties(schema):
            self._keep_whole(schema, body, is_required, "not an object, or one without known properties")
        elif self._properties.keys() & schema["properties"].keys():
            self._keep_whole(schema, body, is_required, "a name is also that of a path or query parameter")
        else:
            target = self._references.follow(raw).value
            documented = target.get("properties") if isinstance(target, dict) else None
            for name, one in schema["properties"].items():
                self._properties[name] = one
                if isinstance(documented, dict):
                    self._note_examples(name, self._references.follow(documented.get(name)).value)
            required = [name for name in schema.get("required", []) if name in schema["properties"]]
            if required and not is_required:
                self._counts["bodies not marked as required, with properties that are"] += 1
            self._required += required
            self._rest = {key: schema[key] for key in _OF_BODY if key in schema}
            if unread := schema.keys() - set(_OF_BODY) - set(_SAY_NOTHING):
                self._counts["keys of bodies left out"] += len(unread)

    def _keep_whole(self, schema: Any, body: dict, is_required: bool, reason: str) -> None:
        name = next(one for one in ("body", "request_body", "_body") if one not in self._properties)
        description = body.get("description")
        self._counts[f"bodies that are one parameter: {reason}"] += 1
        if isinstance(schema, dict) and isinstance(description, str):
            schema = {**schema, "description": description}
        self._properties[name] = schema
        if is_required:
            self._required.append(name)

    def _filled_in(self, name: str, schema: Any, given: Any) -> Any:
        """The schema; a required parameter that can have one value only is optional, with that as its default.

        So is one whose value the document itself gives.
        """
        if name not in self._required or not isinstance(schema, dict):
            return schema
        allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if isinstance(allowed, list) and len(allowed) == 1:
            self._counts["required parameters with one possible value: optional"] += 1
            value = allowed[0]
        elif given and "default" not in schema:
            self._counts[
                "required parameters whose value is the document's version, or the operation's id: optional"
            ] += 1
            value = given
        else:
            return schema
        self._required.remove(name)
        return {**schema, "default": value}


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _is_object_of_properties(schema: dict) -> bool:
    return isinstance(schema.get("properties"), dict) and not any(key in schema for key in _SEVERAL_FORMS)

"""OpenAPI 3 and Swagger 2 documents: one service each, with its operations."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from .catalogue_format import CatalogueFormat, Source
from .json_schema import input_schema, shape_of
from .openapi_parameters import OperationParameters, OperationReader, UnreadableOperationError
from .openapi_references import References
from .openapi_schemas import LEVELS, TooLargeError
from .tool_document import Parameter, ToolDocument

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_NO_METHODS = ("parameters", "servers", "summary", "description", "$ref")
_VERSIONS = {"openapi": "3.", "swagger": "2."}
_SUCCESS = re.compile(r"2(\d\d|XX)", re.IGNORECASE)
_JSON = re.compile(r"\bjson\b", re.IGNORECASE)
_LONGEST_SECOND_LEVEL = 3  # letters of `co` in `example.co.uk`
# Domains whose hosts belong to many.
_SHARED_DOMAINS = (
    *(
        "appspot.com",
        "azurewebsites.net",
        "cloudfunctions.net",
        "fly.dev",
        "github.io",
        "herokuapp.com",
        "netlify.app",
    ),
    *("onrender.com", "rapidapi.com", "run.app", "vercel.app", "workers.dev"),
)
_SENTENCE_END = re.compile(r"[.!?:;\u3002\uff01\uff1f]$")


def _is_document(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(value.get(key), str | int | float) for key in _VERSIONS)


def _documents(value: Any, source: Source) -> Iterator[ToolDocument]:
    return _Service(value, source.counts).tools()


class _Service:
    """The service that a document describes.

    Raises:
        ValueError: if it is of another version, or has no operations because it is malformed.
    """

    def __init__(self, document: dict, counts: Counter[str]):
        key = next(key for key in _VERSIONS if key in document)
        version = str(document[key])
        if not f"{version}.".startswith(_VERSIONS[key]):
            raise ValueError(f"`{key}` is {version[:20]!r}; 2.0 of Swagger and 3.0 and 3.1 of OpenAPI can be read")
        paths = document.get("paths")
        if paths is None and key == "openapi" and ("webhooks" in document or "components" in document):
            paths = {}  # OpenAPI 3.1 allows it
        if not isinstance(paths, dict):
            raise ValueError("`paths` is missing" if paths is None else "`paths` is not an object")
        self._paths: dict[str, Any] = paths
        self._document = document
        self._counts = counts
        self._references = References(document, counts)
        self._info: dict = document["info"] if isinstance(document.get("info"), dict) else {}
        self._keys = self._names_of_keys()
        self._ids: set[str] = set()

    def tools(self) -> Iterator[ToolDocument]:
        """A tool for each operation that can be read; what cannot is counted."""
        if isinstance(webhooks := self._document.get("webhooks"), dict):
            self._counts["webhooks left out"] += len(webhooks)
        for path, documented in self._paths.items():
            if path.startswith("x-"):
                continue
            path_item = self._references.follow(documented).value
            if not isinstance(path_item, dict):
                self._counts["paths left out: not an object within the document"] += 1
                continue
            for method, operation in path_item.items():
                if method.lower() in _METHODS:
                    try:
                        yield self._tool(path, method.upper(), path_item, operation)
                    except UnreadableOperationError as error:
                        self._counts[f"operations left out: {error}"] += 1
                elif method not in _NO_METHODS and not method.startswith("x-"):
                    self._counts["operations left out: of no known method"] += 1

    def _tool(self, path: str, method: str, path_item: dict, operation: Any) -> ToolDocument:
        if not isinstance(operation, dict):
            raise UnreadableOperationError("not an object")
        schema, examples = self._parameters(path_item, operation)
        parameters = input_schema(schema)
        if isinstance(callbacks := operation.get("callbacks"), dict):
            self._counts["callbacks left out"] += len(callbacks)
        return ToolDocument(
            category=self._category(operation),
            tool=self._provider(),
            tool_description=_text(self._info, "description") or _text(self._info, "summary") or None,
            vendor=self._vendor(),
            api=self._api(operation, f"{method} {path}"),
            api_description=_description(operation, path_item),
            required_parameters=[_with_examples(one, examples) for one in parameters.required],
            optional_parameters=[_with_examples(one, examples) for one in parameters.optional],
            parameters_schema=parameters.schema,
            response_schema=self._response(operation),
        )

    def _parameters(self, path_item: dict, operation: dict) -> OperationParameters:
        """Parameters of an operation, with schemas as deep as their bounds allow."""
        version = str(self._info.get("version", ""))
        for levels in LEVELS:
            counts: Counter[str] = Counter()
            reader = OperationReader(self._references.counting(counts), self._keys, version, levels, counts)
            with suppress(TooLargeError):
                parameters = reader.parameters(path_item, operation)
                break
        self._counts.update(counts)
        return parameters

    def _provider(self) -> str:
        """The service's title, else its host."""
        return _text(self._info, "title") or self._host()

    def _vendor(self) -> str | None:
        """The domain of the service's host, such as `example.co.uk` of `api.example.co.uk`."""
        labels = self._host().lower().split(":")[0].split(".")
        if len(labels) < 2 or labels[-1].isdigit():  # this machine, or an address
            return None
        parts = 3 if len(labels) > 2 and len(labels[-2]) <= _LONGEST_SECOND_LEVEL and len(labels[-1]) == 2 else 2
        domain = ".".join(labels[-parts:])
        return None if domain in _SHARED_DOMAINS else domain

    def _host(self) -> str:
        """The host that the document names first; "" if none."""
        servers = self._document.get("servers")
        first = servers[0] if isinstance(servers, list) and servers else None
        try:
            return _text(self._document, "host") or urlsplit(_text(first, "url")).hostname or ""
        except ValueError:  # of an address that is none
            return ""

    def _category(self, operation: dict) -> str:
        """What a directory of services says, else the operation's first tag, else ""."""
        for names in (self._info.get("x-apisguru-categories"), operation.get("tags")):
            if isinstance(names, list) and names and isinstance(names[0], str):
                return names[0]
        return ""

    def _api(self, operation: dict, method_and_path: str) -> str:
        name = _text(operation, "operationId")
        if name in self._ids:
            self._counts["operations named by method and path: their operationId is another's"] += 1
            return method_and_path
        if name:
            self._ids.add(name)
        return name or method_and_path

    def _response(self, operation: dict) -> Any:
        """What the first success with a schema answers, as nested {key: type}; `None` if that is not known."""
        responses = operation.get("responses")
        responses = responses if isinstance(responses, dict) else {}
        for code in sorted(filter(_SUCCESS.fullmatch, responses)):
            response = self._references.follow(responses[code]).value
            content = response.get("content") if isinstance(response, dict) else None
            media = list(content.items()) if isinstance(content, dict) else []
            media.sort(key=lambda one: not _JSON.search(one[0]))
            for owner in (response, *(one for _, one in media)):
                if isinstance(owner, dict) and isinstance(owner.get("schema"), dict):
                    return shape_of(owner["schema"], self._document)
        return None

    def _names_of_keys(self) -> frozenset[str]:
        """Names of the query parameters that are keys."""
        components = self._document.get("components")
        schemes = components.get("securitySchemes") if isinstance(components, dict) else None
        schemes = self._document.get("securityDefinitions") if schemes is None else schemes
        found = schemes.values() if isinstance(schemes, dict) else ()
        return frozenset(
            _text(scheme, "name")
            for scheme in (self._references.follow(one).value for one in found)
            if isinstance(scheme, dict) and scheme.get("type") == "apiKey" and scheme.get("in") == "query"
        )


def _text(owner: Any, key: str) -> str:
    """A text of an object; "" if it has none."""
    value = owner.get(key) if isinstance(owner, dict) else None
    return value.strip() if isinstance(value, str) else ""


def _description(operation: dict, path_item: dict) -> str | None:
    """Summary and description, without what both say; those of the path where the operation has none."""
    owner = operation if _text(operation, "summary") or _text(operation, "description") else path_item
    summary, description = _text(owner, "summary"), _text(owner, "description")
    text = (
        max(summary, description, key=len)
        if _plain(summary) in _plain(description) or _plain(description) in _plain(summary)
        else f"{summary}{'' if _SENTENCE_END.search(summary) else '.'} {description}"
    )
    if operation.get("deprecated") is True:
        text = f"Deprecated. {text}"  # `collect` leaves it out, and counts it
    return text or None


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text).strip().casefold()


def _with_examples(parameter: Parameter, examples: dict[str, list]) -> Parameter:
    found = examples.get(parameter.name)
    return parameter.model_copy(update={"examples": found}) if found else parameter


OPENAPI = CatalogueFormat(
    "an OpenAPI document",
    "an object with openapi or swagger (versions 2.0, 3.0 and 3.1), info and paths",
    _is_document,
    _documents,
)

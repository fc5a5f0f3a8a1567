"""`croissant.json` of a pushed dataset: what it holds, file by file and column by column, and how responsibly.

Croissant (https://docs.mlcommons.org/croissant/) is JSON-LD that search engines of datasets and loaders read. Texts of
others stand in it as values of JSON only, with the characters that HTML reads escaped.
"""

import datetime
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import constants

from petoolbench import CITATION
from petoolkit.dataset_record import CHAT
from petoolkit.publisher.hub import Target
from petoolkit.text import listing

CROISSANT = "croissant.json"
_SPECIFICATIONS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
# The context of Croissant 1.1: readers know terms by their full addresses, and warn of any other context.
_OF_CROISSANT = (
    *("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject"),
    *("fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5"),
    *("parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator"),
    *("source", "subField", "transform"),
)
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{term: f"cr:{term}" for term in _OF_CROISSANT},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "description": {"@container": "@language"},
    "name": {"@container": "@language"},
}
_DEEPER = "In the file, but not described here, since loaders do not go into a list within a list:"
_ESCAPED = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&"})
# Pages of the licences that datasets often have; of others, the id on the Hub is given.
_LICENCES = {
    name.lower(): f"https://spdx.org/licenses/{name}.html"
    for name in ("Apache-2.0", "MIT", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0")
}


def croissant(
    target: Target,
    files: Mapping[str, Path | bytes],
    licence: str | None,
    version: str,
    published: datetime.date,
    responsible: Mapping[str, Any],
) -> bytes:
    """The content of `croissant.json`.

    Args:
        target: the dataset's repository.
        files: what is pushed, by path; those of `data/` are described.
        licence: its id on the Hub, if it is known.
        version: of the rows, such as `1.0.123`.
        published: when the dataset was first pushed.
        responsible: further properties of the dataset, by their terms (`responsible_ai`).
    """
    data = {path: content for path, content in files.items() if path.startswith("data/")}
    owner, _, name = target.repo_id.partition("/")
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _SPECIFICATIONS,
        "name": name,
        "url": target.url,
        "creator": {"@type": "Organization", "name": owner, "url": f"{constants.ENDPOINT}/{owner}"},
        "datePublished": published.isoformat(),
        "version": version,
        "license": licence_page(licence) if licence else "not known",
        "citeAs": CITATION,
        "inLanguage": "en",
        "keywords": ["tool use", "function calling", "personalization", "evaluation of language models"],
        "isLiveDataset": False,
        **responsible,
        "distribution": [_file(path, content, target) for path, content in data.items()],
        "recordSet": [_record_set(path, content) for path, content in data.items()],
    }
    return (json.dumps(content, ensure_ascii=False, indent=1).translate(_ESCAPED) + "\n").encode()


def licence_page(licence: str) -> str:
    """The page of a licence by its id on the Hub; the id, where no page is known."""
    return _LICENCES.get(licence.lower(), licence)


def file_id(path: str) -> str:
    """The identifier of a data file, `<config>/<split>.parquet`."""
    return f"{_record_set_id(path)}.parquet"


def _record_set_id(path: str) -> str:
    _, config, file = path.split("/")
    return f"{config}/{file.partition('-')[0]}"


def _file(path: str, content: Path | bytes, target: Target) -> dict[str, Any]:
    data = content if isinstance(content, bytes) else content.read_bytes()
    return {
        "@type": "cr:FileObject",
        "@id": file_id(path),
        "name": file_id(path),
        "contentUrl": f"{target.url}/resolve/{target.branch or 'main'}/{path}",
        "contentSize": f"{len(data)} B",
        "encodingFormat": "application/x-parquet",
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _record_set(path: str, content: Path | bytes) -> dict[str, Any]:
    """A split of a config, with a field for each column."""
    name = _record_set_id(path)
    file = pq.ParquetFile(pa.BufferReader(content) if isinstance(content, bytes) else content)
    config, split = name.split("/")
    made = "The rows of all settings, ready to use" if config == CHAT else f"Rows of the config {config}"
    columns = [_field(f"{name}/{column.name}", column, column.name, [], file_id(path)) for column in file.schema_arrow]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{made}, {split} split ({file.metadata.num_rows:,} rows).",
        "key": {"@id": f"{name}/id"},
        "field": columns,
    }


def _field(identifier: str, column: pa.Field, name: str, way: list[str], file: str) -> dict[str, Any]:
    """A column, or what is in it.

    Args:
        identifier: of the field.
        column: with its type.
        name: of the parquet file's column.
        way: the names on the way into it.
        file: the file's identifier.
    """
    kind, is_list = column.type, pa.types.is_list(column.type)
    if is_list:
        kind = kind.value_type
    found: dict[str, Any] = {"@type": "cr:Field", "@id": identifier, "name": column.name}
    if is_list:
        found |= {"isArray": True, "arrayShape": "-1"}
    if pa.types.is_struct(kind):
        deeper = [one for one in kind if pa.types.is_nested(one.type)]
        if deeper:
            found["description"] = f"{_DEEPER} {listing([_with_parts(one) for one in deeper])}."
        inside = [
            _field(f"{identifier}/{one.name}", one, name, [*way, one.name], file) for one in kind if one not in deeper
        ]
        return {**found, "subField": inside}
    source: dict[str, Any] = {"fileObject": {"@id": file}, "extract": {"column": name}}
    if way:
        source["transform"] = [{"jsonPath": one} for one in way]
    return {**found, "dataType": "sc:Integer" if pa.types.is_integer(kind) else "sc:Text", "source": source}


def _with_parts(column: pa.Field) -> str:
    """A list of objects by its name, with the names that are in them."""
    return f"{column.name} ({', '.join(one.name for one in column.type.value_type)})"

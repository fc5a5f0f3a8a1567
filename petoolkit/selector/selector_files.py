"""A selector's folder: `selector.json` (what it reads, how it was fitted) and `selector.safetensors` (its weights).

Both are data: nothing of them is run.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from petoolbench import InputError
from petoolkit.decoding import read_json
from petoolkit.files import replacing, write_json
from petoolkit.hub_reading import fetch_file, first_sentence
from petoolkit.selector.attribute_reader import WORDS, AttributeReader
from petoolkit.selector.choice_ensemble import ChoiceEnsemble
from petoolkit.selector.choice_model import ChoiceModel
from petoolkit.selector.choice_trees import ChoiceTrees
from petoolkit.selector.evidence import EVIDENCE, slices
from petoolkit.selector.function_evidence import PAIR_COLUMNS, REQUEST_COLUMNS
from petoolkit.selector.job_reader import JobReader

RECORD, WEIGHTS = "selector.json", "selector.safetensors"
FORM = 8  # of these files and of the columns of evidence; another number cannot be read


@dataclass(frozen=True)
class FittedSelector:
    """What is stored of a selector.

    Args:
        evidence: names of the kinds of evidence that it weighs, in the table's order.
        embedding_model, embedding_fingerprint: whose vectors it reads.
        choice: weighs the evidence.
        jobs: what it learnt of which tools do a job; `None` if no provider was described.
        reader: what it learnt of sentences; `None` if no provider was described.
        filler: weights of the parameter filler, by name of the array.
        facts: what it was fitted on and what it scored, for the card.
    """

    evidence: tuple[str, ...]
    embedding_model: str
    embedding_fingerprint: str
    choice: ChoiceEnsemble
    jobs: JobReader | None
    reader: AttributeReader | None
    filler: dict[str, np.ndarray] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def write_selector(folder: Path, fitted: FittedSelector) -> None:
    """Write both files; a reader never sees one without the other of an earlier selector: the record names the
    weights' hash."""
    from safetensors.numpy import save_file

    from petoolkit.files import content_hash

    arrays = {f"networks.{name}": one for name, one in _arrays(fitted.choice.networks, _NETWORKS).items()}
    # As they are: values of evidence are thresholds, which rounding would move to the other side.
    if trees := fitted.choice.trees:
        arrays |= {f"trees.{name}": np.ascontiguousarray(getattr(trees, name)) for name in _TREES}
    if fitted.jobs:
        arrays |= {f"jobs.{name}": one for name, one in _arrays(fitted.jobs, _JOBS).items()}
    if fitted.reader:
        arrays |= {f"reader.{name}": one for name, one in _arrays(fitted.reader, _READER).items()}
    arrays |= {f"filler.{name}": one.astype(np.float32) for name, one in fitted.filler.items()}
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / WEIGHTS) as temporary:
        save_file(arrays, temporary)
    write_json(
        folder / RECORD,
        {
            "form": FORM,
            "weights_sha256": content_hash(folder / WEIGHTS),
            "evidence": list(fitted.evidence),
            "embedding_model": fitted.embedding_model,
            "embedding_fingerprint": fitted.embedding_fingerprint,
            "traits": list(fitted.reader.traits) if fitted.reader else None,
            "trees": fitted.choice.trees is not None,
            **fitted.facts,
        },
    )


_NETWORKS = ("mean", "scale", "linear", "inner", "inner_bias", "outer")
_TREES = ("feature", "threshold", "below", "above", "value")
_NUMBERS = ("feature", "below", "above")  # of a tree: of columns and of nodes
_JOBS = ("request_weights", "sameness_weights", "sameness_bias")
_READER = ("projection", "head", "head_bias")


def _arrays(holder: object, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(getattr(holder, name), dtype=np.float32) for name in names}


def read_selector(source: str, revision: str | None = None) -> FittedSelector:
    """Read a selector from a folder, or from the Hub.

    Raises:
        InputError: if there is none, or its files are damaged or of another version.
    """
    record_file, weights_file = (fetch_file(source, name, revision, "model") for name in (RECORD, WEIGHTS))
    if record_file is None or weights_file is None:
        missing = RECORD if record_file is None else WEIGHTS
        raise InputError(
            f"{source} does not hold a selector: {missing} is missing; give what `petoolbench fit` wrote."
        )
    record = _checked_record(read_json(record_file), source)
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from petoolkit.files import content_hash

    if content_hash(weights_file) != record["weights_sha256"]:
        raise InputError(f"{source}: {WEIGHTS} is not the file that {RECORD} was written with; fit or fetch it again.")
    try:
        arrays = {name: one.astype(np.float64) for name, one in load_file(weights_file).items()}
        if not all(np.isfinite(one).all() for one in arrays.values()):
            raise ValueError("a weight is not a finite number")
        networks = ChoiceModel(**{name: arrays[f"networks.{name}"] for name in _NETWORKS})
        trees = jobs = reader = None
        if record["trees"]:
            of_trees = {name: arrays[f"trees.{name}"] for name in _TREES}
            trees = ChoiceTrees(**of_trees | {name: of_trees[name].astype(np.intp) for name in _NUMBERS})
        if "job" in record["evidence"]:
            jobs = JobReader(**{name: arrays[f"jobs.{name}"] for name in _JOBS})
        if record["traits"] is not None:
            projection, head, bias = (arrays[f"reader.{name}"] for name in _READER)
            reader = AttributeReader(projection, head, bias, tuple(record["traits"]))
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise InputError(f"{source}: {WEIGHTS} is damaged ({first_sentence(error)}); fit or fetch it again.") from None
    _check_shapes(networks, trees, jobs, reader, tuple(record["evidence"]), source)
    filler = {name.removeprefix("filler."): one for name, one in arrays.items() if name.startswith("filler.")}
    known = ("form", *_TYPES)
    return FittedSelector(
        tuple(record["evidence"]),
        record["embedding_model"],
        record["embedding_fingerprint"],
        ChoiceEnsemble(networks, trees),
        jobs,
        reader,
        filler,
        {key: value for key, value in record.items() if key not in known},
    )


def selector_fingerprint(source: str) -> str:
    """What tells a selector's weights apart, 16 hexadecimal digits; raises what `read_selector` raises."""
    from petoolkit.files import content_hash

    read_selector(source)
    record = fetch_file(source, RECORD, None, "model")
    assert record is not None  # it was just read
    return content_hash(record)[:16]


_TYPES: dict[str, type | tuple[type, ...]] = {
    "weights_sha256": str,
    "evidence": list,
    "embedding_model": str,
    "embedding_fingerprint": str,
    "traits": (list, type(None)),
    "trees": bool,
}


def _checked_record(record: Any, source: str) -> dict[str, Any]:
    if not isinstance(record, dict) or "form" not in record:
        raise InputError(f"{source}: {RECORD} is not a selector's record; fit or fetch the selector again.")
    if record["form"] != FORM:
        raise InputError(
            f"{source} is a selector of form {json.dumps(record['form'])[:20]}, and this version reads form {FORM}; "
            "install the version that it was fitted with, or fit it again."
        )
    wrong = [key for key, kind in _TYPES.items() if not isinstance(record.get(key), kind)]
    if wrong:
        raise InputError(f"{source}: {RECORD} is damaged (`{wrong[0]}`); fit or fetch the selector again.")
    unknown = [name for name in record["evidence"] if name not in EVIDENCE]
    if unknown:
        raise InputError(
            f"{source} weighs evidence that this version does not know ({str(unknown[0])[:40]}); install the version "
            "that it was fitted with."
        )
    return record


def _check_shapes(
    networks: ChoiceModel,
    trees: ChoiceTrees | None,
    jobs: JobReader | None,
    reader: AttributeReader | None,
    evidence: tuple[str, ...],
    source: str,
) -> None:
    columns = sum(one.stop - one.start for one in slices(evidence).values())
    members, width = networks.linear.shape[0] if networks.linear.ndim else 0, networks.outer.shape[-1]
    shapes = {
        "mean": (columns,),
        "scale": (columns,),
        "linear": (members, columns),
        "inner": (members, columns, width),
        "inner_bias": (members, width),
        "outer": (members, width),
    }
    wrong = [name for name, shape in shapes.items() if getattr(networks, name).shape != shape]
    wrong += _wrong_of(trees, columns) if trees else []
    lengths = zip(_JOBS, (REQUEST_COLUMNS, PAIR_COLUMNS, 1), strict=True)
    wrong += [name for name, length in lengths if jobs and getattr(jobs, name).shape != (length,)]
    if reader and (
        reader.head.shape != (len(reader.projection) + WORDS, len(reader.traits))
        or len(reader.head_bias) != len(reader.traits)
    ):
        wrong.append("head")
    if wrong:
        raise InputError(f"{source}: {WEIGHTS} is damaged (`{wrong[0]}`); fit or fetch it again.")


def _wrong_of(trees: ChoiceTrees, columns: int) -> list[str]:
    """The arrays that are not those of trees; a node that leads back would be followed for ever."""
    shape = trees.feature.shape
    if len(shape) != 2 or not all(shape):
        return ["feature"]
    wrong = [name for name in _TREES if getattr(trees, name).shape != shape]
    least = {"feature": np.zeros(shape[1]), "below": np.arange(shape[1]), "above": np.arange(shape[1])}
    most = {"feature": columns, "below": shape[1], "above": shape[1]}
    numbers = [(name, getattr(trees, name)) for name in _NUMBERS if name not in wrong]
    return wrong + [name for name, one in numbers if (one < least[name]).any() or (one >= most[name]).any()]

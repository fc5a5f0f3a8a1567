"""Inputs of the `evaluate` modules in `metrics/`."""

from typing import Any

import datasets

from petoolbench import FEATURES

# Of tool_acc and param_acc: raw replies, and gold calls as structs or as JSON text.
METRIC_FEATURES = [
    datasets.Features({"predictions": datasets.Value("string"), "references": references})
    for references in (FEATURES["tool_call"], datasets.Value("string"))
]


class EncodableReplies:
    """For `evaluate` modules: half of a surrogate pair, which Arrow cannot hold, becomes a question mark."""

    def add(self, *, prediction: str | None = None, reference: Any = None, **more: Any) -> None:
        """Add a reply; the arguments are those of `evaluate.Metric.add`."""
        super().add(prediction=_encodable(prediction), reference=reference, **more)  # type: ignore[misc]

    def add_batch(self, *, predictions: Any = None, references: Any = None, **more: Any) -> None:
        """Add replies; the arguments are those of `evaluate.Metric.add_batch`."""
        replies = None if predictions is None else [_encodable(reply) for reply in predictions]
        super().add_batch(predictions=replies, references=references, **more)  # type: ignore[misc]


def _encodable(reply: Any) -> Any:
    return reply.encode("utf-8", "replace").decode("utf-8") if isinstance(reply, str) else reply


# Of tool_call_errors: raw replies, and references made by `petoolkit.scoring.error_reference`.
ERROR_METRIC_FEATURES = datasets.Features(
    {
        "predictions": datasets.Value("string"),
        "references": {
            "tool_call": FEATURES["tool_call"],
            "candidate_tools": [datasets.Value("string")],
            "same_function_tools": FEATURES["same_function_tools"],
            "acceptable_tools": FEATURES["acceptable_tools"],
        },
    }
)


class CompletedReferences(EncodableReplies):
    """For tool_call_errors: references of earlier versions get `acceptable_tools`, of which they name none."""

    def add(self, *, prediction: str | None = None, reference: Any = None, **more: Any) -> None:
        """Add a reply; the arguments are those of `evaluate.Metric.add`."""
        super().add(prediction=prediction, reference=_completed(reference), **more)

    def add_batch(self, *, predictions: Any = None, references: Any = None, **more: Any) -> None:
        """Add replies; the arguments are those of `evaluate.Metric.add_batch`."""
        completed = None if references is None else [_completed(reference) for reference in references]
        super().add_batch(predictions=predictions, references=completed, **more)


def _completed(reference: Any) -> Any:
    return {"acceptable_tools": [], **reference} if isinstance(reference, dict) else reference

"""An adapter's card, out of what its run left behind; written anew with scores once it was evaluated.

python -m petoolkit.training.adapter_card runs/sft --scores results/sft
python -m petoolkit.training.adapter_card runs/sft --scores results/sft --push_to_hub USER/NAME
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from petoolbench import CITATION, InputError
from petoolkit.evaluator.models.chat_tokenizer import split_spec
from petoolkit.evaluator.report.score_files import METRICS, Result, Score, read_scores
from petoolkit.files import read_json, replacing
from petoolkit.shipped import ROOT
from petoolkit.training.curves import CURVES

FACTS = "training.json"
TEMPLATE = ROOT / "model_card.md"


@dataclass(frozen=True)
class Facts:
    """What a run knows about itself. What is not known is `None`, and left out of the card."""

    stage: str  # SFT or DPO
    method: str  # a sentence or two
    base_model: str  # a folder, or a Hub id
    base_revision: str | None
    dataset: str  # likewise
    dataset_revision: str | None
    fingerprint: str  # of the rows given
    counts: dict[str, int]  # of rows, by what they count
    batch: int  # rows an update
    steps: int  # updates
    epochs: float  # passes over the rows to train on
    options: dict[str, Any]  # those that are not the library's defaults
    numbers: dict[str, float]  # logged losses and rewards
    versions: dict[str, str]


def write_card(folder: Path, scores: Path | None = None, hub_id: str | None = None) -> None:
    """Write `README.md` beside an adapter.

    Args:
        folder: with `training.json`, which a training run wrote.
        scores: an evaluation's folder, of this adapter.
        hub_id: `USER/NAME`, where the adapter will be.

    Raises:
        InputError: if there is no run in `folder`, no evaluation in `scores`, or it is another model's.
    """
    try:
        facts = Facts(**read_json(folder / FACTS))
    except TypeError:
        raise InputError(
            f"{folder / FACTS} is not of this version; write the card with the one that trained."
        ) from None
    result = _scores_of(folder, scores, hub_id) if scores else None
    with replacing(folder / "README.md") as beside:
        beside.write_text(render_card(facts, folder, result, hub_id), encoding="utf-8")


def render_card(facts: Facts, folder: Path, result: Result | None, hub_id: str | None) -> str:
    """The card's text; folders of this machine are named by their last part only."""
    from huggingface_hub import ModelCard, ModelCardData

    name = (hub_id or folder.resolve().name).rpartition("/")[2]
    base, base_on_hub = _told(facts.base_model)
    dataset, dataset_on_hub = _told(facts.dataset)
    data = ModelCardData(
        base_model=base if base_on_hub else None,
        datasets=[dataset] if dataset_on_hub else None,
        library_name="peft",
        pipeline_tag="text-generation",
        model_name=name if result else None,  # goes with the results only
        eval_results=_eval_results(result) if result else None,
        tags=["lora", "trl", facts.stage.lower(), "tool-use", "personalization"],
    )
    return str(
        ModelCard.from_template(
            data,
            template_path=str(TEMPLATE),
            name=name,
            facts=facts,
            base=base,
            base_on_hub=base_on_hub,
            dataset=dataset,
            adapter=hub_id or name,
            curves=CURVES if (folder / CURVES).exists() else None,
            metrics=METRICS,
            result=result,
            tell=_tell,
            citation=CITATION,
        )
    )


def _told(place: str) -> tuple[str, bool]:
    """What to call a model or dataset, and whether it is on the Hub."""
    path = Path(place)
    on_hub = place.count("/") == 1 and not path.exists() and not place.startswith((".", "/", "~"))
    return (place if on_hub else path.resolve().name), on_hub


def _scores_of(folder: Path, scores: Path, hub_id: str | None) -> Result:
    result = read_scores([scores])[0]
    kind, _, spec = result.model.partition(":")
    adapter = split_spec(spec)[1] if kind == "hf" else None
    if adapter is None or (Path(adapter).resolve() != folder.resolve() and adapter != hub_id):
        raise InputError(
            f"{scores} holds the scores of {result.model}, not of the adapter in {folder}; evaluate it with "
            f"petoolbench evaluate --model hf:BASE+{folder}."
        )
    return result


def _tell(score: Score) -> str:
    if score.value is None:
        return "no such row"
    if score.low is None or score.high is None:
        return f"{100 * score.value:.1f} (too few users for an interval)"
    return f"{100 * score.value:.1f} ({100 * score.low:.1f} to {100 * score.high:.1f})"


def _eval_results(result: Result) -> list:
    from huggingface_hub import EvalResult

    dataset, _ = _told(result.dataset)
    return [
        EvalResult(
            task_type="text-generation",
            task_name="Personalised tool use",
            dataset_type=dataset,
            dataset_name=dataset,
            dataset_config=place,
            dataset_split=result.split,
            dataset_revision=result.revision,
            metric_type=metric,
            metric_name=METRICS[metric],
            metric_value=score.value,
            metric_args=None if score.low is None else {"confidence_interval_95": [score.low, score.high]},
        )
        for place in result.rows
        for metric in METRICS
        if (score := result.score(place, metric)).value is not None
    ]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--scores", type=click.Path(path_type=Path), help="Folder that `petoolbench evaluate` wrote.")
@click.option("--push_to_hub", metavar="USER/NAME", help="Push adapter, tokenizer and card there.")
def main(folder: Path, scores: Path | None, push_to_hub: str | None) -> None:
    """Write the card of the adapter in FOLDER anew."""
    from petoolkit.publisher.hub import Target
    from petoolkit.training.push_adapter import push_adapter

    try:
        target = Target(push_to_hub, "model") if push_to_hub else None
        write_card(folder, scores, push_to_hub)
        if target:
            push_adapter(folder, target)
    except InputError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()

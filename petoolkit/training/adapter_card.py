"""An adapter's card, written at the end of its training, and again with scores once it was evaluated.

python -m petoolkit.training.adapter_card runs/sft --scores results/sft
python -m petoolkit.training.adapter_card runs/sft --scores results/sft --push_to_hub USER/NAME
"""

from collections.abc import Callable
from pathlib import Path

import click

from petoolbench import CITATION, InputError
from petoolkit.evaluator.models.model import split_spec
from petoolkit.evaluator.records import Scores
from petoolkit.evaluator.report.score_files import read_scores
from petoolkit.files import replacing
from petoolkit.publisher.eval_results import ADAPTER_RESULTS, eval_result, eval_results_yaml
from petoolkit.publisher.local_paths import is_hub_id, without_folders
from petoolkit.scoring import METRICS
from petoolkit.shipped import ROOT
from petoolkit.text import ALL, setting_label, with_interval
from petoolkit.training.curves import CURVES
from petoolkit.training.training_record import TrainingRecord

TEMPLATE = ROOT / "model_card.md"


def write_card(
    folder: Path,
    scores: Path | None = None,
    hub_id: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Write `README.md` beside an adapter, and with scores the file that leaderboards on the Hub read.

    Args:
        folder: with `training.json`, which a training run wrote.
        scores: the folder of an evaluation of this adapter.
        hub_id: `USER/NAME`, the adapter's repository on the Hub.
        say: gets a message if the scores are not for a leaderboard.

    Raises:
        InputError: if `folder` does not hold a training run, or `scores` an evaluation of its adapter.
    """
    record = TrainingRecord.read(folder)
    evaluated = _scores_of(folder, scores, hub_id) if scores else None
    with replacing(folder / "README.md") as beside:
        beside.write_text(render_card(record, folder, evaluated, hub_id), encoding="utf-8")
    _write_eval_results(folder, evaluated, say)


def _write_eval_results(folder: Path, evaluated: Scores | None, say: Callable[[str], None]) -> None:
    """Write the scores in the Hub's form; without scores for a leaderboard, remove those of an earlier card."""
    path = folder / ADAPTER_RESULTS
    entry = eval_result(evaluated) if evaluated else None
    if entry is None or isinstance(entry, str):
        path.unlink(missing_ok=True)
        if entry:
            say(f"The card has the scores, but no leaderboard on the Hub will: {entry}.")
        return
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as beside:
        beside.write_bytes(eval_results_yaml(entry))


def render_card(record: TrainingRecord, folder: Path, evaluated: Scores | None, hub_id: str | None) -> str:
    """The card's text. Of local folders, it shows the last part of the path only."""
    from huggingface_hub import ModelCard, ModelCardData

    name = (hub_id or folder.resolve().name).rpartition("/")[2]
    data = ModelCardData(
        base_model=record.base_model if is_hub_id(record.base_model) else None,
        datasets=[record.dataset] if is_hub_id(record.dataset) else None,
        library_name="peft",
        pipeline_tag="text-generation",
        model_name=name if evaluated else None,  # required with results, and only then allowed
        eval_results=_eval_results(evaluated) if evaluated else None,
        tags=["lora", "trl", record.stage.lower(), "tool-use", "personalization"],
    )
    return str(
        ModelCard.from_template(
            data,
            template_path=str(TEMPLATE),
            name=name,
            record=record,
            base=without_folders(record.base_model),
            base_on_hub=is_hub_id(record.base_model),
            dataset=without_folders(record.dataset),
            adapter=hub_id or name,
            curves=CURVES if (folder / CURVES).exists() else None,
            evaluated=evaluated,
            evaluated_on=without_folders(evaluated.dataset) if evaluated else None,
            all_settings=ALL,
            metrics=METRICS,
            setting_label=setting_label,
            with_interval=with_interval,
            citation=CITATION,
        )
    )


def _scores_of(folder: Path, scores: Path, hub_id: str | None) -> Scores:
    evaluated = read_scores([scores])[0]
    kind, _, spec = evaluated.model.partition(":")
    adapter = split_spec(spec)[1] if kind == "hf" else None
    if adapter is None or (Path(adapter).resolve() != folder.resolve() and adapter != hub_id):
        raise InputError(
            f"{scores} holds the scores of {evaluated.model}, not of the adapter in {folder}; evaluate it with "
            f"petoolbench evaluate --model hf:BASE+{folder}."
        )
    return evaluated


def _eval_results(evaluated: Scores) -> list:
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type="text-generation",
            task_name="Personalised tool use",
            dataset_type=without_folders(evaluated.dataset),
            dataset_name=without_folders(evaluated.dataset),
            dataset_config=setting,
            dataset_split=evaluated.split,
            dataset_revision=evaluated.revision,
            metric_type=metric.name,
            metric_name=metric.label,
            metric_value=score.value,
            metric_args=None if score.low is None else {"confidence_interval_95": [score.low, score.high]},
        )
        for setting in evaluated.rows
        for metric in METRICS.values()
        if (score := evaluated.score(setting, metric.name)).value is not None
    ]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--scores", type=click.Path(path_type=Path), help="Folder that `petoolbench evaluate` wrote.")
@click.option("--push_to_hub", metavar="USER/NAME", help="Push adapter, tokenizer and card to this repository.")
def main(folder: Path, scores: Path | None, push_to_hub: str | None) -> None:
    """Write the card of the adapter in FOLDER again."""
    from petoolkit.publisher.hub import Target
    from petoolkit.training.push_adapter import push_adapter

    try:
        target = Target(push_to_hub, "model") if push_to_hub else None
        write_card(folder, scores, push_to_hub, click.echo)
        if target:
            push_adapter(folder, target, click.echo)
    except InputError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()

"""Test rows as tasks of the lm-evaluation-harness: a folder for its option `--include_path`.

A task's system message is its `description`, which the harness renders for each row, so a prompt is that of
`render_messages` byte for byte wherever a chat template is applied. `petoolbench` reads the replies.
"""

from collections.abc import Iterator
from pathlib import Path

from petoolbench import SETTINGS, render_messages, to_json_text
from petoolkit.evaluator.chat_rows import gold_call
from petoolkit.exporter import lm_eval_functions
from petoolkit.exporter.export_form import ExportedDataset, ExportForm, write_lines
from petoolkit.scoring import ACCURACIES

_FUNCTIONS = "petoolbench_functions"
_REPLY_TOKENS = 1_024  # the most; a call has some 60, and the reasoning before it some hundreds
_TASK = """\
task: petoolbench_{config}
custom_dataset: !function {functions}.read_rows
dataset_kwargs:
  config: {config}
test_split: test
output_type: generate_until
description: "{{{{system}}}}"
doc_to_text: "{{{{user}}}}"
doc_to_target: "{{{{completion}}}}"
num_fewshot: 0
generation_kwargs:
  until: []
  do_sample: false
  max_gen_toks: {tokens}
process_results: !function {functions}.process_results
metric_list:
{metrics}metadata:
  version: 1
"""
_METRIC = """\
  - metric: {name}
    aggregation: mean
    higher_is_better: true
"""
_GROUP = """\
group: petoolbench
task:
{tasks}aggregate_metric_list:
{metrics}metadata:
  version: 1
"""


def _line(row: dict) -> dict[str, str]:
    system, user = render_messages(row)
    texts = {"system": system["content"], "user": user["content"], "completion": gold_call(row)}
    return {"id": row["id"], **texts, "row": to_json_text(row)}


def _write(dataset: ExportedDataset, folder: Path) -> dict[str, int]:
    def lines() -> Iterator[tuple[str, dict]]:
        for config in dataset.configs:
            yield from ((f"rows/{config}.jsonl", _line(row)) for _, row in dataset.rows(config, "test"))

    counts = write_lines(folder, lines())
    if not counts:
        return counts
    configs = [Path(name).stem for name in counts]
    metrics = "".join(_METRIC.format(name=name) for name in ACCURACIES)
    values = {"functions": _FUNCTIONS, "tokens": _REPLY_TOKENS, "metrics": metrics}
    for config in configs:
        (folder / f"petoolbench_{config}.yaml").write_text(_TASK.format(config=config, **values), encoding="utf-8")
    tasks = "".join(f"  - petoolbench_{config}\n" for config in configs if config in SETTINGS)
    if tasks:
        weighted = metrics.replace("    higher_is_better: true", "    weight_by_size: true")
        (folder / "petoolbench.yaml").write_text(_GROUP.format(tasks=tasks, metrics=weighted), encoding="utf-8")
    (folder / f"{_FUNCTIONS}.py").write_bytes(Path(lm_eval_functions.__file__).read_bytes())
    return counts


LM_EVAL = ExportForm(
    "lm-eval",
    "For the lm-evaluation-harness: a folder for --include_path, with a task a config and the group petoolbench.",
    _write,
)

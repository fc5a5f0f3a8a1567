"""Writing a report in the forms that were asked for."""

from collections.abc import Callable, Sequence
from pathlib import Path

from petoolkit.evaluator.report.report_forms import DEFAULT_FORMS, FORMS, chosen_forms
from petoolkit.evaluator.report.run_groups import group_runs
from petoolkit.evaluator.report.score_files import read_scores, scored_evaluations_in
from petoolkit.files import replacing, write_json
from petoolkit.folder_lock import check_outside, locked


def write_report(
    folders: list[Path],
    out: Path,
    say: Callable[[str], None] = lambda text: None,
    forms: Sequence[str] = DEFAULT_FORMS,
) -> Path:
    """Write one report about several evaluations.

    Args:
        folders: evaluations, or folders that hold some. Evaluations of the same rows are compared; those of other rows
            get groups of their own.
        out: gets `report.json`, with every number, and the files of each form. Other files in it stay.
        say: gets a sentence about folders that were skipped.
        forms: names of forms (`petoolkit.evaluator.report.report_forms.FORMS`).

    Returns:
        The path of the file to open, of the first of the forms in their table's order.

    Raises:
        InputError: if there is no such form, the folders do not hold an evaluation, its scores are missing or of
            another form, `out` lies in a dataset or can't be written, or matplotlib is not installed.
    """
    forms = chosen_forms(forms)
    scores = read_scores(scored_evaluations_in(folders, say))
    for dataset in {one.dataset for one in scores}:
        check_outside(out, dataset, "--out")
    groups = group_runs(scores)

    from petoolkit.evaluator.report.report_chapters import report_on  # draws with matplotlib, an extra
    from petoolkit.evaluator.report.report_origin import origin

    report = report_on(groups, origin(folders, out, forms))
    with locked(out):
        for name in forms:
            for file, content in FORMS[name].files(report):
                _write(out / file, content)
        write_json(out / "report.json", report.as_json())
    return out / FORMS[forms[0]].file


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as beside:
        beside.write_bytes(content)

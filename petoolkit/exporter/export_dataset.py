"""Writing a dataset in another form."""

from pathlib import Path

from petoolbench import InputError, check_choice
from petoolkit.evaluator.dataset_rows import unchanged
from petoolkit.exporter.export_form import ExportedDataset, check_out
from petoolkit.exporter.export_forms import FORMS
from petoolkit.files import replacing
from petoolkit.folder_lock import check_outside


def export_dataset(form: str, dataset: str, out: Path, revision: str | None = None) -> dict[str, int]:
    """Write a dataset in another form, all files or none.

    Args:
        form: the name of one of `FORMS`.
        dataset: a folder or a Hub id.
        out: a folder that is not there yet, or empty.
        revision: branch, tag or commit of a dataset on the Hub.

    Returns:
        Numbers of rows by file, and of rows left out by the reason.

    Raises:
        InputError: for an unknown form, a folder that holds something, or a dataset that cannot be read or gives no
            row in this form.
    """
    check_choice(form, list(FORMS), "form")
    check_out(out)
    check_outside(out, dataset, "--out")
    with unchanged(dataset), replacing(out) as beside:
        beside.mkdir(parents=True)
        counts = FORMS[form].write(ExportedDataset(dataset, revision), beside)
        if not any(file.is_file() for file in beside.rglob("*")):
            reasons = "".join(f" ({why}: {number:,})" for why, number in counts.items())
            raise InputError(f"{dataset} has no rows for the form {form}{reasons}; give another dataset or form.")
    return dict(counts)

"""The command `petoolbench audit`."""

from pathlib import Path

import click

from petoolkit.engines.engine_options import engine_options


@click.command()
@click.argument("dataset", metavar="DATASET")
@click.option("--revision", metavar="REV", help="Branch, tag or commit of a dataset on the Hub.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where audit.json, audit.md and audit.png go.  [default: a folder itself gets audit.json; for a dataset on "
    "the Hub, audit/NAME]",
)
@click.option("--gate", is_flag=True, help="End with exit code 1 if a gate fails, and name it.")
@click.option("--allow", "allowed", multiple=True, metavar="NAME", help="A gate that may fail. Repeatable.")
@engine_options
def audit(dataset, revision, out, gate, allowed, engine) -> None:
    """Ask a dataset what it lets through: rules that know no preference must score no more than chance.

    DATASET is a folder, or an id on the Hub, of any dataset with the columns of this project; an imported one too.
    """
    from petoolkit.returned_memory import return_freed_memory

    return_freed_memory()
    from petoolkit.audit.audit import audit as run_audit
    from petoolkit.audit.audit_view import audit_view
    from petoolkit.audit.gates import check_gate_names
    from petoolkit.audit.write_audit import write_audit
    from petoolkit.audit_record import check_gates
    from petoolkit.console import make_console

    check_gate_names(allowed)
    messages = make_console(stderr=True, soft_wrap=True)
    record = run_audit(dataset, revision, messages, allowed, engine)
    console = make_console()
    for part in audit_view(record):
        console.print(part)
    written = write_audit(record, dataset, out, messages)
    messages.print(f"Wrote {written}", markup=False, highlight=False)
    if gate:
        check_gates(record, "--allow NAME lets a gate fail")

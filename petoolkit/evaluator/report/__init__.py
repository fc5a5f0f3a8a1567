"""One report about several evaluations, as HTML, Markdown with figures, and JSON."""

from petoolkit.evaluator.report.write_report import write_report

__all__ = ["write_report"]

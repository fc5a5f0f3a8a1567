"""Evaluation folders -> one report: HTML, Markdown with pictures, JSON."""

from petoolkit.evaluator.report.write_report import write_report

__all__ = ["write_report"]

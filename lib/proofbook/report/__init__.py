"""The report of a run, rebuilt from its files alone: HTML, JSON, JUnit and Markdown."""

from proofbook.report.loading import load_run
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.report.writing import write_report

__all__ = ["JobSummary", "RunSummary", "load_run", "write_report"]

"""Reports: fitted models as one page that needs nothing else."""

from cofactor.report.page import report_model, write_report
from cofactor.report.reading import explained_share, result_of
from cofactor.report.result import Result

__all__ = ["Result", "explained_share", "report_model", "result_of", "write_report"]

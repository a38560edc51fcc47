"""`check_data`: what is wrong with a data set, as a table, plain values, or a page with pictures.

result.py    `check_data` and `DataCheck`
page.py      its page; templates/: layout, style and script, on top of pages/templates
"""

from mlplab.inspection.data_check.result import DataCheck, check_data

__all__ = ["DataCheck", "check_data"]

"""What a run predicts for images and files that it has never seen: nothing is trained.

rows.py      the rows of images, folders and files, and their labels
files.py     `predict_files`: rows → predictions, batch by batch
result.py    `FilePredictions`: tables, a submission, a picture
"""

from mlplab.inspection.predictions.files import predict_files
from mlplab.inspection.predictions.result import FilePredictions

__all__ = ["FilePredictions", "predict_files"]

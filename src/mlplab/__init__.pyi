# The public names and where they are defined. __init__.py reads this file, editors and type checkers do too.
from mlplab import course as course
from mlplab.datasets import load as load
from mlplab.datasets import load_data as load_data
from mlplab.engine import evaluate as evaluate
from mlplab.engine import fit as fit
from mlplab.engine import fit_population as fit_population
from mlplab.engine import keras as keras
from mlplab.engine import predict as predict
from mlplab.experiments.baselines import baselines as baselines
from mlplab.experiments.label_errors import find_label_errors as find_label_errors
from mlplab.experiments.learning_curve import learning_curve as learning_curve
from mlplab.experiments.learning_rate import find_learning_rate as find_learning_rate
from mlplab.inspection.calibration import calibrate as calibrate
from mlplab.inspection.calibration import show_calibration as show_calibration
from mlplab.inspection.classification import classification_report as classification_report
from mlplab.inspection.classification import score as score
from mlplab.inspection.comparison import compare as compare
from mlplab.inspection.confusion import most_confused as most_confused
from mlplab.inspection.confusion import show_confusion as show_confusion
from mlplab.inspection.curves import show_curves as show_curves
from mlplab.inspection.failures import show_failures as show_failures
from mlplab.inspection.network.attribution import show_neighbours as show_neighbours
from mlplab.inspection.network.attribution import show_saliency as show_saliency
from mlplab.inspection.network.hidden_layers import show_projection as show_projection
from mlplab.inspection.network.hidden_layers import show_units as show_units
from mlplab.inspection.network.model_graph import plot_model as plot_model
from mlplab.inspection.seeds import show_seeds as show_seeds
from mlplab.models import mlp as mlp
from mlplab.reports import report as report
from mlplab.runs import Run as Run
from mlplab.runs import list_runs as list_runs
from mlplab.training import resume as resume
from mlplab.training import save_run as save_run
from mlplab.training import train as train
from mlplab.tuning import tune as tune

__version__: str

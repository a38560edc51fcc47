"""Tables and figures of a finished run, or of plain predictions. Free functions; nothing is trained.

    examples.py        labelled rows with their predictions: the input of every function
    checked_arrays.py  predictions and labels as plain arrays, checked
    classification.py  scores, overall and by class; paired_tests.py: tests of two classifiers on the same rows
    majority.py        the majority-class baseline
    confusion.py failures.py calibration.py curves.py seeds.py    a table with a figure each
    network/           units, saliency, neighbours, projection and graph of the model
    comparison/        several runs on the same rows
    data_check/        what is wrong with a data set
    predictions/       images and files that a run has never seen

Results kept in a run are read without Keras and JAX.
"""

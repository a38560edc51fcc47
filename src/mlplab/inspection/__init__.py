"""What a finished run, or plain predictions, amount to: tables, figures, a report. Free functions; nothing is trained,
but by `label_errors`, which asks `training` for it.

    table.py           `Table`: what every function gives, named columns and the figure drawn from them
    examples.py        labelled rows with their predictions: what every function takes
    classification.py  scores, overall and by class; baselines.py: what simple methods reach
    confusion.py failures.py calibration.py curves.py    one figure each
    internals.py       what needs the model, computed once and kept; units.py, attribution.py, projection.py,
                       model_graph.py: its figures
    label_errors.py    labels that are likely wrong
    comparison.py      runs beside each other; paired_tests.py: whether they differ
    report/            all of it as one page; templates/, pages.py, sprites.py: what pages are made of

Opening a run and reading what is kept imports neither Keras nor JAX.
"""

"""What a finished run, or plain predictions, amount to: tables, figures, pages. Free functions; nothing is trained, but
where label errors are looked for, by `training`.

    examples.py        labelled rows with their predictions: what every function takes
    table.py           named columns and the figure drawn from them: what every function gives
    classification.py  scores, overall and by class; baselines.py: what simple methods reach
    confusion.py failures.py calibration.py curves.py    one figure each
    label_errors.py    labels that are probably wrong
    network/           what only the model can tell: units, saliency, neighbours, projection, graph
    comparison/        runs beside each other; paired_tests.py: whether they differ
    report/            a run as one page
    pages/             what pages are made of

What is kept in a run is read without Keras and JAX.
"""

"""Experiments: many trainings to learn something about data, settings or labels.

learning_rate.py       a learning rate suggested; rate_plan.py: what is trained for it; rate_scan.py trains it
learning_curve.py      whether more rows are worth it; size_scan.py trains the networks
cross_validation.py    every training row predicted out of sample
label_errors.py        labels that are probably wrong, by cross-validation
label_cautions.py      where labels look wrong because the judging networks are weak
baselines.py           simple methods to compare a network with
sweep.py               every combination of some settings with several seeds
sweep_plan.py          what a sweep trains; sweep_table.py: the scores it ends with
successive_halving.py  trials of many settings, the worst dropped at each rung; halving_time.py: how long they take
population.py          what all of them share: rows held out, networks rebuilt for seeds, progress
"""

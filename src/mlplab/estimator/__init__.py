"""scikit-learn's interface over the engine.

classifier.py   `MLPClassifier`; parameters.py: its checks
labels.py       y → what the network is trained on, and its outputs → labels
rows.py         X, y and weights, validated and on the device
network.py      the Keras model, its first weights, and how it is pickled
training.py     one fit: the order of the rows, and what stops it
search.py       `PopulationSearchCV`; candidates.py: its candidates and folds, trained as populations
"""

"""What a model's layers and units do. Computed once with Keras, kept in the run, then read without Keras.

internals.py    `Internals`: everything computed, and internals.npz
graph.py        a Keras model read as a graph of layer calls; unit_norms.py: the weights that leave its units
activity.py     forward passes, gradients, statistics of units; geometry.py: nearest rows, principal components
hidden_layers.py attribution.py model_graph.py    tables with a figure each
"""

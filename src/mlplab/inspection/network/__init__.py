"""What a network looks at: what only the model can tell, computed once and kept in the run, and the figures of it.

internals.py    `Internals`: computed with Keras, kept in internals.npz, read without
graph.py        a Keras model read as a graph: its layers, its first and its last hidden one
activity.py     forward passes and gradients; geometry.py: nearest rows, principal components
units.py attribution.py projection.py model_graph.py    a figure or two each
"""

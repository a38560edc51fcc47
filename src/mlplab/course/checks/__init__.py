"""The building blocks of an exercise's checks.

expect.py        requirements on a model, a training, a number: each returns a sentence or raises `WrongAnswer`
layers.py        compares a model's layers with those of the task
compilation.py   reads loss, optimizer and steps of a compiled model
measuring.py     the accuracy of a model, and reasons for a low one
watching.py      which images a model was trained on and validated with, from its History
findings.py      what a check can find
wording.py       sentences about mistakes
data.py          the images as exercises use them
"""

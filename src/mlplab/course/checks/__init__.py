"""What the checks of exercises are made of.

expect.py        what a model, a training, a number is to be: a sentence that holds, or what is wrong
layers.py        a model's layers beside those that are asked for
compilation.py   what a compiled model says of its loss, its optimizer and its training
measuring.py     what a model gets right
watching.py      which images it was trained on and watched with, as its History tells
findings.py      what a check can find
wording.py       what is said of things that are not as asked
data.py          the images, as exercises use them
"""

"""Image files → arrays of one size, and how a new image gets to look like those of the training.

pictures.py     images brought to one size and cached; image_files.py: one image, decoded; parallel.py: many at once
framing.py      how images lie in their frames, measured; drawings.py: what is drawn on a new one, brought there
thumbnails.py   pictures beside features, which pages show
"""

"""Data sets with a name: where they are found, and how their files get here.

catalog.py      all of them; digits.py: the one that is in this package
fetch.py        their files: found, downloaded, verified; payload.py: one file and its hash
providers.py    where files come from; commands.py: package managers as processes
"""

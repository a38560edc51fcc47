"""One HTML file from a template: what the pages of inspection are made of.

rendering.py    templates → text → file
sprites.py      images → a few pictures of many images
templates/      page.html.j2, page.css, page.js: what all pages share; a template and scripts for each page
"""

from mlplab.pages.rendering import packed, percent, render, write_page

__all__ = ["packed", "percent", "render", "write_page"]

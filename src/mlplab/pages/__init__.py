"""Everything that all HTML pages share: templates filled in, images packed, one file written.

rendering.py    templates → text → file
sprites.py      many images → a few JPEG pictures
templates/      page.html.j2, page.css, page.js, macros.html.j2; the templates of one page lie beside its code
"""

from mlplab.pages.rendering import packed, percent, readable, render, write_page

__all__ = ["packed", "percent", "readable", "render", "write_page"]

"""NPZ files made by hand, of arrays or of bytes that claim to be arrays."""

import io
import warnings
import zipfile

import numpy as np
from numpy.lib import format as npy


def archive(**contents):
    """Return the bytes of an NPZ file, of arrays or of bytes as they are."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in contents.items():
            if not isinstance(content, bytes):
                stored = io.BytesIO()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of names in Unicode, which old versions of NumPy cannot read
                    np.save(stored, content)
                content = stored.getvalue()
            opened.writestr(f"{name}.npy", content)
    return file.getvalue()


def header(shape, dtype="|u1"):
    stored = io.BytesIO()
    npy.write_array_header_1_0(stored, {"shape": shape, "fortran_order": False, "descr": dtype})
    return stored.getvalue()

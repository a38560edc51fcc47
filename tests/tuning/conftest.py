import pytest
from small_studies import OPTIONS, SPACE

from mlplab.tuning import Study, tune


@pytest.fixture(scope="session")
def digits_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Ten trials on digits, in populations of four; not to be written into."""
    return tune("digits", SPACE, **OPTIONS, out=tmp_path_factory.mktemp("studies") / "whole")

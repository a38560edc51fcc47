import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlplab.errors import RunError
from mlplab.runs import FORMAT, Config, Preprocessing, Settings

SETTINGS = st.builds(
    Settings,
    hidden=st.none() | st.lists(st.integers(1, 4096), max_size=4).map(tuple),
    dropout=st.floats(0, 0.99),
    batch_norm=st.booleans(),
    learning_rate=st.floats(1e-9, 10),
    schedule=st.sampled_from(["none", "cosine"]),
    epochs=st.integers(1, 10**6),
    early_stopping=st.integers(0, 100),
    validation=st.floats(0.01, 0.9),
    labelled=st.none() | st.integers(1, 10**6),
    seed=st.integers(0, 2**31),
)
PREPROCESSING = st.builds(
    Preprocessing,
    scale=st.floats(0.1, 300) | st.lists(st.floats(0.1, 9), min_size=1, max_size=5).map(tuple),
    offset=st.floats(-3, 300),
)


def config(settings: Settings, preprocessing: Preprocessing) -> Config:
    return Config(
        settings=settings,
        data={"name": "d", "source": None, "hashes": {"train": {"content": "00"}}},
        input_shape=(28, 28),
        class_names=("<b>", "ß"),
        preprocessing=preprocessing,
        versions={"python": "3"},
        device="cpu",
        threads=2,
        command=["mlplab", "train"],
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(SETTINGS, PREPROCESSING)
def test_written_as_json_and_read_back_equal(chosen, preprocessing):
    written = config(chosen, preprocessing)
    assert Config.from_json(json.loads(json.dumps(written.to_json()))) == written


def test_another_format_is_refused_with_what_to_do():
    newer = {**config(Settings(), Preprocessing()).to_json(), "format": FORMAT + 1}
    with pytest.raises(RunError, match=f"run format {FORMAT + 1}.*Update mlplab"):
        Config.from_json(newer)
    for damaged in ([], {}, {"format": FORMAT}, {**newer, "format": FORMAT, "settings": {"depth": 3}}):
        with pytest.raises(RunError, match="damaged"):
            Config.from_json(damaged)


def test_preprocessing_is_the_textbook_formula():
    x = np.random.default_rng(0).integers(0, 256, (7, 5), dtype=np.uint8)
    offset, scale = (1.0, 2.0, 3.0, 4.0, 5.0), (10.0, 20.0, 30.0, 40.0, 50.0)
    expected = (x.astype(np.float64) - np.array(offset)) / np.array(scale)
    got = Preprocessing(scale, offset)(x)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    np.testing.assert_array_equal(Preprocessing(255.0)(x), x.astype(np.float32) / np.float32(255))

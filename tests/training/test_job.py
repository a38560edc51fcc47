import numpy as np
from small_runs import SMALL

import mlplab
from mlplab.runs import Preprocessing
from mlplab.training.device_data import DeviceData


def test_sources_of_any_rows_share_one_copy_of_the_training_set(digits):
    model = mlplab.mlp((8, 8), 10, [8])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    data = DeviceData(digits, None)
    rows, every_row = np.array([7, 7, 3]), np.arange(len(digits.train))
    some = data.source(model, rows, preprocessing=Preprocessing(16.0), batch_size=2)
    every = data.source(
        model, every_row, preprocessing=Preprocessing(), batch_size=SMALL["batch_size"], shuffle=True, seed=3
    )
    assert all(a is b for a, b in zip(some.arrays[:2], every.arrays[:2], strict=True))
    inputs, targets, _ = some.arrays
    batch = some.batch(some.batch.rows((inputs, targets, None), rows), None)
    np.testing.assert_array_equal(batch[0], digits.train.inputs[rows] / np.float32(16))
    np.testing.assert_array_equal(batch[1], digits.train.labels[rows])
    assert [segment.indices.tolist() for segment in some.segments(0)] == [[[7, 7]], [[3]]]
    assert sorted(np.concatenate([s.indices.ravel() for s in every.segments(0)])) == list(range(len(digits.train)))

"""Tables of numbers: a damaged file is refused in one line, whatever is damaged."""

import io

import numpy as np
import pytest

import toolkit as tk
from toolkit.data.tables import FIELDS, GRID_VALUES


def written(kind: str) -> bytes:
    target, array = io.BytesIO(), np.random.default_rng(1).standard_normal((6, 5))
    if kind == "csv":
        np.savetxt(target, array, delimiter=",")
    else:
        (np.save if kind == "npy" else np.savez_compressed)(target, array)
    return target.getvalue()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["npy", "npz", "csv"])
@pytest.mark.parametrize("reader", [FIELDS, GRID_VALUES], ids=lambda one: type(one).__name__)
def test_damaged_files_are_read_or_refused_in_one_line(reader, kind):
    rng, whole, refused = np.random.default_rng(2), written(kind), 0
    for i in range(500):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 5)):  # every second time in the header
            data[int(rng.integers(0, min(len(data), 128) if i % 2 else len(data)))] ^= int(rng.integers(1, 256))
        data = data[: int(rng.uniform(0.05, 1) * len(data))] if i % 3 == 0 else data
        try:
            assert np.isfinite(reader.made("mine", bytes(data))).all()
        except tk.DataError as refusal:
            message, refused = str(refusal), refused + 1
            assert message.startswith("mine") and "\n" not in message and len(message) < 400, message
    assert refused > 100

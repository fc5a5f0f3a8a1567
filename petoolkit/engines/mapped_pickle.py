"""An object in a file whose arrays are mapped when it is read: processes of one machine share their memory."""

import mmap
import pickle
from pathlib import Path
from typing import Any

_ALIGNED = 64  # bytes


def store_mapped(path: Path, value: Any) -> None:
    """Write an object: its arrays to `path`, and the rest beside it."""
    import cloudpickle  # takes functions and classes of a notebook, too

    buffers: list[pickle.PickleBuffer] = []
    pickled = cloudpickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    spans = []
    with open(path, "wb") as file:
        for buffer in buffers:
            raw = buffer.raw()
            file.write(b"\0" * (-file.tell() % _ALIGNED))
            spans.append((file.tell(), raw.nbytes))
            file.write(raw)
        file.write(b"\0")  # an empty file can't be mapped
    _rest(path).write_bytes(pickle.dumps((pickled, spans)))


def load_mapped(path: Path) -> Any:
    """Read an object that `store_mapped` wrote; its arrays can't be changed."""
    pickled, spans = pickle.loads(_rest(path).read_bytes())
    with open(path, "rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return pickle.loads(pickled, buffers=[mapped[start : start + size] for start, size in spans])


def _rest(path: Path) -> Path:
    return path.with_name(f"{path.name}.pickle")

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


def load_mapped(path: Path, can_be_changed: bool = False) -> Any:
    """Read an object that `store_mapped` wrote; the file can be removed then.

    Args:
        path: of the file.
        can_be_changed: whether the object's arrays can be changed; the file stays as it is.
    """
    pickled, spans = pickle.loads(_rest(path).read_bytes())
    with open(path, "rb") as file:
        access = mmap.ACCESS_COPY if can_be_changed else mmap.ACCESS_READ
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=access))
    return pickle.loads(pickled, buffers=[mapped[start : start + size] for start, size in spans])


def remove_stored(path: Path) -> None:
    """Remove what `store_mapped` wrote, if it did."""
    path.unlink(missing_ok=True)
    _rest(path).unlink(missing_ok=True)


def _rest(path: Path) -> Path:
    return path.with_name(f"{path.name}.pickle")

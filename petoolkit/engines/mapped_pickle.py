"""An object in a file whose arrays are mapped when it is read: processes of one machine share their memory."""

import io
import mmap
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle  # takes functions and classes of a notebook, too
import pyarrow as pa

_ALIGNED = 64  # bytes


class _Pickler(cloudpickle.Pickler):
    """Writes Arrow's tables as one buffer each: pickled, they are hundreds, which take longer to read than to make."""

    def reducer_override(self, obj: Any) -> Any:
        """See `pickle.Pickler`."""
        if isinstance(obj, pa.Table):
            return _table, (_stream(obj.schema, lambda writer: writer.write_table(obj)),)
        if isinstance(obj, pa.RecordBatch):
            return _batch, (_stream(obj.schema, lambda writer: writer.write_batch(obj)),)
        return super().reducer_override(obj)


def _stream(schema: pa.Schema, write: Callable[[pa.RecordBatchStreamWriter], None]) -> pickle.PickleBuffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        write(writer)
    return pickle.PickleBuffer(sink.getvalue())


def _table(stream: Any) -> pa.Table:
    return pa.ipc.open_stream(stream).read_all()


def _batch(stream: Any) -> pa.RecordBatch:
    return pa.ipc.open_stream(stream).read_next_batch()


def store_mapped(path: Path, value: Any) -> None:
    """Write an object: its arrays to `path`, and the rest beside it."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = io.BytesIO()
    _Pickler(pickled, protocol=5, buffer_callback=buffers.append).dump(value)
    spans = []
    with open(path, "wb") as file:
        for buffer in buffers:
            raw = buffer.raw()
            file.write(b"\0" * (-file.tell() % _ALIGNED))
            spans.append((file.tell(), raw.nbytes))
            file.write(raw)
        file.write(b"\0")  # an empty file can't be mapped
    _rest(path).write_bytes(pickle.dumps((pickled.getvalue(), spans)))


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

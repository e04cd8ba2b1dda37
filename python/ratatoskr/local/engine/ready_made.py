"""Ready-made graphs, read into memory: the runtime opens none of their files itself."""

from __future__ import annotations

from typing import Final

from ratatoskr.errors import ConfigurationError
from ratatoskr.local.engine.session import GraphSource, GraphWithFiles
from ratatoskr.local.precision import Precision
from ratatoskr.local.store.folder import ModelFolder
from ratatoskr.local.store.onnx_file import check_data_file, list_data_files
from ratatoskr.local.store.read import read_regular_file

__all__ = ["read_ready_made"]

_MAX_GRAPH: Final = 2**31
_MAX_DATA: Final = 2**36


def read_ready_made(folder: ModelFolder, precision: Precision) -> GraphSource:
    """Return the ready-made graph of a folder that suits a precision, with the files that it refers to.

    Raises:
        ConfigurationError: there is none, or a file cannot be read or is none of the folder.
    """
    graph = folder.quantised if precision == "int8" else folder.graph
    if graph is None:
        text = (
            "a ready-made graph cannot be converted to int8, and there is no quantised one beside it"
            if precision == "int8"
            else f"the folder holds a quantised graph alone: use precision='int8', not {precision!r}"
        )
        raise ConfigurationError(text, field="precision", model=folder.name)
    paths = list_data_files(graph)
    for path in paths:
        check_data_file(path)
    data = read_regular_file(graph, _MAX_GRAPH)
    return GraphWithFiles(data, {path.name: read_regular_file(path, _MAX_DATA) for path in paths}) if paths else data

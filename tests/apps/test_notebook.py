"""The cells of `notebook.ipynb` run, and what each shows of its last value is short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("notebook.ipynb")
LONGEST = 600


@pytest.mark.timeout(120)  # a kernel of its own starts
@pytest.mark.filterwarnings("default")  # those of the kernel's client
async def test_the_cells_run_and_show_short_texts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))  # no kernel but that of this interpreter
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client: Any = NotebookClient(notebook, timeout=60, kernel_name="python3")
    await client.async_execute()
    outputs = [(cell.source, output) for cell in notebook.cells for output in cell.outputs]
    assert [source for source, output in outputs if output.output_type != "execute_result"] == []
    shown = {source: output.data["text/plain"] for source, output in outputs}
    assert len(notebook.cells) >= 30
    assert len(shown) == len(notebook.cells) - 1  # the first cell imports
    assert {source: len(text) for source, text in shown.items() if len(text) > LONGEST} == {}
    assert not [source for source, text in shown.items() if "sk-secret" in text]
    assert not [text for text in shown.values() if " at 0x" in text and "ThreadedUpstream" not in text]
    rendered = [output.data["text/markdown"] for _, output in outputs if "text/markdown" in output.data]
    assert rendered[0].startswith("**Ratatoskr** runs along the ash tree.")
    assert len(rendered) == 2  # the two cells that end with a response

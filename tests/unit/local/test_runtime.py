"""ONNX Runtime is imported with its telemetry off, by whatever imports it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))

sys.meta_path.insert(0, Watch())
from ratatoskr.local import LocalEmbedder, ModelStore
import asyncio
embedder = LocalEmbedder(sys.argv[1], precision=sys.argv[2], store=ModelStore(sys.argv[3]))
asyncio.run(embedder.preload())
"""


@pytest.mark.parametrize(("precision", "given", "seen"), [("fp32", None, "1"), ("int8", None, "1"), ("fp32", "0", "0")])
def test_the_runtime_reports_nothing_unless_the_user_wants_it(stand_in, tmp_path, precision, given, seen):
    command = [sys.executable, "-c", PROGRAM, str(stand_in("roberta_mean_96")), precision, str(tmp_path / "store")]
    environment = dict(os.environ) | ({} if given is None else {"ORT_DISABLE_TELEMETRY": given})
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == [seen]

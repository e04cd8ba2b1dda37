"""Embeddings as messages: both conversions of ours against filling and reading `repeated float`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from ratatoskr.service.convert.embed import embeddings_from_pb, embeddings_to_pb
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.types.embed import Embeddings

TEXTS, DIMENSIONS, ROUNDS, TIMES = 1000, 384, 9, 10


def repeated_floats() -> Any:
    """Return the class of a message with a row of `repeated float` for each text, as `protoc` would make it."""
    file = descriptor_pb2.FileDescriptorProto(name="bench.proto", package="bench", syntax="proto3")
    row = file.message_type.add(name="Row")
    row.field.add(name="values", number=1, label=3, type=2)
    rows = file.message_type.add(name="Rows")
    rows.field.add(name="rows", number=1, label=3, type=11, type_name=".bench.Row")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("bench.Rows"))


def milliseconds(run: Callable[[], Any]) -> float:
    start = time.process_time()
    for _ in range(TIMES):
        run()
    return (time.process_time() - start) / TIMES * 1e3


def measure() -> str:
    """Return a line with the medians."""
    vectors = np.random.default_rng(1).standard_normal((TEXTS, DIMENSIONS)).astype(np.float32)
    rows = repeated_floats()

    def ours() -> None:
        octets = embeddings_to_pb(Embeddings(vectors, "m"), listed=False).SerializeToString()
        found = embeddings_from_pb(pb.EmbedBatchResponse.FromString(octets))
        assert found.vectors.shape == vectors.shape

    def floats() -> None:
        message = rows()
        for row in vectors.tolist():
            message.rows.add().values.extend(row)
        found = rows.FromString(message.SerializeToString())
        assert np.array([one.values for one in found.rows], np.float32).shape == vectors.shape

    both = [(milliseconds(ours), milliseconds(floats)) for _ in range(ROUNDS)]
    mine, theirs = (statistics.median(column) for column in zip(*both, strict=True))
    share = statistics.median(one / other for one, other in both)
    return (
        f"Embeddings, {TEXTS:,} x {DIMENSIONS}: both conversions {mine:.2f} ms, filling and reading `repeated float` "
        f"{theirs:.1f} ms ({share:.3f})."
    )

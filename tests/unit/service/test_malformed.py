"""Malformed messages over every method: octets of no message, cut and changed ones, and messages of odd values."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import grpc
import grpc.aio
import pytest
from tests.unit.service.serving import field, serve
from tests.unit.service.test_server import Admin, send

from ratatoskr.service.methods import METHODS, Method
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from ratatoskr.testing import ScriptedGateway

ODD: dict[int, list[Any]] = {
    1: [0, -1, 2**31 - 1],  # of 32 bits, signed
    2: [0, -1, 2**63 - 1],
    3: [0, 1, 2**32 - 1],
    4: [0, 1, 2**64 - 1],
    5: [0.0, -1.0, float("inf"), float("nan"), 1e300],
    6: [0.0, -1.0, float("inf"), float("nan")],
    7: [False, True],
    8: [0, 1, 99],
}


def odd(message: Any, rng: random.Random, depth: int = 0) -> Any:
    """Return a message of the class whose fields have odd values."""
    made = message()
    for one in made.DESCRIPTOR.fields:
        if rng.random() < 0.4 or (one.message_type is not None and depth > 3):
            continue
        target = getattr(made, one.name)
        if one.message_type is not None and one.message_type.GetOptions().map_entry:
            continue
        if one.message_type is not None:
            cls = type(target.add()) if one.is_repeated else type(target)
            inner = odd(cls, rng, depth + 1)
            target.add().CopyFrom(inner) if one.is_repeated else target.CopyFrom(inner)
            continue
        values = ODD.get(one.cpp_type) or (
            [b"", b"\xff\0", b"1234"] if one.type == one.TYPE_BYTES else ["", "m", "\0", "{}"]
        )
        if one.is_repeated:
            target.extend([rng.choice(values) for _ in range(rng.randrange(3))])
        else:
            setattr(made, one.name, rng.choice(values))
    return made


def malformed(method: Method, rng: random.Random) -> bytes:
    """Return octets that are no message of the method, or one with odd values."""
    kind = rng.randrange(5)
    if kind == 4:
        return odd(method.request, rng).SerializeToString()  # type: ignore[no-any-return]  # a message
    if kind == 0:
        return rng.randbytes(rng.randrange(200))
    good = pb.ChatRequest(
        messages=[pb.Message(role=pb.ROLE_USER, content="Hi")],
        tools=[pb.ToolDefinition(name="t", parameters_json="{}")],
        options=pb.ChatOptions(model="m", temperature=0.5, response_format=pb.ResponseFormat(json_schema="{}")),
    ).SerializeToString()
    if kind == 1:
        return good[: rng.randrange(len(good))]
    if kind == 2:
        octets = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            octets[rng.randrange(len(octets))] = rng.randrange(256)
        return bytes(octets)
    return b"".join(
        field(rng.randrange(1, 70), rng.choice([1, 2**63, -0.5, "x", b"\xff", "{}", good])) for _ in range(5)
    )


@pytest.mark.parametrize("seed", range(4))
async def test_malformed_messages_have_typed_answers(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    rng = random.Random(seed)
    allowed = {"INVALID_ARGUMENT", "UNIMPLEMENTED", "NOT_FOUND", "UNAUTHENTICATED"}
    gateway = ScriptedGateway(*["a"] * 2000)
    async with serve(gateway.backend, Admin()) as served, served.channel() as channel:
        with caplog.at_level(logging.ERROR):
            for method in METHODS.values():
                for found in await asyncio.gather(*(send(channel, method, malformed(method, rng)) for _ in range(20))):
                    if isinstance(found, grpc.aio.AioRpcError):
                        here = allowed | ({"UNAVAILABLE"} if "token" in method.name.lower() else set())
                        assert found.code().name in here, (method.name, found.details())
        assert [record.exc_info for record in caplog.records] == []
        assert served.service.calls == set()

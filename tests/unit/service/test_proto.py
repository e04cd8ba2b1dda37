"""The interface is the one that the known clients speak, and the generated messages are those of `proto/`."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.unit.service import listed

from ratatoskr.service.methods import ADMIN, METHODS, SERVICE
from ratatoskr.service.pb import ratatoskr_pb2 as pb
from source_tree import ROOT

OWN_FROM = 50
"""From this number on, fields of listed messages are ours."""
TYPES: dict[int, str] = {
    1: "double",
    2: "float",
    3: "int64",
    4: "uint64",
    5: "int32",
    8: "bool",
    9: "string",
    12: "bytes",
}
TYPES |= {13: "uint32", 17: "sint32", 18: "sint64"}
DESCRIPTORS: dict[str, Any] = {**pb.DESCRIPTOR.message_types_by_name, **pb.DESCRIPTOR.enum_types_by_name}
ROWS = dict(line.split(":", 1) for line in re.sub(r"\n {4}", " ", listed.MESSAGES.strip()).splitlines())
MEMBER = re.compile(
    r"(?P<name>\w+)=(?P<number>\d+) ?(?P<type>map<string, float>|\w+)? ?(?P<flag>[or])?(?: ?∈(?P<oneof>\w+))?"
)


def type_of(field: Any) -> str:
    if field.message_type is not None:
        is_map = field.message_type.GetOptions().map_entry
        return "map<string, float>" if is_map else str(field.message_type.name)
    return str(field.enum_type.name) if field.enum_type is not None else TYPES[field.type]


def flag_of(field: Any) -> str | None:
    if field.is_repeated and type_of(field) != "map<string, float>":
        return "r"
    in_own_oneof = field.containing_oneof is not None and not field.containing_oneof.name.startswith("_")
    return "o" if field.has_presence and not in_own_oneof and (field.message_type is None) else None


@pytest.mark.parametrize("name", ROWS)
def test_a_listed_message_keeps_its_numbers_and_types(name: str) -> None:
    members = [match.groupdict() for text in ROWS[name].split(";") if (match := MEMBER.search(text))]
    assert len(members) == len([text for text in ROWS[name].split(";") if text.strip()])
    descriptor = DESCRIPTORS[name]
    if name in pb.DESCRIPTOR.enum_types_by_name:
        numbers = {value.name: value.number for value in descriptor.values}
        assert {one["name"]: int(one["number"]) for one in members}.items() <= numbers.items()
        return
    for one in members:
        field = descriptor.fields_by_name[one["name"]]
        assert field.number == int(one["number"])
        if (one["type"], one["flag"]) == ("float", "r"):  # packed: the octets of a `bytes` field
            assert (type_of(field), flag_of(field)) == ("bytes", None)
            continue
        assert type_of(field) == one["type"]
        if field.message_type is None:
            assert flag_of(field) == one["flag"], one["name"]
        else:
            assert (flag_of(field) == "r") == (one["flag"] == "r")
        if one["oneof"]:
            assert field.containing_oneof.name == one["oneof"]
    known = {one["name"] for one in members}
    assert [field.name for field in descriptor.fields if field.name not in known and field.number < OWN_FROM] == []


def test_the_listed_methods_are_those_of_the_service() -> None:
    for line in listed.METHODS.strip().splitlines():
        name, request, *response = line.split()
        method = METHODS[f"/{SERVICE}/{name}"]
        assert method.request.DESCRIPTOR.name == request
        assert (method.streams, method.response.DESCRIPTOR.name) == ("stream" in response, response[-1])
    assert {method.service for method in METHODS.values()} == {SERVICE, ADMIN}


def test_the_generated_messages_are_those_of_the_file() -> None:
    """`make types` compares with the generator's output; this needs none."""
    source = re.sub(r"//[^\n]*", "", (ROOT / "proto/ratatoskr/v1/ratatoskr.proto").read_text("utf-8"))
    assert source.count("enum ") == len(pb.DESCRIPTOR.enum_types_by_name)
    found = {}
    for kind, name, body in re.findall(r"^(message|enum) (\w+) \{(?:\}|(.*?)^\})", source, re.MULTILINE | re.DOTALL):
        pattern = r"([\w.]+|map<[\w, .]+>) (\w+) = (\d+)" if kind == "message" else r"()(\w+) = (\d+)"
        found[name] = {member: (int(number), of.rpartition(".")[2]) for of, member, number in re.findall(pattern, body)}
    made = {}
    for name, message in pb.DESCRIPTOR.message_types_by_name.items():
        made[name] = {field.name: (field.number, _type_in_file(field)) for field in message.fields}
    for name, enum in pb.DESCRIPTOR.enum_types_by_name.items():
        made[name] = {value.name: (value.number, "") for value in enum.values}
    assert found == made


def _type_in_file(field: Any) -> str:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        return f"map<{type_of(key)}, {type_of(value)}>"
    return type_of(field)

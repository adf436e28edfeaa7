"""The client protocol as a stranger speaks it: PyPI's `sbe`, and nothing but schema/gavel.xml.

encode(name, fields) -> one frame's bytes; decode(bytes) -> (name, fields); Frames cuts a stream.

Fields are plain values: enumerations by name, prices as mantissas (units of 10^-9), null as None,
session ids and keys as bytes, groups as lists of dicts. What `sbe` leaves to its user is done here,
by reading the schema's types: SOFH, the nulls inside composites, values outside an enumeration.
"""

import pathlib
import struct

import sbe

SCHEMA_PATH = pathlib.Path(__file__).resolve().parents[2] / "schema" / "gavel.xml"
ENCODING_SBE_LE = 0xEB50
SOFH = struct.Struct(">IH")
PREAMBLE_BYTES = SOFH.size + 8

with SCHEMA_PATH.open() as file:
    SCHEMA = sbe.Schema.parse(file)
BY_NAME = {message.name: message for message in SCHEMA.messages.values()}


class Garbage(Exception):
    """Bytes that the schema gives no meaning to."""


def _members(composite):
    return [part for part in composite.types if part.presence != sbe.Presence.CONSTANT]


def _pack(field, value):
    """A plain value -> what `sbe` encodes."""
    if isinstance(field, sbe.Group):
        return [{f.name: _pack(f, entry[f.name]) for f in field.fields} for entry in value]
    if not isinstance(field.type, sbe.Composite):
        return value
    members = _members(field.type)
    if len(members) == 1:
        return {members[0].name: members[0].nullValue if value is None else value}
    if len(value) != 8 * len(members):
        raise ValueError(f"{field.name} takes {8 * len(members)} bytes")
    words = struct.unpack(f"<{len(members)}Q", value)
    return {member.name: word for member, word in zip(members, words)}


def _unpack(field, value):
    """What `sbe` decoded -> a plain value."""
    if isinstance(field, sbe.Group):
        return [{f.name: _unpack(f, entry[f.name]) for f in field.fields} for entry in value]
    if isinstance(field.type, sbe.Enum) and not isinstance(value, str):
        raise Garbage(f"{field.name} holds no value of {field.type.name}")
    if not isinstance(field.type, sbe.Composite):
        return value
    members = _members(field.type)
    if len(members) == 1:
        return value[members[0].name]
    return struct.pack(f"<{len(members)}Q", *(value[member.name] for member in members))


def encode(name, fields):
    """One frame. Every field of the message has to be there, and no other."""
    message = BY_NAME[name]
    unknown = set(fields) - {field.name for field in message.fields}
    if unknown:
        raise ValueError(f"{name} has no {sorted(unknown)}")
    values = {field.name: _pack(field, fields[field.name]) for field in message.fields}
    body = SCHEMA.encode(message, values)
    return SOFH.pack(SOFH.size + len(body), ENCODING_SBE_LE) + body


def decode(frame):
    """(name, fields) of one whole frame."""
    length, encoding = SOFH.unpack_from(frame)
    if length != len(frame) or encoding != ENCODING_SBE_LE:
        raise Garbage(f"SOFH says {length} bytes of {encoding:#x}, there are {len(frame)}")
    header = SCHEMA.decode_header(frame[SOFH.size :])
    if header["schemaId"] != int(SCHEMA.id) or header["templateId"] not in SCHEMA.messages:
        raise Garbage(f"no message of this schema: {header}")
    message = SCHEMA.messages[header["templateId"]]
    value = SCHEMA.decode(frame[SOFH.size :]).value
    return message.name, {field.name: _unpack(field, value[field.name]) for field in message.fields}


class Frames:
    """Cuts a byte stream into frames."""

    def __init__(self):
        self.buffer = b""

    def feed(self, data):
        """Adds bytes; yields every frame that is whole by now."""
        self.buffer += data
        while len(self.buffer) >= SOFH.size:
            length, encoding = SOFH.unpack_from(self.buffer)
            if encoding != ENCODING_SBE_LE or length < PREAMBLE_BYTES:
                raise Garbage(f"SOFH says {length} bytes of {encoding:#x}")
            if len(self.buffer) < length:
                return
            frame, self.buffer = self.buffer[:length], self.buffer[length:]
            yield frame

"""Reads the golden frames, which Gavel's own encoders made, with the foreign codec.

For every tests/golden/*.hex: the foreign codec decodes it to the values in expected.json (written
by hand from the messages in tests/samples), and encodes those values to the same bytes. Exit status
0 if all agree.
"""

import json
import pathlib
import sys

import codec

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden"


def expand(expected, shared):
    """A message of expected.json as plain values: `+name` merges a shared part (what follows
    it wins), `0x` is bytes."""
    fields = {}
    for key, value in expected.items():
        if key.startswith("+"):
            fields.update(expand(shared[key[1:]], shared))
        elif isinstance(value, str) and value.startswith("0x"):
            fields[key] = bytes.fromhex(value[2:])
        else:
            fields[key] = value
    return fields


def check(path, expected):
    """What is wrong with one golden frame; an empty list if nothing is."""
    frame = bytes.fromhex(path.read_text())
    name, fields = codec.decode(frame)
    faults = []
    if name != path.stem.split("_")[1]:
        faults.append(f"is a {name}")
    for key in sorted(set(fields) | set(expected)):
        ours, theirs = expected.get(key, "absent"), fields.get(key, "absent")
        if ours != theirs:
            faults.append(f"{key} is {theirs!r}, expected {ours!r}")
    if not faults and codec.encode(name, expected) != frame:
        faults.append("encodes to other bytes")
    return faults


def main():
    document = json.loads((HERE / "expected.json").read_text())
    shared, messages = document["shared"], document["messages"]
    paths = sorted(GOLDEN.glob("*.hex"))
    failures = 0
    if sorted(path.stem for path in paths) != sorted(messages):
        print("golden frames and expected.json do not name the same messages")
        failures += 1
    templates = set()
    for path in paths:
        faults = check(path, expand(messages[path.stem], shared)) if path.stem in messages else []
        templates.add(int(path.stem[:3]))
        failures += bool(faults)
        print(f"{'FAILED' if faults else 'ok':6} {path.stem}")
        for fault in faults:
            print(f"       {fault}")
    if templates != set(codec.SCHEMA.messages):
        print(f"templates without a golden frame: {set(codec.SCHEMA.messages) - templates}")
        failures += 1
    print(f"{len(paths)} frames, {failures} failures")
    return 1 if failures or not paths else 0


if __name__ == "__main__":
    sys.exit(main())

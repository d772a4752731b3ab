#!/usr/bin/env python3
"""Renames words in the metadata of the shipped weights; their tensors stay, byte by byte.

    python3 Tests/Fixtures/rewrite_metadata.py Fixtures/models/*.safetensors
"""
import json
import struct
import sys

RENAMED = {"judge": "classifier", "hair_colour": "hair_color", "watercolour": "watercolor"}


def renamed(value):
    if isinstance(value, dict):
        return {key: renamed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item) for item in value]
    return RENAMED.get(value, value) if isinstance(value, str) else value


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    metadata = header.get("__metadata__", {})
    if "architecture" not in metadata:
        continue
    architecture = json.dumps(renamed(json.loads(metadata["architecture"])), separators=(",", ":"))
    if architecture == metadata["architecture"]:
        continue
    metadata["architecture"] = architecture
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data[8 + length :])
    print(f"{path}: {len(data) - 8 - length} bytes of tensors kept")

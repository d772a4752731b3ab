"""Makes the PyTorch and NumPy files of Tests/CheckpointsTests/Fixtures, and what they hold as safetensors.

Needs torch, numpy and safetensors; run in the repository's root, after make_network_fixtures.py (which lists the whole
folder in PROVENANCE.md; this script then puts its own files under its own heading):

    python Tests/Fixtures/make_checkpoint_fixtures.py

Beside each file `a.pt` is `a.pt.safetensors` with its tensors as float32, by the names that diffusionclip gives them.
The keys in legacy files are addresses and TorchScript numbers its code, so that these differ from run to run. What
Python 2 wrote is put together here by hand, from the opcodes in Python's pickletools.
"""

import collections
import hashlib
import importlib.metadata
import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

OUT = Path("Tests/CheckpointsTests/Fixtures")
SEED = 20211006
MADE = []


def write(name, data):
    (OUT / name).write_bytes(data)
    MADE.append(name)


def expect(name, tensors):
    """Keeps the tensors that are expected of file `name`."""
    tensors = {key: torch.as_tensor(value).to(torch.float32).contiguous().clone() for key, value in tensors.items()}
    save_file(tensors, OUT / f"{name}.safetensors")
    MADE.append(f"{name}.safetensors")


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


# Files of torch.save


def views():
    """Tensors of each type and of each way to lie in a storage."""
    base = torch.randn(6, 5)
    integers = torch.arange(-4, 8)
    result = collections.OrderedDict()
    for kind in [torch.float64, torch.float32, torch.float16, torch.bfloat16]:
        result[str(kind).removeprefix("torch.")] = torch.randn(2, 3).to(kind)
    for kind in [torch.int64, torch.int32, torch.int16, torch.int8]:
        result[str(kind).removeprefix("torch.")] = integers.to(kind)
    result["uint8"] = torch.arange(250, 256, dtype=torch.uint8)
    result["bool"] = torch.tensor([True, False, True])
    result["shared.all"] = base
    result["shared.transposed"] = base.t()
    result["shared.rows"] = base[2:4]
    result["shared.columns"] = base[:, 1:4:2]
    result["shared.last"] = base[5, 4]
    result["permuted"] = torch.randn(2, 3, 4).half().permute(2, 0, 1)
    result["expanded"] = torch.randn(3, 1).expand(3, 4)
    result["channels_last"] = torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last)
    result["parameter"] = torch.nn.Parameter(torch.randn(3))
    result["scalar"] = torch.tensor(-3.5)
    result["empty"] = torch.zeros(0, 4)
    result["naïve 名"] = torch.randn(2)
    return result


def make_saved():
    tensors = views()
    write("views.pt", saved(tensors))
    expect("views.pt", tensors)
    for protocol in [2, 4]:
        name = f"views-legacy-{protocol}.pt"
        write(name, saved(tensors, _use_new_zipfile_serialization=False, pickle_protocol=protocol))
        expect(name, tensors)
    write("views-5.pt", saved(tensors, pickle_protocol=5))
    expect("views-5.pt", tensors)


def flat(value, name=""):
    """The tensors of nested lists and dictionaries by dotted names."""
    if isinstance(value, torch.Tensor):
        return {name: value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else []
    result = {}
    for key, item in items:
        result |= flat(item, f"{name}.{key}" if name else str(key))
    return result


def network():
    """A module with parameters, which have averages, and buffers, which have none."""
    return torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Flatten())


def trained(module):
    """The optimizer of `module` after a step."""
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    module(torch.randn(2, 2, 4, 4)).square().sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def make_training():
    """Checkpoints of training programs: the list of Ho et al. as Song et al. port it, and dictionaries."""
    module = network()
    optimizer = trained(module)
    state = {f"module.{key}": value for key, value in module.state_dict().items()}
    average = {key: value.detach() * 0.5 for key, value in module.named_parameters()}

    listed = [state, optimizer, 3, 1700, average]
    write("training-list.ckpt", saved(listed))
    expect("training-list.ckpt", flat(listed))
    write("training-list-without-average.ckpt", saved(listed[:4]))
    expect("training-list-without-average.ckpt", flat(listed[:4]))

    nested = {
        "epoch": 3, "loss": np.float64(0.25), "steps": np.int64(7), "name": "tiny", "done": True, "rate": 1e-3,
        "none": None, "state_dict": state, "optimizer": optimizer,
        "ema": {f"module.{key}": value for key, value in average.items()},
    }
    write("training-dictionary.pth", saved(nested))
    expect("training-dictionary.pth", flat(nested))


# TorchScript


class Inner(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(3, 2).half())
        self.register_buffer("mask", torch.triu(torch.ones(3, 3)).bool())

    def forward(self, x):
        return x @ self.weight.float() + self.mask.float()[:, :2]


class Script(torch.nn.Module):
    sizes: list[int]

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 2, 3).half()
        self.blocks = torch.nn.ModuleList([Inner(), Inner()])
        self.logit_scale = torch.nn.Parameter(torch.tensor(4.6))
        self.sizes = [3, 5]
        self.input_resolution = 224

    def forward(self, x):
        for block in self.blocks:
            x = x + block(x).sum()
        return x * self.logit_scale.exp() * self.sizes[0] * self.input_resolution


def make_script():
    module = torch.jit.script(Script().eval())
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    write("script.pt", buffer.getvalue())
    expect("script.pt", dict(module.state_dict()))


# What Python 2 wrote


def text(value):
    """A str of Python 2: protocol 1 and 2."""
    return b"U" + bytes([len(value)]) + value


def number(value):
    return b"J" + struct.pack("<i", value)


def old_tensor(key, count, shape, strides, offset=0, kind=b"Float", version=b""):
    """A tensor as protocol 2 of Python 2 has it."""
    def sizes(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = (
        b"(" + text(b"storage") + b"ctorch\n" + kind + b"Storage\n" + text(key) + text(b"cuda:0") + number(count)
        + b"NtQ")
    rest = b"" if version == b"" else b"\x89ccollections\nOrderedDict\n)R"
    return (
        b"ctorch._utils\n_rebuild_tensor" + version + b"\n(" + storage + number(offset) + sizes(shape)
        + sizes(strides) + rest + b"tR")


def old_file(pickle, keys, storages):
    magic = b"\x80\x02\x8a\x0a" + bytes.fromhex("6cfc9c46f9206aa85019") + b"."
    system = (
        b"\x80\x02}q\x01(" + text(b"protocol_version") + b"M\xe9\x03" + text(b"little_endian") + b"\x88"
        + text(b"type_sizes") + b"}q\x02(" + text(b"int") + b"K\x04uu.")
    listed = b"\x80\x02](" + b"".join(map(text, keys)) + b"e."
    file = magic + b"\x80\x02M\xe9\x03." + system + pickle + listed
    for values in storages:
        file += struct.pack("<q", len(values)) + values.tobytes()
    return file


def make_python2():
    a, b = np.random.default_rng(SEED).normal(size=(2, 6)).astype(np.float32)
    half = np.array([1, -2, 0.5], np.float16)
    # OrderedDict reduced from a list of pairs; a Latin-1 key; the memory written and read.
    pickle = (
        b"\x80\x02ccollections\nOrderedDict\nq\x00]q\x01("
        + b"]q\x02(" + text(b"conv1.weight") + old_tensor(b"93", 6, (2, 3), (3, 1)) + b"e"
        + b"]q\x03(" + text(b"transposed") + b"ctorch._utils\n_rebuild_parameter\n("
        + old_tensor(b"94", 6, (3, 1), (2, 1), 1, version=b"_v2") + b"\x88ccollections\nOrderedDict\n)RtRe"
        + b"]q\x04(" + text(b"caf\xe9") + old_tensor(b"95", 3, (3,), (1,), kind=b"Half") + b"e"
        + b"]q\x05(" + text(b"again") + b"h\x02" + b"e"
        + b"]q\x06(" + text(b"count") + b"\x8a\x02\x39\x30" + b"e"
        + b"e\x85q\x07Rq\x08}q\x09" + text(b"_metadata") + b"h\x00)Rsb.")
    write("python2.pt", old_file(pickle, [b"93", b"94", b"95"], [a, b, half]))
    first = a.reshape(2, 3)
    expect("python2.pt", {"conv1.weight": first, "transposed": b[1::2].reshape(3, 1), "café": half.astype(np.float32),
                          "again.1": first})

    # Protocol 0, all in lines; only the persistent id is binary.
    def line(kind, value):
        return kind + value + b"\n"

    persistent = (
        b"(S'storage'\np1\nctorch\nDoubleStorage\np2\nS\"7\"\nS'cpu'\nI2\nNtp3\nQ")
    pickle = (
        b"(dp0\nS'a\\x62\\tc'\np4\nctorch._utils\n_rebuild_tensor\np5\n(" + persistent
        + b"I0\n(L2L\ntp6\n(I1\ntp7\ntp8\nRp9\nsVna\\u00efve \\u540d\nF0.5\nsS'flag'\nI01\ns"
        + b"S'list'\n(lp10\nI3\nag4\nasS'same'\ng9\ns.")
    doubles = np.array([0.5, -7])
    file = (
        line(b"L", b"119547037146038801333356L") + b".I1001\n.(dp0\nS'little_endian'\nI01\ns." + pickle
        + b"(lp0\nS'7'\na." + struct.pack("<q", 2) + doubles.tobytes())
    write("python2-protocol-0.pt", file)
    expect("python2-protocol-0.pt", {"ab\tc": doubles.astype(np.float32), "same": doubles.astype(np.float32)})


# Zip files of others


def make_zip64():
    """The entries of a file of torch.save, with every number that can be in ZIP64 in it, and a comment."""
    tensors = {"w": torch.randn(2, 3)}
    file, directory, count = b"", b"", 0
    source = zipfile.ZipFile(io.BytesIO(saved(tensors)))
    for info in source.infolist():
        data = source.read(info)
        name = ("modèle/" + info.filename.split("/", 1)[1]).encode()
        extra = struct.pack("<HHQQ", 1, 16, len(data), len(data))
        common = struct.pack("<HHHHHIII", 45, 0x800, 0, 0, 0x21, zlib.crc32(data), 0xFFFFFFFF, 0xFFFFFFFF)
        start = len(file)
        file += b"PK\3\4" + common + struct.pack("<HH", len(name), len(extra)) + name + extra + data
        extra = struct.pack("<HHQQQ", 1, 24, len(data), len(data), start)
        directory += (b"PK\1\2" + struct.pack("<H", 45) + common
                      + struct.pack("<HHHHHII", len(name), len(extra), 0, 0, 0, 0, 0xFFFFFFFF) + name + extra)
        count += 1
    start, end = len(file), len(file) + len(directory)
    file += directory
    file += b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), start)
    file += b"PK\6\7" + struct.pack("<IQI", 0, end, 1)
    file += b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 5) + b"hello"
    write("zip64.pt", file)
    expect("zip64.pt", tensors)
    assert zipfile.ZipFile(io.BytesIO(file)).testzip() is None


# NumPy


def make_numpy():
    random = np.random.default_rng(SEED)
    arrays = {
        "c": random.normal(size=(2, 3, 4)).astype(np.float32),
        "fortran": np.asfortranarray(random.normal(size=(2, 3, 4))),
        "half": random.normal(size=5).astype(np.float16), "integers": np.arange(-3, 3).reshape(2, 3),
        "flags": np.array([True, False]), "scalar": np.array(2.5), "empty": np.zeros((0, 3), np.float32),
        "bytes": np.arange(250, 256, dtype=np.uint8),
    }
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        write(f"{name}.npy", buffer.getvalue())
        expect(f"{name}.npy", {"array": array.astype(np.float32)})
    for version in [(2, 0), (3, 0)]:
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, arrays["c"], version=version)
        write(f"version-{version[0]}.npy", buffer.getvalue())
        expect(f"version-{version[0]}.npy", {"array": arrays["c"]})
    buffer = io.BytesIO()
    np.save(buffer, arrays["c"].astype(">f4"))
    write("big-endian.npy", buffer.getvalue())


# Files that want to run something


class Harm:
    def __reduce__(self):
        return os.system, ("echo harm done",)


def make_harmful():
    for protocol in [2, 4]:
        write(f"harmful-{protocol}.pt", saved({"w": torch.ones(1), "x": Harm()}, pickle_protocol=protocol))
    write("harmful-legacy.pt", saved(Harm(), _use_new_zipfile_serialization=False))
    write("whole-module.pt", saved(torch.nn.Linear(1, 1)))


def write_provenance():
    """The rows of others' files stay as they are."""
    path = OUT / "PROVENANCE.md"
    other = path.read_text(encoding="utf-8").split("\nMade by `Tests/Fixtures/make_checkpoint_fixtures.py`")[0].rstrip()
    kept = [line for line in other.splitlines() if not any(line.startswith(f"| {name} |") for name in MADE)]
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ["torch", "numpy", "safetensors"])
    lines = kept + [
        "", "Made by `Tests/Fixtures/make_checkpoint_fixtures.py` with", f"{versions}; seed {SEED}.",
        "Random numbers, under the license of this project. The harmful files ask for `echo harm done`.", "",
        "| file | bytes | SHA-256 |", "|---|---|---|"]
    for name in sorted(MADE):
        file = OUT / name
        file.chmod(0o644)
        assert file.stat().st_size < 20_000, name
        lines.append(f"| {name} | {file.stat().st_size} | {hashlib.sha256(file.read_bytes()).hexdigest()} |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for make in [make_saved, make_training, make_script, make_python2, make_zip64, make_numpy, make_harmful]:
        torch.manual_seed(SEED)
        make()
    write_provenance()

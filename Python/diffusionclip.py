"""Opens what a run of diffusionclip made, by name. One file; needs Python 3.8 and numpy alone. Copy it where you need it.

    import diffusionclip

    run = diffusionclip.Run("runs/quickstart")    # the recipe's latest run with results; or the folder of any run
    run = diffusionclip.Run("runs/quickstart/best")  # the run with this tag, name, ID or beginning of an ID
    diffusionclip.runs("runs/quickstart")         # all its runs, the newest first; of all recipes: runs("runs")
    run.parameters                                # {'target': 'face with makeup', 'return_step': 500}
    run.id, run.name, run.tags, run.note          # what it is called; run.status, run.error, run.expectations
    list(run)                                     # ['base', 'clip', ..., 'tuned.model', 'tuned.losses', 'edited']
    run["edited"]["portrait-0"]                   # a picture: float32 [H, W, 3], from -1 to 1
    run["latents"]["portrait-0"].latent           # float32 [H, W, 3]; .image is the picture that it belongs to
    run["scores"]["portrait-0"]["mae"]            # a number of one item
    run.mean("scores", "mae")                     # their mean
    run["tuned.losses"]                           # a table: {column: numpy array}
    run["tuned.model"]["conv_in.weight"]          # weights; .metadata tells of the network
    run["before_after"]                           # a figure: uint8 [H, W, 3]

A name is that of a stage, or `stage.port`, with its place in a sweep as the program shows it: `edited[steps=40]`.
`run["edited"]` of a swept stage has what it made at each place, by the place: `run["edited"]["steps=40"]["portrait-0"]`.
Of a stage of which items failed, those that were made are there.
Everything is read from the store, and verified: bytes that are not those that the run made are an error.
"""

import collections.abc
import contextlib
import csv
import hashlib
import io
import json
import math
import os
import re
import struct
import zlib

import numpy as np

__all__ = ["Run", "ReadError", "Set", "Latent", "Weights", "runs"]


class ReadError(Exception):
    """A file that is missing, or is not what it should be; says which, and what to do."""


# What reading comes to where bytes or records are not what they should be, whoever made them so.
_DAMAGES = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, MemoryError,
            csv.Error, struct.error, zlib.error)


@contextlib.contextmanager
def _reading(path, what):
    """Turns what goes wrong inside into a ReadError that names the file and says what it should be."""
    try:
        yield
    except ReadError:
        raise
    except _DAMAGES as error:
        raise ReadError(f"{path}: it is no {what}: {type(error).__name__}: {str(error)[:200]}") from None


class Set(collections.abc.Mapping):
    """Items by name, in their order; each is read when it is asked for."""

    def __init__(self, name, items, read):
        self._name, self._items, self._read = name, items, read

    def __getitem__(self, item):
        if item not in self._items:
            raise KeyError(f"'{self._name}' has no item '{item}'; it has {', '.join(map(repr, self._items))}")
        return self._read(self._items[item])

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)

    def __repr__(self):
        return f"<{self._name}: {len(self)} items>"


class Latent:
    """The latent of a picture: `latent` and `image`, float32 [H, W, 3]; `tensors` has all that is kept with it."""

    def __init__(self, weights):
        self.tensors, self.metadata = dict(weights), weights.metadata
        self.latent, self.image = weights.get("latent"), weights.get("image")


class Weights(dict):
    """Arrays by name. `base` has those of the model that this one is a change to, where it is one."""

    def __init__(self, tensors, metadata):
        super().__init__(tensors)
        self.metadata, self.base = metadata, None


class Run(collections.abc.Mapping):
    """What a run made.

    `path` is the folder of a run, that of a recipe (then it is its latest run with results), that with a run's tag, name,
    ID or the beginning of an ID behind it, or a `run.json`. `store` is the folder of
    the store: else that in DIFFUSIONCLIP_STORE, else the folder `.diffusionclip` in the run's folder or one around it.
    """

    def __init__(self, path, store=None):
        self.folder = _run_folder(os.fspath(path))
        file = os.path.join(self.folder, "run.json")
        self.record = _json(file)
        with _reading(file, "record of a run"):
            made = self.record["artifacts"] + self.record.get("unfinished", [])
            artifacts = [(str(a["stage"]), str(a["port"]), str(a["type"]), a["items"]) for a in made]
            for _, _, _, items in artifacts:
                if not items or not all(isinstance(i["name"], str) and isinstance(i["object"], str) for i in items):
                    raise ValueError("an artifact without items, or items without names and objects")
            self.parameters, self.status = self.record["params"], self.record["status"]
        self.id, self.recipe = self.record.get("id"), self.record.get("recipe")
        self.name, self.note, self.tags = self.record.get("name"), self.record.get("note"), self.record.get("tags") or []
        self.error, self.started = self.record.get("error"), self.record.get("started")
        self.expectations = self.record.get("expectations") or []
        self._given, self._found = store, None
        self._artifacts, first = {}, {}
        for stage, port, kind, items in artifacts:
            self._artifacts[f"{stage}.{port}"] = (kind, items)
            first.setdefault(stage, f"{stage}.{port}")
        ports = {}
        for stage, port, _, _ in artifacts:
            ports.setdefault(stage, []).append(port)
        self._names = [s if len(p) == 1 else f"{s}.{q}" for s, p in ports.items() for q in p]
        self._first = first

    def __iter__(self):
        self._require_results()
        return iter(self._names)

    def __len__(self):
        self._require_results()
        return len(self._names)

    def _require_results(self):
        if not self._artifacts:
            error = (self.error or "").split("\n")[0]
            raise ReadError(f"{self.folder}: the run has no results ({self.status}){': ' + error if error else ''}")

    @property
    def _store(self):
        if self._found is None:
            self._found = _store(self.folder, self._given)
        return self._found

    def __getitem__(self, name):
        self._require_results()
        address = name if name in self._artifacts else self._first.get(name)
        if address is None:
            places = self._places(name)
            if places:
                return Set(name, places, self.__getitem__)
            raise KeyError(f"the run has no '{name}'; it has {', '.join(self)}")
        kind, items = self._artifacts[address]
        readers = {"images": _picture, "latents": lambda b, f: Latent(_safetensors(b, f)), "metrics": _metrics}
        readers.update(masks=_picture, table=_table, figure=_png, page=lambda data, _: data.decode("utf-8"))

        def read(item, reader, what):
            data, path = self._object(item)
            with _reading(path, what):
                return reader(data, path)

        if kind in ("images", "masks", "latents", "metrics"):
            named = {item["name"]: item for item in items}
            return Set(name, named, lambda item: read(item, readers[kind], f"item of {kind}"))
        if kind in readers:
            return read(items[0], readers[kind], kind)
        weights = [read(item, _safetensors, "safetensors file") for item in items]
        for change, base in zip(weights, weights[1:]):
            change.base = base
        return weights[0]

    def _places(self, name):
        """The names of a swept stage, or of one of its outputs, by their places in the sweeps."""
        places = {}
        for address in list(self._first) + list(self._artifacts):
            stage, bracket, rest = address.partition("[")
            place, closed, port = rest.rpartition("]")
            if bracket and closed and stage + port == name:
                places.setdefault(place, address)
        return places

    def mean(self, name, measure):
        """The mean of a measure over the items that have it."""
        values = [numbers[measure] for numbers in self[name].values() if measure in numbers]
        if not values:
            raise KeyError(f"'{name}' has no measure '{measure}'")
        return math.fsum(values) / len(values)

    def __repr__(self):
        return f"<run of {self.record.get('recipe')} in {self.folder}: {self.status}>"

    def _object(self, item):
        digest = item["object"]
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise ReadError(f"{self.folder}/run.json: '{digest}' is no digest")
        path = os.path.join(self._store, "objects", digest[:2], digest)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            raise ReadError(f"{path}: {error.strerror}: run the recipe again, or `pull` it") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise ReadError(f"{path}: it is not what the run made: `diffusionclip verify --repair` makes it again")
        return data, path


_ID = r"\d{8}-\d{6}-\d{3}"


def runs(path="runs", store=None):
    """The runs in the folder of a recipe's runs, or in that of all recipes, the newest first; also those that failed."""
    path = os.fspath(path)
    folders = _runs(path) or [folder for name in _names(path) for folder in _runs(os.path.join(path, name))]
    if not folders:
        raise ReadError(f"{path}: no run is in this folder")
    return [Run(folder, store) for folder in sorted(folders, key=os.path.basename, reverse=True)]


def _names(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def _runs(path):
    """The folders of a recipe's runs that have a record, the newest first."""
    folders = [os.path.join(path, name) for name in reversed(_names(path)) if re.fullmatch(_ID, name)]
    return [folder for folder in folders if os.path.isfile(os.path.join(folder, "run.json"))]


def _run_folder(path):
    if os.path.basename(path) == "run.json":
        return os.path.dirname(path) or "."
    if os.path.isfile(os.path.join(path, "run.json")):
        return path
    if os.path.isdir(path):
        return _latest(path)
    recipe, word = os.path.split(path)
    folders = _runs(recipe or ".")
    found = [folder for folder in folders if os.path.basename(folder).startswith(word)]
    if not found:
        records = [(folder, _json(os.path.join(folder, "run.json"))) for folder in folders]
        found = [folder for folder, record in records if word in (record.get("tags") or [])]
        found = found or [folder for folder, record in records if record.get("name") == word]
        found = found[:1]
    if len(found) > 1:
        raise ReadError(f"{path}: {len(found)} runs begin so: {', '.join(map(os.path.basename, found[:5]))}")
    return found[0] if found else path


def _latest(path):
    """The run that ended last if it has results, else the newest that has; else the former."""
    last = None
    if os.path.isfile(os.path.join(path, "latest")):
        with open(os.path.join(path, "latest"), encoding="utf-8", errors="replace") as file:
            name = file.read(256).strip()
        if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise ReadError(f"{os.path.join(path, 'latest')}: it does not name a run")
        last = os.path.join(path, name)
    for folder in ([last] if last else []) + _runs(path):
        record = os.path.join(folder, "run.json")
        if os.path.isfile(record) and _json(record).get("status") in ("done", "missed", "partial"):
            return folder
    return last or path


def _store(folder, given):
    store = given or os.environ.get("DIFFUSIONCLIP_STORE")
    if store:
        return os.fspath(store)
    place = os.path.abspath(folder)
    while True:
        store = os.path.join(place, ".diffusionclip")
        if os.path.isdir(store):
            return store
        if os.path.dirname(place) == place:
            raise ReadError(f"{folder}: there is no store around it: name it, Run(…, store=…)")
        place = os.path.dirname(place)


def _json(path):
    try:
        with open(path, encoding="utf-8") as file, _reading(path, "JSON object"):
            record = json.load(file)
            return record if isinstance(record, dict) else dict(**record)
    except OSError as error:
        raise ReadError(f"{path}: {error.strerror}: name the folder of a run, such as runs/quickstart") from None


_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1",
          "BOOL": "?"}


def _safetensors(data, path):
    try:
        size = struct.unpack("<Q", data[:8])[0]
        header, body = json.loads(data[8:8 + size]), data[8 + size:]
        metadata = header.pop("__metadata__", {})
        tensors = {}
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            piece, shape = body[start:end], entry["shape"]
            if entry["dtype"] == "BF16":
                array = (np.frombuffer(piece, "<u2").astype("<u4") << 16).view("<f4")
            else:
                array = np.frombuffer(piece, _TYPES[entry["dtype"]])
            tensors[name] = array.reshape(shape)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReadError(f"{path}: it is no safetensors file: {error}") from None
    return Weights(tensors, metadata)


def _picture(data, path):
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(data, path)[:, :, :3].astype(np.float32) / 127.5 - 1
    tensors = _safetensors(data, path)
    if "image" not in tensors:
        raise ReadError(f"{path}: it is no picture")
    return tensors["image"]


def _png(data, path):
    """The samples of a PNG as the program writes it: 8 bits, not interlaced; gray comes as [H, W, 3] too."""
    position, pixels, size, channels = 8, b"", None, 0
    try:
        while position < len(data):
            length, kind = struct.unpack(">I4s", data[position:position + 8])
            chunk = data[position + 8:position + 8 + length]
            position += 12 + length
            if kind == b"IHDR":
                width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", chunk)
                channels = {0: 1, 2: 3, 4: 2, 6: 4}.get(color, 0) if depth == 8 and not interlaced else 0
                size = (height, width)
            elif kind == b"IDAT":
                pixels += chunk
        if size is None or channels == 0:
            raise ReadError(f"{path}: a PNG of another form than the program writes: open it with Pillow")
        stride = size[1] * channels
        rows = np.frombuffer(zlib.decompress(pixels), np.uint8).reshape(size[0], stride + 1)
    except (struct.error, zlib.error, ValueError) as error:
        raise ReadError(f"{path}: a damaged PNG: {error}") from None
    image = np.zeros((size[0] + 1, stride + channels), np.uint8)
    for y, row in enumerate(rows):
        _unfilter(row[0], row[1:], image[y, channels:], image[y + 1], channels, path)
    image = image[1:, channels:].reshape(size[0], size[1], channels)
    return image if channels >= 3 else np.repeat(image[:, :, :1], 3, axis=2)


def _unfilter(method, row, above, out, channels, path):
    """Undoes one of PNG's filters (PNG specification, section 9); `out` starts with the zeros left of the picture."""
    if method == 0:
        out[channels:] = row
    elif method == 1:
        out[channels:] = np.cumsum(row.reshape(-1, channels), axis=0, dtype=np.uint8).ravel()
    elif method == 2:
        out[channels:] = row + above
    elif method in (3, 4):
        up = np.concatenate([np.zeros(channels, np.uint8), above]).tolist()
        values = out.tolist()
        for x, value in enumerate(row.tolist()):
            left, top, corner = values[x], up[x + channels], up[x]
            if method == 3:
                guess = (left + top) // 2
            else:
                estimate = left + top - corner
                distances = abs(estimate - left), abs(estimate - top), abs(estimate - corner)
                guess = (left, top, corner)[distances.index(min(distances))]
            values[x + channels] = (value + guess) & 255
        out[:] = values
    else:
        raise ReadError(f"{path}: a damaged PNG: there is no filter {method}")


def _metrics(data, path):
    try:
        numbers = json.loads(data)
        return {name: _number(value) for name, value in numbers.items() if _number(value) is not None}
    except (ValueError, AttributeError) as error:
        raise ReadError(f"{path}: it holds no measures: {error}") from None


def _number(value):
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}.get(value) if isinstance(value, str) else None


def _table(data, path):
    rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    if not rows:
        raise ReadError(f"{path}: the table is empty")
    columns = {}
    for place, name in enumerate(rows[0]):
        cells = [row[place] if place < len(row) else "" for row in rows[1:]]
        try:
            columns[name] = np.array([float(cell) if cell else math.nan for cell in cells])
        except ValueError:
            columns[name] = np.array(cells)
    return columns

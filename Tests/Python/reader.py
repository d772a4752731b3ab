"""What Python reads of a run is what the program wrote.

    python3 Tests/Python/reader.py runs/quickstart

Needs numpy; with Pillow, pictures are compared with what that reads.
"""

import csv
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile

repository = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(repository, "Python"))
import diffusionclip  # noqa: E402
import numpy as np  # noqa: E402

run = diffusionclip.Run(sys.argv[1])
assert run.parameters == {"target": "face with makeup", "return_step": 400}, run.parameters
assert list(run)[:4] == ["base", "clip", "portraits", "latents.latents"], list(run)

# Numbers: those of the table beside the record, and its means.
with open(os.path.join(run.folder, "scores.csv"), encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
assert [row["item"] for row in rows] == list(run["scores"])
for row in rows:
    for measure, value in run["scores"][row["item"]].items():
        assert abs(float(row[measure]) - value) <= 1e-6 * abs(value), (row, measure)
for entry in run.record["measures"]:
    assert abs(run.mean(entry["stage"], entry["measure"]) - entry["mean"]) < 1e-12, entry

# Its names, and those of runs.
assert run.id == os.path.basename(run.folder) and run.recipe == "quickstart" and run.status in ("done", "missed")
home = os.path.dirname(run.folder)
assert diffusionclip.Run(os.path.join(home, run.id[:18])).id == run.id
assert run.id in [other.id for other in diffusionclip.runs(home)]

# Pictures, and what a latent belongs to.
edited, faces, latents = run["edited"], run["portraits"], run["latents"]
assert list(edited) == list(faces) == list(latents) and len(faces) == 10
for name in faces:
    assert edited[name].shape == faces[name].shape == latents[name].latent.shape == (64, 64, 3)
    assert edited[name].dtype == np.float32 and np.isfinite(edited[name]).all()
    assert np.abs(latents[name].image - faces[name]).max() < 1e-6, name
    mae = np.abs(np.clip(edited[name], -1, 1) - faces[name]).mean() / 2
    assert abs(mae - run["scores"][name]["mae"]) < 1e-4, (name, mae)
figure = run["before_after"]
try:
    from PIL import Image
    with Image.open(os.path.join(run.folder, "before_after.png")) as image:
        assert (np.asarray(image.convert("RGB")) == figure[:, :, :3]).all()
except ImportError:
    print("without Pillow: the figure was not compared")

# Weights and tables.
model = run["tuned.model"]
assert model["conv_in.weight"].shape == (32, 3, 3, 3) and "architecture" in model.metadata and model.base is None
assert model["conv_in.weight"].dtype == np.float32 and model["conv_in.weight"].std() > 0
# The file that was loaded has half the precision, of the same numbers.
path = os.path.join(repository, "Fixtures", "models", "portraits-diffusion.safetensors")
with open(path, "rb") as file:
    loaded = diffusionclip._safetensors(file.read(), path)
assert loaded["conv_in.weight"].dtype == np.float16
assert all((np.float32(loaded[name]) == run["base"][name]).all() for name in loaded)
assert set(run["tuned.losses"]) >= {"iteration", "loss"} and np.isfinite(run["tuned.losses"]["loss"]).all()

# What is wrong is said.
def message(work):
    try:
        work()
    except (diffusionclip.ReadError, KeyError) as error:
        return str(error)
    raise AssertionError("no error")


assert "it has 'portrait-0'" in message(lambda: edited["nobody"])
assert "the run has no 'edit'" in message(lambda: run["edit"])
assert "name the folder of a run" in message(lambda: diffusionclip.Run("nowhere"))
with tempfile.TemporaryDirectory() as folder:
    store = os.path.join(folder, "store")
    digest = next(iter(edited._items.values()))["object"]
    place = os.path.join(store, "objects", digest[:2])
    os.makedirs(place)
    other = diffusionclip.Run(run.folder, store=store)
    assert "run the recipe again" in message(lambda: other["edited"]["portrait-0"])
    with open(os.path.join(place, digest), "wb") as file:
        file.write(b"something else")
    assert "it is not what the run made" in message(lambda: other["edited"]["portrait-0"])
# Sweeps, failed runs, items that were made though others failed; what a word stands for.
with tempfile.TemporaryDirectory() as folder:
    def record(ID, **facts):
        os.makedirs(os.path.join(folder, "own", ID))
        with open(os.path.join(folder, "own", ID, "run.json"), "w", encoding="utf-8") as file:
            json.dump({"id": ID, "recipe": "own", "params": {}, "artifacts": [], **facts}, file)

    figure = next(entry for entry in run.record["artifacts"] if entry["stage"] == "edited")
    swept = [{**figure, "stage": f"edited[gain={gain}]"} for gain in (1, 2)]
    record("20261129-100000-000", status="done", artifacts=swept, name="first", tags=["kept"])
    record("20261129-110000-000", status="failed", error="it broke\nsomewhere")
    record("20261129-120000-000", status="failed", unfinished=[{**figure, "items": figure["items"][:2]}])
    with open(os.path.join(folder, "own", "latest"), "w", encoding="utf-8") as file:
        file.write("20261129-120000-000\n")
    own = diffusionclip.Run(os.path.join(folder, "own"), store=run._store)
    assert own.name == "first" and list(own["edited"]) == ["gain=1", "gain=2"]
    assert own["edited"]["gain=2"]["portrait-0"].shape == own["edited[gain=1]"]["portrait-0"].shape
    for word in ["first", "kept", "20261129-100"]:
        assert diffusionclip.Run(os.path.join(folder, "own", word)).id == own.id, word
    failed = diffusionclip.Run(os.path.join(folder, "own", "20261129-11"))
    assert "the run has no results (failed): it broke" in message(lambda: list(failed))
    assert "3 runs begin so" in message(lambda: diffusionclip.Run(os.path.join(folder, "own", "20261129-1")))
    assert len(diffusionclip.Run(os.path.join(folder, "own", "20261129-12"), store=run._store)["edited"]) == 2
    assert [one.status for one in diffusionclip.runs(folder)] == ["failed", "failed", "done"]
for damaged in [b"", b"\xff" * 20, (9).to_bytes(8, "little") + b'{"a": {}}']:
    assert "safetensors" in message(lambda: diffusionclip._safetensors(damaged, "x"))
with tempfile.TemporaryDirectory() as folder:
    good = {"params": {}, "status": "done"}
    item = {"name": "a", "object": "0" * 64}
    for odd in [
        "[" * 100000, "[]", "5", '"x"', "{}", {**good, "artifacts": 5}, {**good, "artifacts": [5]},
        {**good, "artifacts": [{"stage": [], "port": "p", "type": {}, "items": []}]},
        *({**good, "artifacts": [{"stage": "s", "port": "p", "type": "table", "items": items}]}
          for items in [5, {"a": 1}, [5], [{}], [{**item, "object": 5}], [{**item, "name": 5}]]),
    ]:
        with open(os.path.join(folder, "run.json"), "w", encoding="utf-8") as file:
            file.write(odd if isinstance(odd, str) else json.dumps(odd))
        assert "run.json: it is no " in message(lambda: diffusionclip.Run(folder)), odd
    # Objects that are no tables, numbers and pages, under their right digests.
    for kind, data in [("table", b""), ("table", b"\xff"), ("table", b'"' + b"x" * 200000), ("page", b"\xff"),
                       ("metrics", b"[" * 100000), ("metrics", b'{"a": 1' + b"0" * 400 + b"}"), ("metrics", b"5"),
                       ("images", b"\x89PNG\r\n\x1a\n"), ("figure", b""), ("clip", b"")]:
        digest = hashlib.sha256(data).hexdigest()
        store = os.path.join(folder, "store")
        os.makedirs(os.path.join(store, "objects", digest[:2]), exist_ok=True)
        with open(os.path.join(store, "objects", digest[:2], digest), "wb") as file:
            file.write(data)
        entry = {"stage": "s", "port": "p", "type": kind, "items": [{"name": "a", "object": digest}]}
        with open(os.path.join(folder, "run.json"), "w", encoding="utf-8") as file:
            json.dump({**good, "artifacts": [entry]}, file)
        strange = diffusionclip.Run(folder, store=store)
        work = (lambda: strange["s"]["a"]) if kind in ("metrics", "images") else (lambda: strange["s"])
        assert digest in message(work), (kind, data[:9])
print(f"Python reads {run!r}: all is well")

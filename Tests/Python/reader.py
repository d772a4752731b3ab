"""What Python reads of a run is what the program wrote.

    python3 Tests/Python/reader.py runs/quickstart

Needs numpy; with Pillow, pictures are compared with what that reads.
"""

import csv
import io
import os
import shutil
import sys
import tempfile

repository = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(repository, "Python"))
import diffusionclip  # noqa: E402
import numpy as np  # noqa: E402

run = diffusionclip.Run(sys.argv[1])
assert run.parameters == {"target": "face with makeup", "return_step": 500}, run.parameters
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
assert model["conv_in.weight"].dtype == np.float32 and run["base"]["conv_in.weight"].dtype == np.float16
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
for damaged in [b"", b"\xff" * 20, (9).to_bytes(8, "little") + b'{"a": {}}']:
    assert "safetensors" in message(lambda: diffusionclip._safetensors(damaged, "x"))
print(f"Python reads {run!r}: all is well")

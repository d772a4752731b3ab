"""A baseline without a network: color transfer (Reinhard et al. 2001, Color Transfer between Images).

Colors move as they differ between two sets of examples: mean and spread of each channel of the decorrelated space lab,
from those of `before` to those of `after`. How a program of a `script` stage finds its files and what it writes is in
Documentation/scripts.md; numpy and pillow are all that it needs.
"""

import json
import os

import numpy as np
from PIL import Image

# RGB to the responses of the eye's cones, and their logarithms to l, alpha, beta (the paper's equations 4 and 6).
CONES = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
OPPONENTS = np.diag([1 / 3**0.5, 1 / 6**0.5, 1 / 2**0.5]) @ np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]])


def read(path):
    """The picture as lab [H, W, 3]."""
    rgb = np.asarray(Image.open(path).convert("RGB"), dtype=np.float64) / 255
    return np.log10(np.maximum(rgb @ CONES.T, 1 / 512)) @ OPPONENTS.T


def write(path, lab):
    rgb = 10 ** (lab @ np.linalg.inv(OPPONENTS).T) @ np.linalg.inv(CONES).T
    Image.fromarray(np.uint8(np.rint(np.clip(rgb, 0, 1) * 255))).save(path)


def statistics(items):
    colors = np.concatenate([read(item["file"]).reshape(-1, 3) for item in items])
    return colors.mean(0), colors.std(0)


stage = json.load(open("stage.json"))
inputs, outputs = stage["inputs"], stage["outputs"]
strength = stage["parameters"]["strength"]
(mean, spread), (new_mean, new_spread) = (statistics(inputs[name]["items"]) for name in ("before", "after"))
items = outputs["images"]["items"]
print(f"{len(items)} pictures; lab moves by {np.round(new_mean - mean, 3)}")
with os.fdopen(stage["progress"], "w") as progress:
    for number, (source, target) in enumerate(zip(inputs["images"]["items"], items), 1):
        lab = read(source["file"])
        moved = (lab - mean) * new_spread / spread + new_mean
        write(target["file"], lab + strength * (moved - lab))
        print(json.dumps({"completed": number, "total": len(items)}), file=progress, flush=True)

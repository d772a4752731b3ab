"""A metric of one's own: how much detail a picture keeps, as the variance of its Laplacian over that of the original."""

import json

import numpy as np
from PIL import Image


def detail(path):
    gray = np.asarray(Image.open(path).convert("L"), dtype=np.float64) / 255
    laplacian = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:] - 4 * gray[1:-1, 1:-1]
    return laplacian.var()


stage = json.load(open("stage.json"))
images, reference = (stage["inputs"][name]["items"] for name in ("images", "reference"))
for image, original, target in zip(images, reference, stage["outputs"]["scores"]["items"]):
    sharpness = detail(image["file"]) / detail(original["file"])
    json.dump({"sharpness": sharpness}, open(target["file"], "w"))

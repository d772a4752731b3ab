"""Faces that facenet-pytorch finds in photographs, and the frame of FFHQ and CelebA-HQ around them.

Usage: python make_detection_fixtures.py REPOSITORY

Needs torch, torchvision, numpy, scipy, pillow and facenet-pytorch (installed without its pinned dependencies). Writes
Tests/NetworksTests/Fixtures/detection: pictures, what is found in them, and one aligned picture.
"""

import json
import sys
from pathlib import Path

import numpy as np
import scipy.ndimage
import torch
from facenet_pytorch import MTCNN
from PIL import Image

root = Path(sys.argv[1])
target = root / "Tests/NetworksTests/Fixtures/detection"
target.mkdir(parents=True, exist_ok=True)
torch.set_num_threads(1)


def quad(points):
    """The corners of the frame in the order top left, bottom left, bottom right, top right, where pixel i has its center
    at i: the published formula of FFHQ, of the landmarks' means."""
    left, right, _, mouth_left, mouth_right = np.asarray(points, dtype=np.float64)
    eyes, across = (left + right) * 0.5, right - left
    down = (mouth_left + mouth_right) * 0.5 - eyes
    x = across - np.flipud(down) * [-1, 1]
    x /= np.hypot(*x)
    x *= max(np.hypot(*across) * 2.0, np.hypot(*down) * 1.8)
    y = np.flipud(x) * [-1, 1]
    center = eyes + down * 0.1
    return np.stack([center - x - y, center - x + y, center + x + y, center + x - y])


def aligned(image, corners, size, enlargement=4):
    """The frame as FFHQ cuts it out: padded by reflection where it leaves the picture, feathered there, warped with
    bilinear interpolation at a larger size and reduced."""
    side = np.hypot(*(corners[3] - corners[0]))
    shrink = int(np.floor(side / size * 0.5))
    if shrink > 1:
        smaller = (round(image.width / shrink), round(image.height / shrink))
        image = image.resize(smaller, Image.LANCZOS)
        corners, side = corners / shrink, side / shrink
    border = max(round(side * 0.1), 3)
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    extent = np.array([image.width, image.height])
    first, last = np.maximum(low - border, 0), np.minimum(high + border, extent)
    pixels = np.float32(image)[first[1]:last[1], first[0]:last[0]]
    corners = corners - first
    before, after = np.maximum(border - low, 0), np.maximum(high + border - extent, 0)
    if max(*before, *after) > border - 4:
        least = round(side * 0.3)
        before, after = np.maximum(before, least), np.maximum(after, least)
        pixels = np.pad(pixels, ((before[1], after[1]), (before[0], after[0]), (0, 0)), "reflect")
        height, width, _ = pixels.shape
        y, x, _ = np.ogrid[:height, :width, :1]
        mask = np.maximum(
            1 - np.minimum(np.float32(x) / before[0], np.float32(width - 1 - x) / after[0]),
            1 - np.minimum(np.float32(y) / before[1], np.float32(height - 1 - y) / after[1]))
        blurred = scipy.ndimage.gaussian_filter(pixels, [side * 0.02, side * 0.02, 0])
        pixels += (blurred - pixels) * np.clip(mask * 3 + 1, 0, 1)
        pixels += (np.median(pixels, axis=(0, 1)) - pixels) * np.clip(mask, 0, 1)
        pixels = np.clip(np.rint(pixels), 0, 255)
        corners = corners + before
    whole = Image.fromarray(np.uint8(pixels))
    large = size * enlargement
    whole = whole.transform((large, large), Image.QUAD, (corners + 0.5).flatten(), Image.BILINEAR)
    return whole.resize((size, size), Image.LANCZOS)


astronaut = Image.open(root / "Fixtures/photos/astronaut.png").convert("RGB")
photographer = Image.open(root / "Fixtures/photos/photographer.png").convert("RGB")
whole = np.asarray(astronaut)
pair = Image.new("RGB", (260, 150), (90, 110, 130))
pair.paste(astronaut.resize((140, 140), Image.BICUBIC), (4, 6))
pair.paste(astronaut.transpose(Image.FLIP_LEFT_RIGHT).resize((100, 100), Image.BICUBIC), (152, 30))
# A face across the border of two tiles; the tests make this picture themselves.
wide = Image.new("RGB", (1100, 240), (90, 110, 130))
wide.paste(astronaut, (743, 8))
pictures = {
    "rotated": astronaut.rotate(-25, Image.BICUBIC, fillcolor=(128, 128, 128)),
    "cropped": astronaut.crop((52, 50, 190, 196)),
    "darkened": Image.fromarray(np.uint8(whole * 0.3)).crop((30, 0, 200, 170)),
    "shrunk": astronaut.resize((96, 96), Image.BICUBIC),
    "pair": pair,
}
for name, picture in pictures.items():
    picture.save(target / f"{name}.png", optimize=True)

finder = MTCNN(keep_all=True, min_face_size=20, device="cpu")
found = {}
photos = {"astronaut": astronaut, "photographer": photographer, "wide": wide}
for name, picture in (photos | pictures).items():
    boxes, confidences, points = finder.detect(picture, landmarks=True)
    found[name] = [] if boxes is None else [
        {"box": [float(v) for v in box], "confidence": float(confidence),
         "landmarks": [[float(v) for v in point] for point in landmarks], "frame": quad(landmarks).tolist()}
        for box, confidence, landmarks in zip(boxes, confidences, points)
    ]
(target / "faces.json").write_text(json.dumps(found, indent=1) + "\n")

for name, size in [("rotated", 64), ("cropped", 96)]:
    frame = np.array(found[name][0]["frame"])
    picture = aligned(pictures[name], frame, size)
    picture.save(target / f"{name}-aligned.png", optimize=True)
for name, faces in found.items():
    print(name, [(np.round(face["box"]).tolist(), round(face["confidence"], 4)) for face in faces])

"""Hard cases for editing: held-out portraits with something before the face, or in an unusual pose.

Takes the six portraits of

    stages:
      faces:
        synthesize:
          count: 6
          seed: 779
          split: held_out
          attributes: { tan: [natural], makeup: [none], hair_color: [black, brown, blond, red], glasses: [none] }
    outputs: [faces]

as `diffusionclip run` writes them, and draws on them with Pillow 13.0.0:

    python Tests/Fixtures/make_hard_portraits.py runs/base/faces Fixtures/hard
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

SCALE = 8


def draw(face: Image.Image, strokes) -> Image.Image:
    """What `strokes` draws on a canvas of the face, eight times as large, over the face."""
    layer = Image.new("RGBA", (64 * SCALE, 64 * SCALE))
    strokes(ImageDraw.Draw(layer))
    layer = layer.resize((64, 64), Image.LANCZOS)
    return Image.alpha_composite(face.convert("RGBA"), layer).convert("RGB")


def box(x0, y0, x1, y1):
    return [value * SCALE for value in (x0, y0, x1, y1)]


def hand(canvas: ImageDraw.ImageDraw) -> None:
    skin, shade = (214, 160, 128, 255), (176, 122, 96, 255)
    canvas.rounded_rectangle(box(10, 46, 24, 70), 5 * SCALE, skin, shade, 4)
    for x, top in ((9, 33), (13, 29), (17, 29), (21, 32)):
        canvas.rounded_rectangle(box(x, top, x + 4.4, 52), 2 * SCALE, skin, shade, 4)
    canvas.rounded_rectangle(box(22, 41, 33, 46), 2.4 * SCALE, skin, shade, 4)


def cup(canvas: ImageDraw.ImageDraw) -> None:
    canvas.arc(box(38, 43, 50, 55), 0, 360, (206, 210, 216, 255), 14)
    canvas.rounded_rectangle(box(22, 40, 43, 60), 3 * SCALE, (236, 238, 242, 255), (150, 156, 166, 255), 5)
    canvas.ellipse(box(22, 38, 43, 43), (112, 76, 52, 255), (150, 156, 166, 255), 5)


def microphone(canvas: ImageDraw.ImageDraw) -> None:
    canvas.line(box(33, 50, 44, 70), (40, 42, 48, 255), 36)
    canvas.ellipse(box(25, 40, 38, 53), (88, 92, 100, 255), (30, 32, 36, 255), 6)
    for offset in (3, 6, 9):
        canvas.line(box(25 + offset, 41, 25 + offset, 52), (58, 61, 68, 255), 4)


def turned(face: Image.Image, angle: float) -> Image.Image:
    """The head on one side; what comes into view is the background at the corners."""
    corner = face.getpixel((1, 1))
    return face.rotate(angle, Image.BICUBIC, fillcolor=corner)


def close(face: Image.Image) -> Image.Image:
    """Too close, and off the middle."""
    return face.crop((14, 8, 54, 48)).resize((64, 64), Image.BICUBIC)


source, target = Path(sys.argv[1]), Path(sys.argv[2])
target.mkdir(parents=True, exist_ok=True)
faces = [Image.open(path).convert("RGB") for path in sorted(source.glob("*.png"))]
cases = {
    "hand": draw(faces[0], hand),
    "cup": draw(faces[1], cup),
    "microphone": draw(faces[2], microphone),
    "turned": turned(faces[3], 28),
    "upside-down": turned(faces[4], 180),
    "close": close(faces[5]),
}
for name, picture in cases.items():
    picture.save(target / f"{name}.png", optimize=True)

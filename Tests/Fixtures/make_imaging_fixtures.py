"""Makes Tests/ImagingTests/Fixtures: small pictures in every form that is decoded, and what others make of them.

Needs numpy and pillow; run in the repository's root:

    python Tests/Fixtures/make_imaging_fixtures.py

Beside each picture `a.png` is `a.png.rgb` with the pixels expected (rows from the top, interleaved RGB).
PNG files are written here from the specification, since Pillow writes neither 16-bit color nor interlaced ones; Pillow
reads back those that it knows. The sizes of `resized-*.rgb` are in their names.
"""

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageCms, ImageOps, features

OUT = Path("Tests/ImagingTests/Fixtures")
SEED = 20211006
WIDTH, HEIGHT = 13, 9
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
COLOR_TYPES = {"gray": 0, "rgb": 2, "palette": 3, "gray-alpha": 4, "rgba": 6}


def png(samples, kind, bits=8, palette=None, transparency=None, interlaced=False):
    """A PNG file of `samples` (height, width, channels)."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    def rows(part):
        for row in part:
            if bits == 16:
                yield b"\0" + row.astype(">u2").tobytes()
            elif bits == 8:
                yield b"\0" + row.astype("u1").tobytes()
            else:
                digits = "".join(f"{v:0{bits}b}" for v in row.ravel())
                digits += "0" * (-len(digits) % 8)
                yield b"\0" + bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits), 8))

    height, width = samples.shape[:2]
    parts = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    raw = b"".join(b"".join(rows(part)) for part in parts if part.size)
    file = b"\x89PNG\r\n\x1a\n"
    file += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, COLOR_TYPES[kind], 0, 0, interlaced))
    if palette is not None:
        file += chunk(b"PLTE", palette.astype("u1").tobytes())
    if transparency is not None:
        file += chunk(b"tRNS", transparency)
    return file + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def over_white(color, alpha):
    color, alpha = color.astype(np.int64), alpha.astype(np.int64)
    return ((color * alpha + 255 * (255 - alpha)) / 255 + 0.5).astype(np.uint8)


def to8(samples):
    return (samples.astype(np.float64) * 255 / 65535 + 0.5).astype(np.uint8)


def gray_to_rgb(gray):
    return np.repeat(gray, 3, axis=2)


def make_png(save, random):
    def noise(channels, top=256):
        return random.integers(0, top, (HEIGHT, WIDTH, channels))

    rgb, gray, alpha = noise(3), noise(1), noise(1)
    rgba = np.concatenate([rgb, alpha], 2)
    save("rgb.png", png(rgb, "rgb"), rgb, Image.open)
    save("gray.png", png(gray, "gray"), gray_to_rgb(gray), Image.open)
    save("rgba.png", png(rgba, "rgba"), over_white(rgb, alpha))
    save("rgba-interlaced.png", png(rgba, "rgba", interlaced=True), over_white(rgb, alpha))
    save("rgb-interlaced.png", png(rgb, "rgb", interlaced=True), rgb, Image.open)
    both = np.concatenate([gray, alpha], 2)
    save("gray-alpha.png", png(both, "gray-alpha"), gray_to_rgb(over_white(gray, alpha)))
    bit = noise(1, 2)
    save("gray-1-bit.png", png(bit, "gray", bits=1), gray_to_rgb(bit * 255), Image.open)
    nibble = noise(1, 16)
    save("gray-4-bit.png", png(nibble, "gray", bits=4), gray_to_rgb(nibble * 17), Image.open)

    palette, indices = random.integers(0, 256, (16, 3)), noise(1, 16)
    save("palette.png", png(indices, "palette", palette=palette), palette[indices[..., 0]], Image.open)
    save("palette-4-bit.png", png(indices, "palette", 4, palette), palette[indices[..., 0]], Image.open)
    opacity = np.array([0, 128] + [255] * 14)
    seen = over_white(palette[indices[..., 0]], opacity[indices])
    save("palette-transparent.png", png(indices, "palette", 8, palette, bytes([0, 128])), seen)
    keyed = rgb.copy()
    keyed[2:5, 3:9] = (10, 20, 30)
    seen = np.where((keyed == (10, 20, 30)).all(2, keepdims=True), 255, keyed)
    save("rgb-color-key.png", png(keyed, "rgb", transparency=struct.pack(">HHH", 10, 20, 30)), seen)

    deep, deep_gray = noise(3, 65536), noise(1, 65536)
    save("rgb-16-bit.png", png(deep, "rgb", 16), to8(deep))
    (OUT / "rgb-16-bit-interlaced.png").write_bytes(png(deep, "rgb", 16, interlaced=True))
    save("gray-16-bit.png", png(deep_gray, "gray", 16), gray_to_rgb(to8(deep_gray)))


def smooth(width, height):
    """A picture as cameras make them: gradients and an edge."""
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x / (width - 1)
    green = 255 * y / (height - 1)
    blue = np.where(x + y < width, 40, 200)
    return np.stack([red, green, blue], 2).astype(np.uint8)


def make_jpeg(save):
    picture = Image.fromarray(smooth(21, 15))

    def jpeg(image, **options):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=92, **options)
        return buffer.getvalue()

    def expected(file):
        return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file))).convert("RGB"))

    files = {
        "rgb.jpg": jpeg(picture, subsampling=0),
        "rgb-420.jpg": jpeg(picture, subsampling=2),
        "progressive.jpg": jpeg(picture, subsampling=0, progressive=True),
        "gray.jpg": jpeg(picture.convert("L")),
    }
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x010F] = "a camera"
        exif[0x0112] = orientation
        files[f"exif-{orientation}.jpg"] = jpeg(picture, subsampling=0, exif=exif)
    for name, file in files.items():
        save(name, file, expected(file))
    (OUT / "cmyk.jpg").write_bytes(jpeg(picture.convert("CMYK")))


def make_resized(save, random):
    """A picture with all that is hard: noise, edges, gradients, at odd ratios."""
    width, height = 48, 36
    source = smooth(width, height)
    source[4:16, 4:20] = random.integers(0, 256, (12, 16, 3))
    source[20:32:2, 6:22] = 0
    source[21:32:2, 6:22] = 255
    source[20:32, 28:44:2] = (255, 0, 255)
    save("resize.png", png(source, "rgb"), source, Image.open)

    kernels = {"bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
    for name, kernel in kernels.items():
        for size in [(17, 13), (61, 50), (48, 10)]:
            result = np.asarray(Image.fromarray(source).resize(size, kernel))
            save_pixels(f"resized-{name}-{size[0]}x{size[1]}", result)
    return source


def resized(picture, size, box=None):
    """Bicubic, with nothing rounded or clipped on the way: Pillow's float32 pictures, channel by channel."""
    channels = [Image.fromarray(picture[..., c].astype(np.float32)) for c in range(3)]
    return np.stack([np.asarray(c.resize(size, Image.BICUBIC, box)) for c in channels], 2)


def levels(picture):
    return np.clip(np.floor(picture + 0.5), 0, 255)


def make_framed(source):
    """Parts of a picture at other sizes, also beyond its border."""
    save_pixels("framed-24x20", levels(resized(source, (24, 20), (3.25, 2.5, 40.75, 30.0))))
    # A square around it: 6 rows above and below, where there is more than the kernel sees.
    for mode, name in {"symmetric": "reflect", "edge": "edge"}.items():
        padded = np.pad(source, ((24, 24), (0, 0), (0, 0)), mode)
        save_pixels(f"contained-{name}-32x32", levels(resized(padded, (32, 32), (0, 18, 48, 66))))


def keys(d):
    """Keys' cubic convolution with a = -1/2. (Pillow's transform and OpenCV's warps have other values of a.)"""
    d = np.abs(d)
    near, far = (1.5 * d - 2.5) * d * d + 1, -0.5 * (((d - 5) * d + 8) * d - 4)
    return np.where(d < 1, near, np.where(d < 2, far, 0))


def make_pasted(source):
    """A picture turned and scaled on black: where its top left corner lies, its upper and its left side."""
    for name, across, down in [("larger", (50, 18), (-13.5, 37.5)), ("smaller", (20, 7), (-5.25, 15))]:
        size = [min(full, int(np.ceil(np.hypot(*side)))) for full, side in zip((48, 36), (across, down))]
        patch = resized(source, size).astype(np.float64)
        inverse = np.linalg.inv(np.array([across, down]).T / size)
        pasted = np.zeros((70, 80, 3))
        for y, x in np.ndindex(70, 80):
            u, v = inverse @ (x + 0.5 - 20.25, y + 0.5 - 5.4)
            if not (0 < u < size[0] and 0 < v < size[1]):
                continue
            columns = np.floor(u - 0.5).astype(int) + np.arange(-1, 3)
            rows = np.floor(v - 0.5).astype(int) + np.arange(-1, 3)
            part = patch[np.ix_(rows.clip(0, size[1] - 1), columns.clip(0, size[0] - 1))]
            pasted[y, x] = np.einsum("j,i,jic", keys(v - 0.5 - rows), keys(u - 0.5 - columns), part)
        save_pixels(f"pasted-{name}-80x70", levels(pasted))


def make_metadata():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    picture = Image.fromarray(smooth(21, 15))
    for name in ["metadata.jpg", "metadata.png"]:
        picture.save(OUT / name, quality=92, subsampling=0, exif=exif, icc_profile=profile)
        assert Image.open(OUT / name).info["icc_profile"] == profile
    (OUT / "metadata.icc").write_bytes(profile)


def save_pixels(stem, pixels):
    (OUT / f"{stem}.rgb").write_bytes(np.asarray(pixels).astype(np.uint8).tobytes())


def save(name, file, pixels, reader=None):
    (OUT / name).write_bytes(file)
    save_pixels(name, pixels)
    if reader:
        read = np.asarray(reader(io.BytesIO(file)).convert("RGB"))
        assert (read == pixels).all(), f"Pillow reads other pixels from {name}"


def write_provenance():
    lines = [
        "# Provenance",
        "",
        "Made by `Tests/Fixtures/make_imaging_fixtures.py` (which says how) with "
        f"numpy {np.__version__}, Pillow {PIL.__version__} (libjpeg-turbo {features.version('libjpeg_turbo')}), "
        f"seed {SEED}. No outside material; same license as the project.",
        "",
        "| file | SHA-256 |",
        "|---|---|",
    ]
    for path in sorted(OUT.iterdir()):
        if path.name != "PROVENANCE.md":
            lines.append(f"| {path.name} | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |")
    (OUT / "PROVENANCE.md").write_text("\n".join(lines) + "\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    make_png(save, random)
    make_jpeg(save)
    source = make_resized(save, random)
    make_framed(source)
    make_pasted(source)
    make_metadata()
    write_provenance()


main()

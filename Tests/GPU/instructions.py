"""Counts what products and 3×3 convolutions with their gradients execute, with the tiles that graphics cards take, under
Oclgrind: at most one load from global memory for 16 multiply-adds of the result. Prints the table. Ends with status 1 where
a kernel loads more, or Oclgrind finds a race or a bad access, and with 77 where it is not installed. On Debian and Ubuntu
`apt-get install oclgrind` installs what it needs. It takes a minute:

    python Tests/GPU/instructions.py
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KERNELS = Path(__file__).resolve().parents[2] / "Sources/Kernels/GPU"
TILE = 128
LEAST = 16


def buffer(count, content="fill=1"):
    return f"<size={4 * count} float {content}>"


def numbers(*values):
    return [f"<size=4 int> {value}" for value in values]


def cases():
    """Of each: what it is, the kernel, rows, columns and products of each element, and its arguments but for the last: how
    many products are a piece."""
    rows, columns, inner = 128, 192, 160
    yield ("product 128×160 by 160×192", "product", rows, columns, inner,
           [buffer(rows * inner), *numbers(0, 0, inner, 1), buffer(inner * columns), *numbers(0, 0, columns, 1),
            buffer(columns), buffer(rows * columns, "noinit"), *numbers(rows, columns, inner)])
    height, width, channels, outputs = 8, 16, 64, 96
    pixels, taps = height * width, 9
    x, w, y = (pixels * channels, taps * channels * outputs, pixels * outputs)
    geometry = numbers(1, height, width, channels, 3, 3, height, width, outputs, 1, 1, 1, 0)
    shape = f"3×3 of {height}×{width}, {channels} to {outputs} channels"
    yield (shape, "convolution", pixels, outputs, taps * channels,
           [buffer(x), buffer(w), buffer(outputs), buffer(outputs), buffer(y), buffer(y, "noinit"), *geometry])
    yield (shape, "convolution_input_gradient", pixels, channels, taps * outputs,
           [buffer(y), buffer(w), buffer(x, "noinit"), *geometry])
    yield (shape, "convolution_weight_gradient", taps * channels, outputs, pixels,
           [buffer(y), buffer(x), buffer(w, "noinit"), *geometry])


def output_of(folder, kernel, rows, columns, arguments, piece):
    groups = -(-rows // TILE) * -(-columns // TILE)
    (folder / "case.sim").write_text("\n".join(
        ["kernels.cl", kernel, f"{256 * groups} 1 1", "256 1 1", "", *arguments, *numbers(piece), ""]))
    command = ["oclgrind-kernel", "--inst-counts", "--data-races", "--build-options",
               f"-DTILE={TILE} -DDEPTH=16 -DSIDE=8", "case.sim"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def main():
    if not shutil.which("oclgrind-kernel"):
        print("NOT COUNTED: what the kernels load, because Oclgrind is not installed", file=sys.stderr)
        return 77
    failed = False
    print(f"{'kernel':28} {'shape':40} {'piece':>6} {'multiply-adds':>14} {'global loads':>13} {'for a load':>11}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kernels.cl").write_text(
            "\n".join((KERNELS / f"{part}.cl").read_text() for part in ("prelude", "products")))
        for shape, kernel, rows, columns, inner, arguments in cases():
            # In one piece, and in two, which reads what the first one left.
            for piece in (inner, inner // 2):
                status, output = output_of(folder, kernel, rows, columns, arguments, piece)
                counts = {what: int(count) for count, what in re.findall(r"^ +(\d+) - (.*?)(?: \(|\(\)|$)", output, re.M)}
                executed = sum(counts.get(f"call {name}", 0) for name in ("_Z3madfff", "_Z3fmafff"))
                loads, useful = counts.get("load global", 0), rows * columns * inner
                if status or executed < useful or re.search("race|invalid|error", output, re.I):
                    print(output)
                    failed = True
                ratio = useful / loads if loads else 0
                failed = failed or ratio < LEAST
                print(f"{kernel:28} {shape:40} {piece:6} {useful:14} {loads:13} {ratio:11.1f}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

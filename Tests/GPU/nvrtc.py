"""Compiles the kernels for graphics cards with NVRTC for compute capabilities 7.0, 8.0 and 9.0, and prints what each takes:
registers, bytes of shared memory, bytes spilled. Ends with status 1 where one does not compile or a product or convolution
spills. No graphics card and no driver are needed:

    pip install 'nvidia-cuda-nvrtc-cu12==12.9.*'
    python Tests/GPU/nvrtc.py
    python Tests/GPU/nvrtc.py --embed

With --embed it writes them as PTX for compute capability 7.0, which the drivers of all later cards take, too, to
Sources/CGPU/PTX.c, which is part of the program. That has to be done anew whenever a kernel changes; a test says so.
"""

import base64
import ctypes
import glob
import hashlib
import os
import re
import sys
import zlib
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "Sources"
# Each family with the definitions that the program builds it with, as KernelProgram has them.
PROGRAMS = [(family, "") for family in ("elementwise", "shapes", "reductions", "normalization", "products")] + [
    ("products", "-DTILE=128 -DDEPTH=16 -DSIDE=8")] + [
    ("attention", f"-DHEAD={width}") for width in (32, 64, 128, 256, 512)]
# The first version of PTX that knows compute capability 7.0. The kernels need nothing newer, and older drivers refuse newer ones.
PTX_VERSION = "6.0"


def library():
    for folder in sys.path:
        for path in glob.glob(os.path.join(folder, "nvidia/cuda_nvrtc/lib/libnvrtc.so.12")):
            return ctypes.CDLL(path)
    sys.exit("NVRTC is not installed: pip install 'nvidia-cuda-nvrtc-cu12==12.9.*'")


def source_of(family):
    return "\n".join((SOURCES / f"Kernels/GPU/{name}.cl").read_text() for name in ("prelude", family))


def text_of(nvrtc, program, size_function, function):
    size = ctypes.c_size_t()
    getattr(nvrtc, size_function)(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, function)(program, text)
    return text.value.decode()


def compiled(nvrtc, family, definitions, options):
    """The status, the compiler's log, and the PTX."""
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source_of(family).encode(), f"{family}.cl".encode(), 0, None, None)
    options = options + definitions.split()
    status = nvrtc.nvrtcCompileProgram(
        program, len(options), (ctypes.c_char_p * len(options))(*(option.encode() for option in options)))
    log = text_of(nvrtc, program, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog")
    return status, log, "" if status else text_of(nvrtc, program, "nvrtcGetPTXSize", "nvrtcGetPTX")


def table(nvrtc):
    failed = False
    print(f"{'program':48} {'kernel':32} {'':6} registers  shared  spilled")
    for family, definitions in PROGRAMS:
        for architecture in ("sm_70", "sm_80", "sm_90"):
            status, log, _ = compiled(
                nvrtc, family, definitions, [f"--gpu-architecture={architecture}", "--ptxas-options=-v"])
            if status:
                failed = True
                print(log)
                continue
            for part in log.split("Compiling entry function '")[1:]:
                name = part.split("'")[0]
                registers = int(re.search(r"Used (\d+) registers", part)[1])
                shared = int((re.search(r"(\d+) bytes smem", part) or [0, 0])[1])
                spilled = int(re.search(r"(\d+) bytes spill stores", part)[1])
                label = " ".join([family, definitions])
                print(f"{label:48} {name:32} {architecture:6} {registers:9} {shared:7} {spilled:8}")
                failed = failed or spilled > 0 and family == "products"
    return failed


def shortened(ptx):
    """Without comments, empty lines and indentation, and of the version that all drivers take."""
    lines = (re.sub(r"//.*", "", line).strip() for line in ptx.split("\n"))
    text = re.sub(r"[ \t]+", " ", "\n".join(line for line in lines if line)) + "\n"
    return re.sub(r"^\.version .*$", f".version {PTX_VERSION}", text, count=1, flags=re.MULTILINE)


def embed(nvrtc):
    to = SOURCES / "CGPU/PTX.c"
    written = ["// The kernels of Sources/Kernels/GPU as PTX for compute capability 7.0, compressed by zlib, in base64. Written by",
               "// Tests/GPU/nvrtc.py --embed; not to be edited.", '#include "runtime.h"', "",
               "const cgpu_embedded cgpu_embedded_programs[] = {"]
    for family, definitions in PROGRAMS:
        status, log, ptx = compiled(nvrtc, family, definitions, ["--gpu-architecture=compute_70"])
        if status:
            print(log)
            return True
        text = shortened(ptx).encode()
        packed = base64.b64encode(zlib.compress(text, 9)).decode()
        digest = hashlib.sha256(source_of(family).encode()).hexdigest()
        print(f"{family} {definitions}: {len(text)} bytes, {len(packed)} packed")
        written.append(f'    {{"{family}", "{definitions}", "{digest}", {len(text)},')
        written += [f'     "{packed[at:at + 118]}"' for at in range(0, len(packed), 118)]
        written[-1] += "},"
    written += ["};", f"const int cgpu_embedded_count = {len(PROGRAMS)};", ""]
    to.write_text("\n".join(written))
    print(f"{to}: {to.stat().st_size} bytes")
    return False


if __name__ == "__main__":
    sys.exit((embed if sys.argv[1:] == ["--embed"] else table)(library()))

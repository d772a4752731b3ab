"""Compiles the kernels for graphics cards with NVRTC for compute capabilities 7.0, 8.0 and 9.0, and prints what each takes:
registers, bytes of shared memory, bytes spilled. Ends with status 1 where one does not compile or a product or convolution
spills. No graphics card and no driver are needed:

    pip install 'nvidia-cuda-nvrtc-cu12==12.9.*'
    python Tests/GPU/nvrtc.py
"""

import ctypes
import glob
import os
import re
import sys
from pathlib import Path

KERNELS = Path(__file__).resolve().parents[2] / "Sources/Kernels/GPU"
# Each family with the definitions that the program builds it with.
PROGRAMS = [("elementwise", []), ("shapes", []), ("reductions", []), ("products", []),
            ("products", ["-DTILE=128", "-DDEPTH=16", "-DSIDE=8"]), ("normalization", [])] + [
    ("attention", [f"-DHEAD={width}"]) for width in (32, 64, 128, 256, 512)]


def library():
    for folder in sys.path:
        for path in glob.glob(os.path.join(folder, "nvidia/cuda_nvrtc/lib/libnvrtc.so.12")):
            return ctypes.CDLL(path)
    sys.exit("NVRTC is not installed: pip install 'nvidia-cuda-nvrtc-cu12==12.9.*'")


def compiled(nvrtc, family, definitions, architecture):
    source = "\n".join((KERNELS / f"{name}.cl").read_text() for name in ("prelude", family))
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), f"{family}.cl".encode(), 0, None, None)
    options = [f"--gpu-architecture={architecture}", "--ptxas-options=-v", *definitions]
    status = nvrtc.nvrtcCompileProgram(
        program, len(options), (ctypes.c_char_p * len(options))(*(option.encode() for option in options)))
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    return status, log.value.decode()


def main():
    nvrtc, failed = library(), False
    print(f"{'family':30} {'kernel':32} {'':6} registers  shared  spilled")
    for family, definitions in PROGRAMS:
        for architecture in ("sm_70", "sm_80", "sm_90"):
            status, log = compiled(nvrtc, family, definitions, architecture)
            if status:
                failed = True
                print(log)
                continue
            for part in log.split("Compiling entry function '")[1:]:
                name = part.split("'")[0]
                registers = int(re.search(r"Used (\d+) registers", part)[1])
                shared = int((re.search(r"(\d+) bytes smem", part) or [0, 0])[1])
                spilled = int(re.search(r"(\d+) bytes spill stores", part)[1])
                label = " ".join([family, *(text[2:] for text in definitions)])
                print(f"{label:30} {name:32} {architecture:6} {registers:9} {shared:7} {spilled:8}")
                failed = failed or spilled > 0 and family == "products"
    sys.exit(failed)


if __name__ == "__main__":
    main()

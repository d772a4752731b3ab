#!/usr/bin/env python3
"""Packs a tree of files as a Python wheel that carries a program and no module.

usage: wheel.py --tree FOLDER --version VERSION --platform TAG --readme FILE --license FILE... --time SECONDS --level LEVEL --to FOLDER

What lies in `bin` of the tree gets into an environment's `bin`, all else under the environment's folder as it lies in
the tree. The same tree gives the same bytes. Prints the path of the wheel.
"""

import argparse
import base64
import hashlib
import os
import time
import zipfile

NAME = "diffusionclip"


def files(tree):
    """The files of the tree with the places that they have in the wheel, sorted by these."""
    found = []
    for folder, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(folder, name)
            place = os.path.relpath(path, tree)
            is_program = place.startswith("bin/")
            found.append((("scripts/" + place[len("bin/"):] if is_program else "data/" + place), path, is_program))
    return sorted(found)


def metadata(version, readme, licenses):
    lines = [
        "Metadata-Version: 2.1",
        "Name: " + NAME,
        "Version: " + version,
        "Summary: Text-guided image editing with diffusion models, as recipes, on any CPU",
        "License: MIT",
        "Platform: manylinux",
        "Classifier: Environment :: Console",
        "Classifier: Intended Audience :: Science/Research",
        "Classifier: License :: OSI Approved :: MIT License",
        "Classifier: Operating System :: POSIX :: Linux",
        "Classifier: Topic :: Scientific/Engineering :: Image Processing",
    ]
    lines += ["License-File: " + os.path.basename(file) for file in licenses]
    lines += ["Description-Content-Type: text/markdown", "", readme]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    for name in ["--tree", "--version", "--platform", "--readme", "--to"]:
        parser.add_argument(name, required=True)
    parser.add_argument("--license", required=True, nargs="+")
    parser.add_argument("--time", required=True, type=int)
    parser.add_argument("--level", required=True, type=int)
    options = parser.parse_args()

    tag = "py3-none-" + options.platform
    stem = NAME + "-" + options.version
    info = stem + ".dist-info/"
    with open(options.readme, encoding="utf-8") as file:
        readme = file.read()
    # A zip file counts years from 1980, and in steps of two seconds.
    date = max(time.gmtime(options.time)[:6], (1980, 1, 1, 0, 0, 0))
    record = []
    path = os.path.join(options.to, stem + "-" + tag + ".whl")
    with zipfile.ZipFile(path, "w") as wheel:

        def add(place, data, is_program=False):
            entry = zipfile.ZipInfo(place, date)
            entry.create_system = 3
            entry.external_attr = (0o100755 if is_program else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data, compresslevel=options.level)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append("%s,sha256=%s,%d" % ('"' + place + '"' if "," in place else place, digest, len(data)))

        for place, file, is_program in files(options.tree):
            with open(file, "rb") as opened:
                add(stem + ".data/" + place, opened.read(), is_program)
        for license in options.license:
            with open(license, "rb") as opened:
                add(info + "licenses/" + os.path.basename(license), opened.read())
        add(info + "METADATA", metadata(options.version, readme, options.license).encode())
        about = ["Wheel-Version: 1.0", "Generator: Packaging/wheel.py", "Root-Is-Purelib: false", "Tag: " + tag, ""]
        add(info + "WHEEL", "\n".join(about).encode())
        record.append(info + "RECORD,,")
        entry = zipfile.ZipInfo(info + "RECORD", date)
        entry.create_system = 3
        entry.external_attr = 0o100644 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        wheel.writestr(entry, "\n".join(record) + "\n", compresslevel=options.level)
    print(path)


main()

"""Makes each network of the catalog (`diffusionclip weights list`) at its full size in the format in which it is
published, and has diffusionclip read it. Weights are random, but LPIPS's heads, MTCNN and CLIP's vocabulary, which
Python packages ship.

Needs torch, torchvision, diffusers, transformers, open_clip_torch, safetensors, the packages lpips and facenet-pytorch
(installed, whatever versions they ask for; they are not imported), a release build of diffusionclip and 7 GB of disk
where temporary files go. Takes minutes; it is no part of the tests. With names, only those entries:

    python Tests/Parity/catalog.py .build/release/diffusionclip celeba-hq clip-vit-b-16

For each entry: every file has the size that the catalog states, within a thousandth, or its very digest; `inspect`
tells the model, lacks nothing and counts the parameters that the network in PyTorch has; `check` and `run` of a recipe
that loads it with the catalog's hints succeed, and what is stored is that model, for pictures of the right size; and
`check` refuses a diffusion model under the preset of another, or another network as a diffusion model.
Exit status 1 where one of these is not so.

Sizes tell containers: besides its numbers, a tensor takes some 200 bytes in PyTorch's files before 1.6, and 400 since.
Where no size is stated (churches, bedrooms, dogs, both of ImageNet at 512²), the container is that of the entry's kin.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import OrderedDict
from functools import partial
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/Fixtures"))
import reference_networks as reference  # noqa: E402

TOLERANCE = 1e-3
# The published one names the 150 classes, whose names no package has.
UNEQUAL = {"config.json"}


def count(state, without=()):
    return sum(v.numel() for k, v in state.items() if v.is_floating_point() and not k.startswith(without))


def read(path):
    return torch.load(path, map_location="cpu", weights_only=True)


def save(state, target, old):
    torch.save(state, target, _use_new_zipfile_serialization=not old)


def packaged(package, *parts):
    """A file that a Python package ships, without importing it."""
    specification = importlib.util.find_spec(package)
    if specification is None:
        sys.exit(f"install the Python package {package}")
    return Path(specification.submodule_search_locations[0]).joinpath(*parts)


# Each makes the files of an entry in a folder, and returns what `inspect` calls them and their number of parameters.


def make_ddpm(file, folder):
    state = reference.DDPMUNet().state_dict()
    save(state, folder / file, old=True)
    return "official DDPM checkpoint", count(state)


def make_diffusers(folder):
    from diffusers import UNet2DModel

    plain = [""] * 4
    model = UNet2DModel(
        sample_size=256, block_out_channels=(128, 128, 256, 256, 512, 512), layers_per_block=2,
        down_block_types=[f"{attention}DownBlock2D" for attention in [*plain, "Attn", ""]],
        up_block_types=[f"{attention}UpBlock2D" for attention in ["", "Attn", *plain]], freq_shift=1,
        flip_sin_to_cos=False, downsample_padding=0, norm_eps=1e-6, attention_head_dim=None)
    old = {}
    for key, value in model.state_dict().items():
        for new, name in [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")]:
            key = key.replace(new, name)
        old[key] = value
    save(old, folder / "diffusion_pytorch_model.bin", old=False)
    return "diffusers UNet2DModel", count(old)


def make_guided(file, old, *architecture, folder, **options):
    state = reference.GuidedUNet(*architecture, **options).state_dict()
    save(state, folder / file, old)
    return "guided-diffusion checkpoint", count(state, without="label_emb.")


def make_clip(file, dimensions, vision, width, folder):
    import open_clip

    text = dict(context_length=77, vocab_size=49408, width=width, heads=width // 64, layers=12)
    model = open_clip.model.CLIP(dimensions, dict(image_size=224, **vision), text, quick_gelu=True).eval()
    for name, value in [("input_resolution", 224), ("context_length", 77), ("vocab_size", 49408)]:
        model.__dict__.pop(name, None)
        model.register_buffer(name, torch.tensor(value))
    with torch.no_grad():
        whole = torch.jit.trace_module(
            model, {"forward": (torch.zeros(1, 3, 224, 224), torch.zeros(1, 77, dtype=torch.long))}, check_trace=False)
    # Halves are the weights of convolutions, of linear layers and of attention, and both projections.
    open_clip.model.convert_weights_to_lp(model)
    types = {name: parameter.dtype for name, parameter in model.named_parameters()}
    assert set(types.values()) == {torch.float16, torch.float32}
    for name, parameter in whole.named_parameters():
        parameter.data = parameter.data.to(types[name])
    torch.jit.save(whole, str(folder / file))
    shutil.copy(open_clip.tokenizer.default_bpe(), folder / "bpe_simple_vocab_16e6.txt.gz")
    return "CLIP of OpenAI or open_clip", count(model.state_dict())


def make_arcface(folder):
    state = reference.IRSE().state_dict()
    for key in [key for key in state if key.endswith("num_batches_tracked")]:
        del state[key]
    save(state, folder / "model_ir_se50.pth", old=True)
    return "ArcFace IR-SE50", count(state)


def make_bisenet(folder):
    state = reference.BiSeNet().state_dict()
    save(state, folder / "79999_iter.pth", old=True)
    return "BiSeNet for faces", count(state, without=("conv_out16.", "conv_out32."))


def make_mtcnn(folder):
    total = 0
    for name in ["pnet", "rnet", "onet"]:
        shutil.copy(packaged("facenet_pytorch", "data", f"{name}.pt"), folder)
        total += count(read(folder / f"{name}.pt"))
    return "MTCNN of facenet-pytorch", total


def make_lpips(heads, trunk, file, old, bare, folder):
    """`bare`: parameters, and none of what state_dict() tells of modules, as files have that are as old as PyTorch."""
    import torchvision

    shutil.copy(packaged("lpips", "weights", "v0.1", f"{heads}.pth"), folder)
    state = torchvision.models.get_model(trunk, weights=None).state_dict()
    if bare:
        state = OrderedDict((key, torch.nn.Parameter(value)) for key, value in state.items())
    # Into an open file, the archive is called "archive" inside, as in theirs.
    with open(folder / file, "wb") as opened:
        save(state, opened, old)
    return "LPIPS", count(read(folder / f"{heads}.pth")) + count(state, without="classifier.")


def make_segformer(folder):
    from transformers import SegformerConfig, SegformerForSemanticSegmentation
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = SegformerForSemanticSegmentation(SegformerConfig(num_labels=150))
    model.save_pretrained(folder)
    return "SegFormer of Hugging Face", count(model.state_dict())


SMALL = (128, [128, 128, 256, 256, 512, 512], [0, 0, 0, 0, 1, 0], 1)
LARGE = (256, [256, 256, 512, 512, 1024, 1024], [0, 0, 0, 1, 1, 1], 2)
LARGEST = (256, [128, 256, 256, 512, 512, 1024, 1024], [0, 0, 0, 0, 1, 1, 1], 2)


def transformer(layers, width, patch):
    return dict(layers=layers, width=width, patch_size=patch)


MAKERS = {
    "celeba-hq": partial(make_ddpm, "celeba_hq.ckpt"),
    "ddpm-celebahq-256": make_diffusers,
    "lsun-church": partial(make_ddpm, "church_outdoor.ckpt"),
    "lsun-bedroom": partial(make_ddpm, "bedroom.ckpt"),
    "afhq-dog": partial(make_guided, "afhq_dog_4m.pt", False, *SMALL),
    "ffhq": partial(make_guided, "ffhq_10m.pt", False, *SMALL),
    "imagenet-512-classes": partial(make_guided, "512x512_diffusion.pt", True, *LARGEST, classes=1000),
    "imagenet-512": partial(make_guided, "512x512_diffusion_uncond_finetune_008100.pt", False, *LARGEST),
    "imagenet-256": partial(make_guided, "256x256_diffusion_uncond.pt", True, *LARGE),
    "clip-vit-b-16": partial(make_clip, "ViT-B-16.pt", 512, transformer(12, 768, 16), 512),
    "clip-vit-b-32": partial(make_clip, "ViT-B-32.pt", 512, transformer(12, 768, 32), 512),
    "clip-vit-l-14": partial(make_clip, "ViT-L-14.pt", 768, transformer(24, 1024, 14), 768),
    "clip-rn50": partial(make_clip, "RN50.pt", 1024, dict(layers=(3, 4, 6, 3), width=64), 512),
    "arcface": make_arcface,
    "bisenet": make_bisenet,
    "mtcnn": make_mtcnn,
    "lpips-alex": partial(make_lpips, "alex", "alexnet", "alexnet-owt-7be5be79.pth", False, False),
    "lpips-vgg": partial(make_lpips, "vgg", "vgg16", "vgg16-397923af.pth", True, True),
    "lpips-squeeze": partial(make_lpips, "squeeze", "squeezenet1_1", "squeezenet1_1-b8a52dc0.pth", False, True),
    "segformer-b0-ade": make_segformer,
}


def ask(folder, *command):
    """Exit status, what it printed and what it complained of."""
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return answer.returncode, answer.stdout, answer.stderr.strip()


def recipe(folder, name, load):
    path = folder / f"{name}.yaml"
    stage = {"load": load}
    path.write_text(f"recipe: {name}\nstages:\n  it: {json.dumps(stage)}\noutputs: [it]\n")
    return str(path)


def compare(folder, entry, faults):
    """Rows of the entry's files: name, bytes made, bytes stated, and how they differ."""
    rows, names = [], [file["name"] for file in entry["files"]]
    made = [path.name for path in folder.iterdir()]
    if sorted(made) != sorted(names):
        faults.append(f"the catalog has the files {names}, made were {made}")
    for file in entry["files"]:
        path, stated = folder / file["name"], file["bytes"]
        size = path.stat().st_size
        if file["sha256"] and size == stated and hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]:
            difference = "the published file"
        elif stated is None:
            difference = "no size stated"
        else:
            difference = f"{size / stated - 1:+.1e}" if size != stated else "same size"
            if path.name in UNEQUAL:
                difference += ", as expected"
            elif abs(size / stated - 1) > TOLERANCE:
                faults.append(f"{path.name} has {size:,} bytes, and {stated:,} in the catalog")
        rows.append((path.name, f"{size:,}", f"{stated:,}" if stated else "", difference))
    return rows


def examine(program, entry, place):
    """Rows of the table for an entry, and what is wrong."""
    faults, folder = [], place / "files"
    folder.mkdir()
    model, parameters = MAKERS[entry["name"]](folder=folder)
    rows = compare(folder, entry, faults)
    path = str(folder / entry["files"][0]["name"] if len(entry["files"]) == 1 else folder)

    status, shown, complaint = ask(place, program, "inspect", "--json", path)
    told = json.loads(shown) if status == 0 else {}
    expected = {"kind": entry["parameter"], "model": model, "parameters": parameters, "problems": []}
    for key, value in expected.items():
        if told.get(key) != value:
            faults.append(f"inspect says that {key} is {told.get(key)}, not {value} {complaint}".strip())

    good = recipe(place, "good", {entry["parameter"]: path, **entry["hints"]})
    status, shown, complaint = ask(place, program, "check", good)
    if status != 0:
        faults.append(f"check: status {status}: {shown}{complaint}")
    start = time.time()
    status, shown, complaint = ask(place, program, "run", good, "--runs", "runs")
    seconds = time.time() - start
    if status != 0:
        faults.append(f"run: status {status}: {shown}{complaint}")
    else:
        stored = max((place / "store/objects").rglob("*"), key=lambda path: path.stat().st_size)
        kept = json.loads(ask(place, program, "inspect", "--json", str(stored))[1])
        expected = {"kind": entry["parameter"], "parameters": parameters}
        found = {key: kept[key] for key in expected}
        if entry["parameter"] == "diffusion":
            expected["resolution"] = 512 if entry["name"].startswith("imagenet-512") else 256
            found["resolution"] = kept["configuration"]["resolution"]
        if found != expected:
            faults.append(f"what was loaded has {found}, not {expected}")

    # A preset is known by the kind of U-Net and by its levels.
    other = "imagenet-512" if entry["hints"].get("preset") in ("afhq-dog", "ffhq") else "ffhq"
    if entry["hints"].get("resolution") == 256:
        other = "imagenet-512"
    wrong = {"preset": other} if entry["parameter"] == "diffusion" else {}
    status, shown, complaint = ask(place, program, "check", recipe(place, "wrong", {"diffusion": path, **wrong}))
    if status not in (1, 2) or not complaint or wrong and other not in complaint:
        faults.append(f"check of a wrong {'preset' if wrong else 'parameter'}: status {status}: {shown}{complaint}")
    else:
        complaint = complaint.splitlines()[0].replace(f"{place}/", "")
        print(f"  refused as {other if wrong else 'diffusion model'}: {complaint}")
    print("; ".join([f"  {model}, {parameters:,} parameters, loaded in {seconds:.1f} s", *told.get("notes", [])]))
    return [(entry["name"] if not index else "", *row, "" if index else f"{seconds:.1f} s",
             "" if index else "wrong" if faults else "right") for index, row in enumerate(rows)], faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    # TorchScript, in which OpenAI publishes, is on its way out.
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch.set_num_threads(1)
    torch.manual_seed(20220618)
    program = os.path.abspath(arguments.program)
    listed = subprocess.run([program, "weights", "list", "--json"], capture_output=True, check=True).stdout
    entries = {entry["name"]: entry for entry in json.loads(listed)["entries"]}
    names = arguments.names or list(entries)
    if unknown := [name for name in names if name not in entries or name not in MAKERS]:
        sys.exit(f"not in the catalog, or not made here: {', '.join(unknown)}")
    table, wrong = [("entry", "file", "bytes", "stated", "difference", "load", "")], 0
    for name in names:
        print(name, flush=True)
        with tempfile.TemporaryDirectory() as place:
            os.environ["DIFFUSIONCLIP_STORE"] = place + "/store"
            rows, faults = examine(program, entries[name], Path(place))
        for fault in faults:
            print(f"  WRONG: {fault}")
        table += rows
        wrong += bool(faults)
    widths = [max(map(len, column)) for column in zip(*table)]
    for row in table:
        cells = [cell.rjust(width) if index in (2, 3) else cell.ljust(width)
                 for index, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    print(f"{len(names)} entries, {wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

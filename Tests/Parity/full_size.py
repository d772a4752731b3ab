"""Runs diffusionclip on networks of the official sizes, with random weights in the formats of the published files, and
compares what comes out with PyTorch. Prints the largest relative error, time and memory of both.

Needs torch, torchvision, transformers, open_clip_torch, lpips, safetensors and Pillow, a release build of
diffusionclip, some 10 GB of disk for `imagenet-512`, else 3 GB. Takes minutes; it is no part of the tests:

    python Tests/Parity/full_size.py .build/release/diffusionclip celeba-hq afhq clip measures

Cases: celeba-hq, afhq, imagenet-512 (the U-Nets: load, then DDIM inversion with two evaluations), clip (ViT-B/16, by
s_dir), measures (LPIPS alex and vgg, IR-SE50, BiSeNet, SegFormer-B0). And whole recipes, on one picture of each kind
to learn from and one to edit, where nothing is compared, but they have to finish with finite numbers: recipe, one of
Recipes/celeba-hq; paper, the four applications and a table of Recipes/paper, each model tuned in one update; eighth,
what one attribute takes to learn at 256² by the paper's way and by `quick` of Recipes/beyond.yaml, timed on two pictures.
"""

import argparse
import csv
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/Fixtures"))
import reference_networks as reference  # noqa: E402


def randomize(module):
    with torch.no_grad():
        for name, tensor in list(module.named_parameters()) + list(module.named_buffers()):
            if not tensor.is_floating_point() or name == "attn_mask":
                continue
            if tensor.ndim > 1:
                tensor.normal_(0, 1 / math.sqrt(tensor[0].numel()))
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith("logit_scale"):
                tensor.fill_(math.log(100))
            else:
                tensor.normal_(1.0 if name.endswith("weight") and tensor.ndim == 1 else 0.0, 0.1)
    return module.eval()


def run(command, folder, statuses=(0,)):
    """Seconds, peak memory in MB and output of a command."""
    start, peak = time.time(), 0
    with tempfile.TemporaryFile() as file:
        process = subprocess.Popen(command, cwd=folder, stdout=file, stderr=subprocess.STDOUT)
        # What the system reports at the end counts the memory of this process, from which it was forked.
        while process.poll() is None:
            try:
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                peak = max([peak] + [int(line.split()[1]) for line in lines if line.startswith("VmHWM")])
            except (OSError, ValueError):
                pass
            time.sleep(0.02)
        file.seek(0)
        output = file.read().decode()
    if process.returncode not in statuses:
        sys.exit(f"{' '.join(command)} failed:\n{output}")
    return time.time() - start, peak / 1024, output


def picture(folder, name, side, seed):
    generator = np.random.default_rng(seed)
    coarse = (255 * generator.random((side // 16, side // 16, 3))).astype(np.uint8)
    image = Image.fromarray(coarse).resize((side, side), Image.BICUBIC)
    image.save(folder / f"{name}.png")
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255 * 2 - 1


def load_time(program, folder, recipe, path, model_bytes):
    """Times `inspect` and the stage `load` of the file against reading and hashing it, the file being in memory."""
    data = path.read_bytes()
    start = time.time()
    hashlib.sha256(path.read_bytes()).hexdigest()
    reading = time.time() - start
    del data
    seconds, peak, _ = run([program, "run", str(recipe), "--only", "base"], folder)
    print(f"  file {path.stat().st_size / 1e6:.0f} MB: read and hashed in {reading:.2f} s (Python); the stage load, with "
          f"its two digests and the write to disk: {seconds:.2f} s, peak {peak:.0f} MB, "
          f"{peak * 1048576 / model_bytes:.2f} of the model")


def unet(program, name, model, folder, side, hints, evaluate):
    suffix = "ckpt" if name == "celeba-hq" else "pt"
    path = folder / f"{name}.{suffix}"
    torch.save(model.state_dict(), path)
    x = picture(folder, "picture", side, 1)
    recipe = folder / "recipe.yaml"
    recipe.write_text(f"""recipe: parity
stages:
  base: {{ load: {{ diffusion: {path.name}, {hints} }} }}
  pictures: {{ load: {{ images: picture.png }} }}
  latents: {{ invert: {{ images: pictures, model: base, return_step: 500, steps: 3 }} }}
outputs: [latents]
""")
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{name}: {parameters:,} parameters in {len(list(model.parameters()))} tensors")
    load_time(program, folder, recipe, path, 4 * parameters)
    seconds, peak, _ = run([program, "run", str(recipe)], folder)
    run([program, "export", str(recipe), "latents", "--to", "out"], folder)
    ours = load_file(next((folder / "out").rglob("*.safetensors")))["latent"]

    alphas = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    start = time.time()
    with torch.no_grad():
        for t, after in [(0, 250), (250, 500)]:
            noise = evaluate(x, torch.tensor([float(t)]))
            a, b = alphas[t], alphas[after]
            x = (b.sqrt() * (x - (1 - a).sqrt() * noise) / a.sqrt() + (1 - b).sqrt() * noise).float()
    torch_seconds = time.time() - start
    theirs = x[0].permute(1, 2, 0).numpy()
    error = np.abs(ours - theirs).max() / np.abs(theirs).max()
    print(f"  two evaluations at {side}²: relative error {error:.1e}; diffusionclip {seconds:.1f} s in all, "
          f"peak {peak:.0f} MB; PyTorch {torch_seconds:.1f} s")
    return error


def make_celeba(program, folder):
    model = randomize(reference.DDPMUNet())
    return unet(program, "celeba-hq", model, folder, 256, "preset: celeba-hq", model)


def make_afhq(program, folder):
    model = randomize(reference.GuidedUNet(128, [128, 128, 256, 256, 512, 512], [0, 0, 0, 0, 1, 0], 1))
    return unet(program, "afhq", model, folder, 256, "preset: afhq-dog", lambda x, t: model(x, t)[:, :3])


def make_imagenet(program, folder):
    model = randomize(reference.GuidedUNet(
        256, [128, 256, 256, 512, 512, 1024, 1024], [0, 0, 0, 0, 1, 1, 1], 2, classes=1000))
    return unet(program, "imagenet-512", model, folder, 512, "preset: imagenet-512", lambda x, t: model(x, t)[:, :3])


def metrics(program, folder, recipe):
    seconds, peak, _ = run([program, "run", str(recipe)], folder)
    values = {}
    for stage in ["scores", "more"]:
        if stage + ":" not in recipe.read_text():
            continue
        shown = subprocess.run([program, "export", str(recipe), stage, "--to", f"out-{stage}"], cwd=folder,
                               capture_output=True, text=True, check=True)
        for path in (folder / f"out-{stage}").rglob("*.csv"):
            row = next(csv.DictReader(path.read_text().splitlines()))
            values |= {f"{stage}.{k}": float(v) for k, v in row.items() if k != "item"}
        assert values, shown.stdout
    return values, seconds, peak


def save_clip(weights):
    """A ViT-B/16 with random weights in OpenAI's format, in a new folder."""
    import open_clip

    vision = dict(image_size=224, layers=12, width=768, patch_size=16)
    text = dict(context_length=77, vocab_size=49408, width=512, heads=8, layers=12)
    model = randomize(open_clip.model.CLIP(512, vision, text, quick_gelu=True))
    weights.mkdir()
    with torch.no_grad():
        whole = torch.jit.trace_module(
            model, {"forward": (torch.zeros(1, 3, 224, 224), torch.zeros(1, 77, dtype=torch.long))})
    torch.jit.save(whole, str(weights / "ViT-B-16.pt"))
    shutil.copy(open_clip.tokenizer.default_bpe(), weights / "bpe_simple_vocab_16e6.txt.gz")
    return model


def make_clip(program, folder):
    import open_clip

    model = save_clip(folder / "clip")
    a, b = picture(folder, "a", 256, 1), picture(folder, "b", 256, 2)
    (folder / "edited").mkdir()
    shutil.copy(folder / "b.png", folder / "edited/a.png")
    recipe = folder / "recipe.yaml"
    recipe.write_text("""recipe: parity
stages:
  clip: { load: { clip: clip } }
  before: { load: { images: a.png } }
  after: { load: { images: edited/a.png } }
  scores:
    metric: { images: after, reference: before, clip: clip, source: face, target: angry face, measures: [s_dir] }
outputs: [scores]
""")
    values, seconds, peak = metrics(program, folder, recipe)

    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]

    def image(x):
        x = F.interpolate((x + 1) / 2, size=(224, 224), mode="bicubic", align_corners=False)
        return F.normalize(model.encode_image((x - mean) / deviation))

    templates = (ROOT / "Tests/DiffusionTests/Fixtures/templates.txt").read_text().strip().split("\n")

    def texts(words):
        tokens = open_clip.tokenizer.SimpleTokenizer()([t.replace("{}", words) for t in templates])
        return F.normalize(model.encode_text(tokens))

    with torch.no_grad():
        direction = F.normalize((texts("angry face") - texts("face")).mean(0, keepdim=True))
        change = image(b) - image(a)
        s_dir = (change / (change.norm() + 1e-7) * direction).sum().item()
    error = abs(values["scores.s_dir"] - s_dir)
    count = sum(p.numel() for p in model.parameters())
    print(f"clip: ViT-B/16, {count:,} parameters, as TorchScript; s_dir {values['scores.s_dir']:.7f}, PyTorch {s_dir:.7f}, "
          f"difference {error:.1e}; {seconds:.1f} s, peak {peak:.0f} MB")
    return error


def make_measures(program, folder):
    import lpips
    import torchvision
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    a, b = picture(folder, "a", 256, 1), picture(folder, "b", 256, 2)
    (folder / "edited").mkdir()
    shutil.copy(folder / "b.png", folder / "edited/a.png")
    distances = {}
    for net, trunk in [("alex", "alexnet"), ("vgg", "vgg16")]:
        whole = torchvision.models.get_model(trunk, weights=None)
        (folder / net).mkdir()
        distance = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
        state = {k: v for k, v in whole.state_dict().items()}
        torch.save(state, folder / net / f"{trunk}.pth")
        shutil.copy(Path(lpips.__file__).parent / f"weights/v0.1/{net}.pth", folder / net)
        slices = {k: v for k, v in distance.net.state_dict().items()}
        distance.net.load_state_dict({k: state["features." + k.split(".", 1)[1]] for k in slices})
        distances[net] = distance
    face = randomize(reference.IRSE())
    torch.save(face.state_dict(), folder / "model_ir_se50.pth")
    parts = randomize(reference.BiSeNet())
    torch.save(parts.state_dict(), folder / "79999_iter.pth")
    scenes = randomize(SegformerForSemanticSegmentation(SegformerConfig(num_labels=150)))
    scenes.save_pretrained(folder / "segformer")
    recipe = folder / "recipe.yaml"
    recipe.write_text("""recipe: parity
stages:
  alex: { load: { perceptual: alex } }
  vgg: { load: { perceptual: vgg } }
  face: { load: { identity: model_ir_se50.pth } }
  parts: { load: { segmenter: 79999_iter.pth } }
  scenes: { load: { segmenter: segformer } }
  before: { load: { images: a.png } }
  after: { load: { images: edited/a.png } }
  scores:
    metric:
      { images: after, reference: before, perceptual: alex, identity: face, segmenter: parts,
        measures: [perceptual, identity, sc] }
  more:
    metric: { images: after, reference: before, perceptual: vgg, segmenter: scenes, measures: [perceptual, sc] }
outputs: [scores, more]
""")
    values, seconds, peak = metrics(program, folder, recipe)
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]

    def resized(x):
        x = F.interpolate(x, size=(512, 512), mode="bilinear", align_corners=False)
        return ((x + 1) / 2 - mean) / deviation

    def consistency(labels):
        return (labels(a) == labels(b)).float().mean().item()

    with torch.no_grad():
        theirs = {
            "scores.perceptual": distances["alex"](a, b).item(), "more.perceptual": distances["vgg"](a, b).item(),
            "scores.identity": (face.of_portraits(a) * face.of_portraits(b)).sum().item(),
            "scores.sc": consistency(lambda x: parts(resized(x)).argmax(1)),
            "more.sc": consistency(lambda x: F.interpolate(
                scenes(resized(x)).logits, size=(512, 512), mode="bilinear", align_corners=False).argmax(1)),
        }
    worst = 0
    for name, value in theirs.items():
        print(f"  {name}: {values[name]:.7f}, PyTorch {value:.7f}")
        worst = max(worst, abs(values[name] - value) / max(abs(value), 1e-3) if "sc" not in name.split(".")[1] else
                    abs(values[name] - value))
    print(f"measures: largest difference {worst:.1e}; {seconds:.1f} s, peak {peak:.0f} MB")
    return worst


def make_world(folder, pictures):
    """Weights of all networks for faces, one picture in each of the folders, and the recipes."""
    weights = folder / "Weights"
    weights.mkdir()
    torch.save(randomize(reference.DDPMUNet()).state_dict(), weights / "celeba_hq.ckpt")
    torch.save(randomize(reference.IRSE()).state_dict(), weights / "model_ir_se50.pth")
    torch.save(randomize(reference.BiSeNet()).state_dict(), weights / "79999_iter.pth")
    save_clip(weights / "clip")
    for seed, part in enumerate(pictures):
        place = folder / "Pictures/celeba-hq" / part
        place.mkdir(parents=True)
        picture(place, "a", 256, seed)
    shutil.copytree(ROOT / "Recipes", folder / "Recipes")


def finish(program, folder, recipe, *settings):
    """Runs a recipe, twice. Expectations may fail: the networks know nothing."""
    command = [program, "run", str(folder / "Recipes" / recipe), *settings, "--runs", "runs", "--json"]

    def finished(output):
        # What was not met is told behind the last event.
        return json.loads([line for line in output.splitlines() if line.startswith('{"event":"finished"')][-1])

    seconds, peak, output = run(command, folder, statuses=[0, 3])
    outcome = finished(output)
    assert outcome["failed"] == 0, output
    again, _, output = run(command, folder, statuses=[0, 3])
    assert finished(output)["ran"] == 0, output
    print(f"{recipe}: {outcome['ran']} actions in {seconds:.0f} s, peak {peak:.0f} MB; again {again:.1f} s")


def check_numbers(folder, recipe, measures):
    rows = csv.DictReader(next((folder / "runs" / recipe).glob("table.csv")).read_text().splitlines())
    values = [float(value) for row in rows for name, value in row.items() if name in measures]
    assert values and all(map(math.isfinite, values)), values


def run_recipe(program, folder):
    make_world(folder, ["train", "test"])
    finish(program, folder, "celeba-hq/manipulation.yaml", "--set", "source=face", "--set", "target=tanned face", "--set",
           "return_step=201")
    check_numbers(folder, "celeba-hq-manipulation", ["s_dir", "sc", "identity", "mae"])
    return 0


def run_paper(program, folder):
    make_world(folder, ["train", "test", "unseen/paintings", "unseen/animations", "strokes"])
    domain = folder / "Recipes/paper/domains/celeba-hq.yaml"
    text = domain.read_text()
    for whole, short in [("attribute_epochs:   { sweep: [5, 5, 5] }", "attribute_epochs:   { sweep: [1, 1, 1] }"),
                         ("style_epochs: 5", "style_epochs: 1"), ("rounds: 10", "rounds: 1")]:
        assert whole in text, whole
        text = text.replace(whole, short)
    domain.write_text(text)
    finish(program, folder, "paper/figure-4.yaml", "--set", "domain=celeba-hq")
    finish(program, folder, "paper/figure-5.yaml", "--set", "domain=celeba-hq")
    check_numbers(folder, "paper-figure-5", ["s_dir", "sc", "identity"])
    return 0


EIGHTH = """
recipe: eighth
stages:
  base:     { load: { diffusion: Weights/celeba_hq.ckpt, preset: celeba-hq } }
  clip:     { load: { clip: Weights/clip } }
  identity: { load: { identity: Weights/model_ir_se50.pth } }
  pictures: { load: { images: Pictures/celeba-hq/train/*.png, size: 256 } }
  full_latents:  { invert: { images: pictures, model: base, return_step: 500, steps: 40 } }
  quick_latents: { invert: { images: pictures, model: base, return_step: 400, steps: 8 } }
  full:
    finetune: &tuning
      model: base
      latents: full_latents
      clip: clip
      identity: identity
      source: face
      target: tanned face
      steps: 6
      epochs: 1
      learning_rate: 1.0e-4
      l1_weight: 1.0
      identity_weight: 0.5
  quick:
    finetune: { <<: *tuning, latents: quick_latents, steps: 3, spacing: trailing, adapter: lora, lora_rank: 16, views: 4, learning_rate: 1.6e-3 }
  full_inverting:  { cost: { of: { work: full_latents } } }
  full_learning:   { cost: { of: { work: full } } }
  quick_inverting: { cost: { of: { work: quick_latents } } }
  quick_learning:  { cost: { of: { work: quick } } }
  table:
    table: { rows: [full_inverting, full_learning, quick_inverting, quick_learning], measures: [seconds, gflop] }
outputs: [table]
"""


def run_eighth(program, folder):
    """Each way in a process of its own, after all files are loaded; per picture and per update, times how many there are."""
    make_world(folder, ["train"])
    picture(folder / "Pictures/celeba-hq/train", "b", 256, 1)
    (folder / "eighth.yaml").write_text(EIGHTH)
    command = [program, "run", str(folder / "eighth.yaml"), "--runs", "runs", "--json"]
    for stage in ["base", "clip", "identity", "pictures"]:
        run(command + ["--only", stage], folder)
    peaks = {way: run(command + ["--only", way], folder)[1] for way in ["full", "quick"]}
    run(command, folder)
    table = csv.DictReader(next((folder / "runs/eighth").glob("*/table.csv")).read_text().splitlines())
    work = {row["name"]: row for row in table}
    # Pictures and updates of each way in Recipes/beyond.yaml; two of each were timed.
    for way, pictures, updates in [("full", 24, 96), ("quick", 12, 24)]:
        seconds, flop = (pictures / 2 * float(work[f"{way}_inverting"][measure]) +
                         updates / 2 * float(work[f"{way}_learning"][measure]) for measure in ["seconds", "gflop"])
        print(f"eighth: {way}: {seconds / 60:.1f} min and {flop / 1e3:.0f} TFLOP for one attribute, of which "
              f"{pictures / 2 * float(work[f'{way}_inverting']['seconds']) / 60:.1f} min to invert {pictures} pictures, the "
              f"rest {updates} updates; peak {peaks[way]:.0f} MB")
    return 0


CASES = {"celeba-hq": make_celeba, "afhq": make_afhq, "imagenet-512": make_imagenet, "clip": make_clip,
         "measures": make_measures, "recipe": run_recipe, "paper": run_paper,
         "eighth": run_eighth}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("cases", nargs="*", default=["celeba-hq", "afhq", "clip", "measures"])
    arguments = parser.parse_args()
    worst = 0
    for case in arguments.cases:
        torch.manual_seed(20220618)
        with tempfile.TemporaryDirectory() as name:
            os.environ["DIFFUSIONCLIP_STORE"] = name + "/store"
            worst = max(worst, CASES[case](os.path.abspath(arguments.program), Path(name)))
    print(f"largest of all: {worst:.1e}, expected at most 1e-3")
    sys.exit(0 if worst <= 1e-3 else 1)


if __name__ == "__main__":
    main()

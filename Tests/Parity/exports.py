"""Has PyTorch and diffusers read what the program exports, and compares a whole trajectory with theirs.

Needs torch, diffusers, safetensors and numpy; run in the repository's root, after `swift build -c release`:

    python Tests/Parity/exports.py .build/release/diffusionclip

The Portraits model inverts two portraits, learns from them, once in all weights and twice over by changes of low rank,
and gives them back. Each model is exported in every format. PyTorch's state dict must hold the same numbers under
the official names; diffusers' UNet2DModel, driven by a DDIM loop that is written here, must come to the same latents
and pictures. Prints what it measured; exits with 1 where something is further off than 1e-3.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import torch
from diffusers import UNet2DModel
from safetensors.torch import load_file

ROOT = Path.cwd()
STEPS, RETURN_STEP = 20, 500
TOLERANCE = 1e-3
RECIPE = f"""
recipe: exports
stages:
  base:      {{ load: {{ diffusion: {ROOT}/Fixtures/models/portraits-diffusion.safetensors }} }}
  clip:      {{ load: {{ clip: {ROOT}/Fixtures/models/portraits-clip }} }}
  portraits: {{ load: {{ images: ["{ROOT}/Fixtures/portraits/*[01].png"], size: 64 }} }}
  latents:   {{ invert: {{ images: portraits, model: base, return_step: {RETURN_STEP}, steps: {STEPS} }} }}
  tuned:     {{ finetune: &tuning {{ model: base, latents: latents, clip: clip, target: zombie, epochs: 1, steps: 3 }} }}
  low_rank:  {{ finetune: {{ <<: *tuning, adapter: lora, learning_rate: 0.01 }} }}
  twice:
    finetune: {{ <<: *tuning, model: low_rank, target: sketch, adapter: lora, lora_targets: attention, learning_rate: 0.01 }}
  of_base:     {{ sample: {{ latents: latents, model: base, steps: {STEPS} }} }}
  of_tuned:    {{ sample: {{ latents: latents, model: tuned, steps: {STEPS} }} }}
  of_low_rank: {{ sample: {{ latents: latents, model: low_rank, steps: {STEPS} }} }}
  of_twice:    {{ sample: {{ latents: latents, model: twice, steps: {STEPS} }} }}
  # Latents carry a picture as it was computed: exported pictures have 8 bits.
  back_base:     {{ perturb: {{ images: of_base, return_step: 1 }} }}
  back_tuned:    {{ perturb: {{ images: of_tuned, return_step: 1 }} }}
  back_low_rank: {{ perturb: {{ images: of_low_rank, return_step: 1 }} }}
  back_twice:    {{ perturb: {{ images: of_twice, return_step: 1 }} }}
"""

worst = 0.0


def measure(name, found, expected):
    global worst
    error = ((found - expected).abs().max() / expected.abs().max()).item()
    worst = max(worst, error)
    print(f"{name}: largest error {error:.1e} of the largest value")


def times():
    return [int(t) for t in numpy.linspace(0, 1, STEPS) * RETURN_STEP]


ALPHAS = torch.cat([(1 - torch.from_numpy(numpy.linspace(1e-4, 0.02, 1000))).cumprod(0), torch.ones(1).double()])


def trajectory(model, x, pairs):
    for t, following in pairs:
        with torch.no_grad():
            noise = model(x, t).sample
        a, b = ALPHAS[t].item(), ALPHAS[following].item()
        x = b**0.5 * (x - (1 - a) ** 0.5 * noise) / a**0.5 + (1 - b) ** 0.5 * noise
    return x


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        recipe = folder / "exports.yaml"
        recipe.write_text(RECIPE)

        def run(*arguments):
            subprocess.run([program, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, cwd=folder)

        run("run", recipe)
        out = folder / "out"
        for stage in ["latents", "back_base", "back_tuned", "back_low_rank", "back_twice"]:
            run("export", recipe, stage, "--to", out)
        for stage in ["base", "tuned.model", "low_rank.model", "twice.model"]:
            for form in ["safetensors", "torch", "diffusers"]:
                run("export", recipe, stage, "--to", out, "--format", form)

        def pictures(stage, tensor):
            files = [load_file(path) for path in sorted((out / stage).iterdir())]
            return torch.stack([file[tensor] for file in files]).permute(0, 3, 1, 2).contiguous()

        times_up = times()
        for name in ["base", "tuned", "low_rank", "twice"]:
            state = torch.load(out / f"{name}.pt", weights_only=True)
            same = load_file(out / f"{name}.safetensors")
            assert set(state) == set(same) and "down.0.block.0.conv1.weight" in state, "other names"
            assert all(torch.equal(state[key], same[key].float()) for key in same), "other numbers"
            model = UNet2DModel.from_pretrained(out / name).eval()
            print(f"{name}: torch.load and UNet2DModel.from_pretrained, {len(state)} tensors")
            if name == "base":
                latent = trajectory(model, pictures("latents", "image"), zip(times_up[:-1], times_up[1:]))
                measure("base, inversion", pictures("latents", "latent"), latent)
            image = trajectory(
                model, pictures("latents", "latent"), zip(reversed(times_up), reversed([-1] + times_up[:-1])))
            measure(f"{name}, generation", pictures(f"back_{name}", "image"), image)
    return worst <= TOLERANCE


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(2)
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(0 if main(Path(sys.argv[1]).resolve()) else 1)

"""Makes solver.safetensors of Tests/DiffusionTests: what diffusers' schedulers compute.

Needs torch, diffusers, numpy and safetensors; run in the repository's root, after make_diffusion_fixtures.py:

    python Tests/Fixtures/make_solver_fixtures.py

The noise (in float64) is that of data of a known distribution, in closed form; where predictions shall leave the range of
pictures, that of make_diffusion_fixtures.py's small network. Tensors are stored channels-last. The schedulers keep their schedule, and DPM-Solver its states, in float32.
"""

import hashlib
import importlib.metadata
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler
from safetensors.torch import load_file, save_file

FIXTURES = Path("Tests/DiffusionTests/Fixtures")

SEED = 20221102
ALPHAS = (1 - torch.from_numpy(numpy.linspace(1e-4, 0.02, 1000))).cumprod(0)
BETAS = dict(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear")


def timesteps(steps, return_step):
    """The official code's sequence, the last time first."""
    return [int(s) for s in list(numpy.linspace(0, 1, steps) * return_step)][::-1]


def mixture(x, t):
    """The noise expected in x where every value of a picture is 0.6 or -0.6, with a deviation of 0.2."""
    mean, deviation = 0.6, 0.2
    alpha = ALPHAS[int(t)]
    spread = alpha * deviation**2 + 1 - alpha
    x = x.double()
    middle = mean * torch.tanh(alpha.sqrt() * mean * x / spread)
    image = (alpha.sqrt() * deviation**2 * x + (1 - alpha) * middle) / spread
    return (x - alpha.sqrt() * image) / (1 - alpha).sqrt()


def network(weights, x, t):
    """The network of make_diffusion_fixtures.py."""
    h = F.conv2d(x.double(), weights["input.weight"], weights["input.bias"], padding=1)
    h = F.silu(h + float(t) / 1000 * weights["time.weight"].view(1, -1, 1, 1))
    return F.conv2d(h, weights["output.weight"], weights["output.bias"], padding=1)


def solver(**options):
    """DPM-Solver++(2M) to the clean image."""
    return DPMSolverMultistepScheduler(
        **BETAS, algorithm_type="dpmsolver++", solver_order=2, solver_type="midpoint", lower_order_final=True,
        final_sigmas_type="zero", **options)


def states(scheduler, model, x, **step_options):
    """The states after each step, [steps, N, C, H, W]."""
    found = []
    for t in scheduler.timesteps:
        x = scheduler.step(model(x, t), t, x, **step_options).prev_sample
        found.append(x)
    return torch.stack(found)


def main():
    torch.manual_seed(SEED)
    weights = {
        name.split("/")[1]: tensor.double()
        for name, tensor in load_file(FIXTURES / "diffusion.safetensors").items() if name.startswith("base/")}
    latent = torch.randn(2, 3, 5, 4)
    pictures, tensors = {"latent": latent}, {}

    for steps in [5, 10, 20]:
        scheduler = solver(timestep_spacing="trailing")
        scheduler.set_timesteps(steps)
        pictures[f"trailing/{steps}"] = states(scheduler, mixture, latent)
    for steps, return_step in [(10, 500), (16, 999), (2, 300)]:
        scheduler = solver()
        scheduler.set_timesteps(timesteps=timesteps(steps, return_step))
        pictures[f"official/{steps},{return_step}"] = states(scheduler, mixture, latent)

    def wild(x, t):
        return network(weights, x, t)

    # Thresholds that matter: the predictions of early steps are far out of range.
    for ratio in [0.9, 0.995]:
        scheduler = solver(
            timestep_spacing="trailing", thresholding=True, dynamic_thresholding_ratio=ratio, sample_max_value=1e9)
        scheduler.set_timesteps(10)
        pictures[f"dynamic/{ratio}"] = states(scheduler, wild, latent)
        wide = 3 * torch.randn(3, 3, 5, 4) * torch.tensor([0.1, 1, 4]).view(3, 1, 1, 1)
        pictures[f"threshold/{ratio}/before"] = wide
        pictures[f"threshold/{ratio}/after"] = scheduler._threshold_sample(wide)
    for name, options in [
        ("clamp", dict(clip_sample=True)),
        ("dynamic", dict(clip_sample=False, thresholding=True, dynamic_thresholding_ratio=0.9, sample_max_value=1e9))]:
        scheduler = DDIMScheduler(**BETAS, timestep_spacing="trailing", set_alpha_to_one=True, **options)
        scheduler.set_timesteps(10)
        pictures[f"ddim/{name}"] = states(scheduler, wild, latent.double(), use_clipped_model_output=True)

    for steps in [1, 2, 3, 7, 10, 15, 20, 25, 30, 40, 47, 50, 60, 75, 100, 250, 300, 400, 500, 999, 1000]:
        scheduler = solver(timestep_spacing="trailing")
        scheduler.set_timesteps(steps)
        tensors[f"times/{steps}"] = scheduler.timesteps.float()

    def stored(x):
        return x.movedim(-3, -1).float().contiguous()

    path = FIXTURES / "solver.safetensors"
    save_file(tensors | {name: stored(x) for name, x in pictures.items()}, path)
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ["torch", "diffusers", "numpy", "safetensors"])
    data = Path(path).read_bytes()
    print(f"{versions}; seed {SEED}\n| {path.name} | {len(data)} | {hashlib.sha256(data).hexdigest()} |")


if __name__ == "__main__":
    main()

"""Runs the CelebA-HQ U-Net in PyTorch and in diffusionclip by turns, and prints the medians.

Needs torch and diffusers, and a release build of diffusionclip. Same machine, same moment, same threads:

    python Tests/Benchmarks/compare_with_pytorch.py .build/release/diffusionclip forward --threads 2 --rounds 3
    python Tests/Benchmarks/compare_with_pytorch.py .build/release/diffusionclip finetune --threads 2 --rounds 1

`finetune` is an iteration as the official code does it, without the losses' networks: six DDIM steps from t0 = 500 with
the whole graph kept, an L1 loss, and a step of Adam. PyTorch needs 20 GB for it.
"""

import argparse
import json
import statistics
import subprocess
import time

import torch
from diffusers import UNet2DModel


def celeba_hq():
    """The architecture of the official celeba_hq.ckpt, 113,673,219 parameters, with random weights."""
    return UNet2DModel(
        sample_size=256, in_channels=3, out_channels=3, block_out_channels=(128, 128, 256, 256, 512, 512),
        layers_per_block=2, norm_eps=1e-6, downsample_padding=0, flip_sin_to_cos=False, freq_shift=1,
        attention_head_dim=None,
        down_block_types=("DownBlock2D",) * 4 + ("AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D") + ("UpBlock2D",) * 4)


def forward(model, x):
    with torch.no_grad():
        model(x, 500)


class Finetuning:
    """One iteration of fine-tuning with the gradient through all steps of the generation."""

    def __init__(self, model, steps=6, return_step=500):
        self.model, self.optimizer = model, torch.optim.Adam(model.parameters(), lr=1e-6)
        alphas = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0).tolist()
        times = [int(t) for t in torch.linspace(0, 1, steps, dtype=torch.float64) * return_step]
        self.pairs = [
            (t, alphas[t], alphas[before] if before >= 0 else 1.0) for t, before in
            zip(reversed(times), list(reversed(times))[1:] + [-1])]

    def __call__(self, model, x):
        state = x
        for t, alpha, target in self.pairs:
            noise = model(state, t).sample
            image = (state - (1 - alpha) ** 0.5 * noise) / alpha ** 0.5
            state = target ** 0.5 * image + (1 - target) ** 0.5 * noise
        self.optimizer.zero_grad()
        (state - x).abs().mean().backward()
        self.optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("case", choices=["forward", "finetune"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--channels-last", action="store_true", help="PyTorch's faster layout")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    model = celeba_hq()
    assert sum(p.numel() for p in model.parameters()) == 113_673_219
    x = torch.randn(1, 3, 256, 256)
    if arguments.channels_last:
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    run = forward if arguments.case == "forward" else Finetuning(model)
    theirs, ours = [], []
    run(model, x)
    for _ in range(arguments.rounds):
        start = time.perf_counter()
        run(model, x)
        theirs.append(time.perf_counter() - start)
        bench = subprocess.run(
            [arguments.program, "bench", "--case", f"celeba-hq-256 {arguments.case}", "--threads",
             str(arguments.threads), "--json"], check=True, capture_output=True, text=True)
        ours.append(json.loads(bench.stdout)["cases"][0]["seconds"])
    print(f"PyTorch {torch.__version__}: {statistics.median(theirs):.3f} s")
    print(f"diffusionclip: {statistics.median(ours):.3f} s")
    ratios = [a / b for a, b in zip(theirs, ours)]
    print(f"PyTorch's time over ours: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()

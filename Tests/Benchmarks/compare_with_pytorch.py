"""Runs the CelebA-HQ U-Net's forward pass in PyTorch and in diffusionclip by turns, and prints the medians.

Needs torch and diffusers, and a release build of diffusionclip. Same machine, same moment, same threads:

    python Tests/Benchmarks/compare_with_pytorch.py .build/release/diffusionclip --threads 2 --rounds 3
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    model = celeba_hq().eval()
    assert sum(p.numel() for p in model.parameters()) == 113_673_219
    x = torch.randn(1, 3, 256, 256)
    theirs, ours = [], []
    with torch.no_grad():
        model(x, 500)
        for _ in range(arguments.rounds):
            start = time.perf_counter()
            model(x, 500)
            theirs.append(time.perf_counter() - start)
            bench = subprocess.run(
                [arguments.program, "bench", "celeba-hq-256 forward", "--threads", str(arguments.threads), "--json"],
                check=True, capture_output=True, text=True)
            ours.append(json.loads(bench.stdout)["cases"][0]["seconds"])
    print(f"PyTorch {torch.__version__}: {statistics.median(theirs):.3f} s")
    print(f"diffusionclip: {statistics.median(ours):.3f} s")
    ratios = [a / b for a, b in zip(theirs, ours)]
    print(f"PyTorch's time over ours: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()

"""Runs the CelebA-HQ U-Net in PyTorch and in diffusionclip by turns, and prints the times of both, their ratios and the memory.

Needs torch alone, and a release build of diffusionclip. Same machine, same moment, same threads:

    python Tests/Benchmarks/compare_with_pytorch.py .build/release/diffusionclip forward --channels-last --dtype bfloat16
    python Tests/Benchmarks/compare_with_pytorch.py .build/release/diffusionclip finetune --rounds 1
    python Tests/Benchmarks/compare_with_pytorch.py .build/release/diffusionclip finetune --device cuda --channels-last

`forward` is one evaluation. `finetune` is an iteration as the official code does it, without the losses' networks: six DDIM
steps from t0 = 500 with the whole graph kept, an L1 loss, and a step of Adam. PyTorch needs 20 GB for it in float32.
`product` is a product of square matrices: the vendor's, beside ours.

diffusionclip computes in float32 always. In PyTorch `float32` is float32 everywhere, also on CUDA: TF32 is off in products and in
convolutions, where PyTorch has it on. `bf16` (or `bfloat16`) is autocast; with `--weights` the weights are in it too, for
`forward` alone, as an update by Adam is smaller than what they can tell apart. PyTorch's best settings are `--channels-last`
and, where it can, `--compile`; cuDNN always tries its algorithms first.
"""

import argparse
import contextlib
import json
import resource
import statistics
import subprocess
import time

import torch

from unet import UNet

SIDE = 4096


class Product:
    def __init__(self, device, dtype):
        self.a, self.b = (torch.randn(SIDE, SIDE, device=device, dtype=dtype) for _ in range(2))

    def __call__(self):
        self.a @ self.b


class Forward:
    def __init__(self, model, x):
        self.model, self.x, self.t = model, x, torch.tensor(500.0, device=x.device)

    @torch.inference_mode()
    def __call__(self):
        self.model(self.x, self.t)


class Finetuning:
    """One iteration of fine-tuning with the gradient through all steps of the generation."""

    def __init__(self, model, x, autocast, steps=6, return_step=500):
        self.model, self.x, self.autocast = model, x, autocast
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-6, fused=x.is_cuda)
        alphas = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0).tolist()
        times = [int(t) for t in torch.linspace(0, 1, steps, dtype=torch.float64) * return_step]
        self.steps = [
            (torch.tensor(float(t), device=x.device), alphas[t], alphas[before] if before >= 0 else 1.0)
            for t, before in zip(reversed(times), list(reversed(times))[1:] + [-1])]

    def __call__(self):
        state = self.x
        # One context for all steps: the weights are converted once.
        with self.autocast():
            for t, alpha, target in self.steps:
                noise = self.model(state, t)
                image = (state - (1 - alpha) ** 0.5 * noise) / alpha ** 0.5
                state = target ** 0.5 * image + (1 - target) ** 0.5 * noise
        self.optimizer.zero_grad()
        (state - self.x).abs().mean().backward()
        self.optimizer.step()


def theirs(arguments):
    """What PyTorch is to do."""
    is_half, device = arguments.dtype == "bf16", arguments.device
    weights = torch.bfloat16 if is_half and (arguments.weights or arguments.case == "product") else torch.float32
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = arguments.dtype == "tf32"
        torch.backends.cudnn.benchmark = True
    if arguments.case == "product":
        return Product(device, weights)
    model = UNet()
    assert sum(p.numel() for p in model.parameters()) == 113_673_219
    layout = torch.channels_last if arguments.channels_last else torch.contiguous_format
    model = model.to(device=device, dtype=weights, memory_format=layout)
    x = torch.randn(1, 3, 256, 256).to(device=device, dtype=weights, memory_format=layout)

    def autocast():
        is_cast = is_half and not arguments.weights
        return torch.autocast(device, dtype=torch.bfloat16) if is_cast else contextlib.nullcontext()

    called = torch.compile(model) if arguments.compile else model
    if arguments.case == "finetune":
        return Finetuning(called, x, autocast)
    run = Forward(called, x)

    def forward():
        with autocast():
            run()
    return forward


def seconds(run, device, repeats):
    """Of one run; the median of some."""
    def finish():
        if device == "cuda":
            torch.cuda.synchronize()

    times = []
    for _ in range(repeats):
        finish()
        start = time.perf_counter()
        run()
        finish()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def ours(arguments):
    """What `bench` measures: seconds, MB, and on what."""
    # Any case tells the product's peak; this one takes a moment.
    case = "conv 512-512 at 8 forward" if arguments.case == "product" else f"celeba-hq-256 {arguments.case}"
    words = [arguments.program, "bench", "--case", case, "--threads", str(arguments.threads), "--json"]
    if arguments.device == "cuda":
        words += ["--device", "gpu"]
    bench = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    if bench.returncode:
        raise SystemExit(f"{' '.join(words)} ended with status {bench.returncode}")
    report = json.loads(bench.stdout)
    result, device = report["cases"][0], report.get("device")
    on = f"{device['name']}, {device['runtime']}" if device else f"{report['blas']}, {report['threads']} threads"
    if arguments.case == "product":
        return 2 * SIDE ** 3 / 1e9 / report["sgemm_gflops"], None, on
    return result["seconds"], result["device_mb"] if device else result["peak_rss_mb"], on


def peak_megabytes(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("case", choices=["forward", "finetune", "product"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--dtype", choices=["float32", "tf32", "bf16", "bfloat16"], default="float32",
                        help="what PyTorch computes in; tf32 is for CUDA")
    parser.add_argument("--weights", action="store_true", help="PyTorch's weights in bf16 too, instead of autocast")
    parser.add_argument("--channels-last", action="store_true", help="PyTorch's faster layout")
    parser.add_argument("--compile", action="store_true", help="compile PyTorch's network before")
    parser.add_argument("--alone", action="store_true", help="measure PyTorch alone")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()
    if arguments.dtype == "bfloat16":
        arguments.dtype = "bf16"
    if arguments.dtype == "tf32" and arguments.device != "cuda":
        parser.error("tf32 is for --device cuda: on a processor there are float32 and bf16")
    if arguments.weights and (arguments.dtype != "bf16" or arguments.case != "forward"):
        parser.error("--weights is for forward with --dtype bf16")
    if arguments.case == "product" and (arguments.channels_last or arguments.compile):
        parser.error("a product has no layout and nothing to compile")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("PyTorch finds no graphics card here")
    return arguments


def main():
    arguments = parsed()
    is_card = arguments.device == "cuda"
    torch.set_num_threads(arguments.threads)
    run = theirs(arguments)
    # A card is done within a moment: of so short a time the median of many tells more.
    repeats = {"forward": 20, "product": 20, "finetune": 3}[arguments.case] if is_card else 1
    seconds(run, arguments.device, 3 if is_card else 1)
    if is_card:
        torch.cuda.reset_peak_memory_stats()
    figures = {"case": arguments.case, "device": arguments.device, "dtype": arguments.dtype, "weights": arguments.weights,
               "channels_last": arguments.channels_last, "compile": arguments.compile, "torch": torch.__version__,
               "on": torch.cuda.get_device_name() if is_card else f"{arguments.threads} threads",
               "pytorch_seconds": [], "pytorch_mb": None, "our_seconds": [], "our_mb": None, "ours_on": None}
    for _ in range(arguments.rounds):
        figures["pytorch_seconds"].append(seconds(run, arguments.device, repeats))
        figures["pytorch_mb"] = peak_megabytes(arguments.device)
        if arguments.alone:
            continue
        if is_card:
            torch.cuda.empty_cache()
        our_seconds, figures["our_mb"], figures["ours_on"] = ours(arguments)
        figures["our_seconds"].append(our_seconds)
    report(figures)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(figures, file, indent=1)


def report(figures):
    def line(name, on, times, megabytes):
        memory = "" if megabytes is None else f", {megabytes:.0f} MB"
        print(f"{name} on {on}: {statistics.median(times):.4f} s{memory}")

    settings = [figures["dtype"]] + [name for name in ("weights", "channels_last", "compile") if figures[name]]
    line(f"PyTorch {figures['torch']} ({', '.join(settings)})", figures["on"], figures["pytorch_seconds"],
         figures["pytorch_mb"])
    if not figures["our_seconds"]:
        return
    line("diffusionclip", figures["ours_on"], figures["our_seconds"], figures["our_mb"])
    ratios = [a / b for a, b in zip(figures["pytorch_seconds"], figures["our_seconds"])]
    print("PyTorch's time over ours, by round: " + ", ".join(f"{ratio:.2f}" for ratio in ratios)
          + f"; median {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()

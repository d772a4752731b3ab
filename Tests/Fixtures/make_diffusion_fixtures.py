"""Makes the fixtures of Tests/DiffusionTests and Tests/MetricsTests: what other implementations compute.

Needs torch, numpy, scikit-image, open_clip_torch and safetensors; run in the repository's root:

    python Tests/Fixtures/make_diffusion_fixtures.py

Everything is computed in float64 from numbers that float32 holds, but for what is called "official", which is in
float32 as in the official DiffusionCLIP code. Tensors are stored channels-last, convolution weights as [O, I, H, W].
"""

import hashlib
import importlib.metadata
import json
import math
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg
from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES
from safetensors.torch import save_file
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import make_network_fixtures

DIFFUSION = Path("Tests/DiffusionTests/Fixtures")
METRICS = Path("Tests/MetricsTests/Fixtures")
SEED = 20211006


def channels_last(x):
    return x.permute(0, 2, 3, 1)


def normal(*shape):
    """Standard normal numbers that float32 holds."""
    return torch.randn(*shape).double()


def save(path, tensors, metadata=None):
    save_file({k: v.detach().float().contiguous() for k, v in tensors.items()}, path, metadata=metadata)


def save_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="ascii")


# Times


def timesteps(steps, return_step):
    """The official code's sequence."""
    return [int(s) for s in list(numpy.linspace(0, 1, steps) * return_step)]


def checksum(steps):
    """FNV-1a of the sequences for all return steps, every time as two little-endian bytes."""
    value = 0xCBF29CE484222325
    for return_step in range(1000):
        for t in timesteps(steps, return_step):
            for byte in (t & 255, t >> 8):
                value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def make_times():
    chosen = [(7, 300), (8, 301), (6, 500), (40, 500), (1, 500), (2, 999), (200, 500), (12, 5)]
    alphas = Schedule(torch.float64).alphas
    save_json(DIFFUSION / "timesteps.json", {
        "sequences": [{"steps": s, "returnStep": t, "times": timesteps(s, t)} for s, t in chosen],
        "checksums": [checksum(steps) for steps in range(1, 61)],
        "alphasCumprod": {str(t): alphas[t].item() for t in [0, 1, 10, 250, 499, 500, 998, 999]},
    })


# Random numbers: a transcription of the engine's stream


class RandomSource:
    """SplitMix64 over a counter, and Box and Muller's normal numbers."""

    def __init__(self, seed):
        self.seed, self.position = self.mixed(seed), 0

    @staticmethod
    def mixed(x):
        z = (x + 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    def uniform(self):
        self.position += 1
        return (self.mixed((self.seed + self.position * 0x9E3779B97F4A7C15) % 2**64) >> 11) * 2.0**-53

    def normal(self, like):
        """Drawn in channels-last order."""
        values = []
        while len(values) < like.numel():
            radius = math.sqrt(-2 * math.log(1 - self.uniform()))
            angle = 2 * math.pi * self.uniform()
            values += [radius * math.cos(angle), radius * math.sin(angle)]
        n, c, h, w = like.shape
        drawn = torch.tensor(values[: like.numel()], dtype=torch.float64).float().double()
        return drawn.view(n, h, w, c).permute(0, 3, 1, 2)


# Diffusion


class Schedule:
    def __init__(self, dtype):
        self.betas = torch.from_numpy(numpy.linspace(1e-4, 0.02, 1000)).to(dtype)
        # Index -1 is the clean image.
        self.alphas = torch.cat([(1 - self.betas).cumprod(0), torch.ones(1, dtype=dtype)])


EXACT = Schedule(torch.float64)


def small_predictor(hidden=6):
    return {
        "input.weight": normal(hidden, 3, 3, 3) / 5, "input.bias": normal(hidden) / 5, "time.weight": normal(hidden),
        "output.weight": normal(3, hidden, 3, 3) / 5, "output.bias": normal(3) / 5,
    }


def predict(weights, x, t):
    time = (torch.as_tensor(t, dtype=x.dtype) / 1000).reshape(-1, 1, 1, 1)
    h = F.conv2d(x, weights["input.weight"], weights["input.bias"], padding=1)
    h = F.silu(h + time * weights["time.weight"].view(1, -1, 1, 1))
    return F.conv2d(h, weights["output.weight"], weights["output.bias"], padding=1)


def ddim_step(schedule, x, noise, t, following, eta=0.0, drawn=None):
    """The next x, and the predicted x₀."""
    a, b = schedule.alphas[t], schedule.alphas[following]
    image = (x - noise * (1 - a).sqrt()) / a.sqrt()
    if eta == 0:
        return b.sqrt() * image + (1 - b).sqrt() * noise, image
    c1 = eta * ((1 - a / b) * (1 - b) / (1 - a)).sqrt()
    c2 = ((1 - b) - c1**2).sqrt()
    return b.sqrt() * image + c2 * noise + c1 * drawn, image


def invert(schedule, model, x, steps, return_step):
    times = timesteps(steps, return_step)
    for t, following in zip(times[:-1], times[1:]):
        x, _ = ddim_step(schedule, x, model(x, t), t, following)
    return x


def backwards(steps, return_step):
    times = timesteps(steps, return_step)
    return list(zip(reversed(times), reversed([-1] + times[:-1])))


def generate(schedule, model, x, steps, return_step, eta=0.0, random=None):
    for t, following in backwards(steps, return_step):
        noise = model(x, t)
        x, _ = ddim_step(schedule, x, noise, t, following, eta, random.normal(x) if random else None)
    return x


def perturb(image, noise, times):
    a = EXACT.alphas[times].view(-1, 1, 1, 1)
    return a.sqrt() * image + (1 - a).sqrt() * noise


def ancestral(schedule, model, x, steps, return_step, random):
    previous = torch.cat([torch.ones(1, dtype=torch.float64), schedule.alphas[:999]])
    variance = schedule.betas * (1 - previous) / (1 - schedule.alphas[:1000])
    log_variance = variance.clamp(min=1e-20).log()
    for t, _ in backwards(steps, return_step):
        beta, a = schedule.betas[t], schedule.alphas[t]
        x = (x - beta / (1 - a).sqrt() * model(x, t)) / (1 - beta).sqrt()
        if t > 0:
            x = x + (0.5 * log_variance[t]).exp() * random.normal(x)
    return x


def loss_of(generated, original):
    return (generated - original).abs().mean() + 0.5 * (generated + 0.5 * original).tanh().square().mean()


def parameters(weights):
    return {k: v.clone().requires_grad_() for k, v in weights.items()}


def fine_tuning(weights, examples, method, growth, iterations, steps, return_step, noise=predict):
    """Losses, rates and the last weights. `growth` is the factor of the rate and after how many iterations."""
    weights = parameters(weights)
    optimizer = torch.optim.Adam(weights.values(), lr=0.01)
    losses, rates = [], []
    for iteration in range(iterations):
        x, image = examples[iteration % len(examples)]
        rates.append(0.01 * growth[0] ** (iteration // growth[1]))
        for group in optimizer.param_groups:
            group["lr"] = rates[-1]
        total = []
        for t, following in backwards(steps, return_step):
            x, predicted_x0 = ddim_step(EXACT, x, noise(weights, x, t), t, following)
            if method == "efficient" or following == -1:
                loss = loss_of(predicted_x0 if method == "efficient" else x, image)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total.append(loss.item())
                x = x.detach()
        losses.append(sum(total) / len(total))
    return losses, rates, weights


def latent_optimization(weights, latent, image, iterations, steps, return_step):
    latent = latent.clone().requires_grad_()
    optimizer = torch.optim.Adam([latent], lr=0.02)
    losses = []
    for _ in range(iterations):
        loss = loss_of(generate(EXACT, lambda x, t: predict(weights, x, t), latent, steps, return_step), image)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, latent


def make_diffusion():
    base, tuned = small_predictor(), small_predictor()
    image = (2 * torch.rand(2, 3, 5, 4) - 1).double()
    latent, noise, drawn, seed = (normal(2, 3, 5, 4) for _ in range(4))
    tensors, pictures = {}, {"image": image, "latent": latent, "noise": noise, "drawn_noise": drawn, "seed": seed}
    for name, weights in [("base", base), ("tuned", tuned)]:
        tensors |= {f"{name}/{k}": v for k, v in weights.items()}

    def model(x, t):
        return predict(base, x, t)

    pictures["invert"] = invert(EXACT, model, image, 7, 300)
    pictures["generate"] = generate(EXACT, model, latent, 7, 300)
    official, single = Schedule(torch.float32), {k: v.float() for k, v in base.items()}
    tensors["official/alphasCumprod"] = official.alphas[:1000]
    pictures["official/invert"] = invert(official, lambda x, t: predict(single, x, t), image.float(), 40, 500)
    pictures["official/generate"] = generate(official, lambda x, t: predict(single, x, t), latent.float(), 40, 500)

    def mixture(x, t):
        return 0.4 * predict(base, x, t) + 0.6 * predict(tuned, x, t) if t >= 200 else predict(tuned, x, t)

    pictures["mixture"] = generate(EXACT, mixture, latent, 7, 300)

    for t, following, eta in [(500, 461, 0.0), (12, 25, 0.0), (0, -1, 0.0), (500, 461, 0.5), (249, 200, 1.0),
                              (12, 0, 0.5), (0, -1, 0.5), (29, 29, 0.5)]:
        pictures[f"step/{t},{following},{eta}"], predicted_x0 = ddim_step(EXACT, latent, noise, t, following, eta, drawn)
        pictures[f"predicted_x0/{t}"] = predicted_x0
    pictures["stochastic"] = generate(EXACT, model, latent, 7, 300, 0.5, RandomSource(11))
    pictures["ancestral"] = ancestral(EXACT, model, latent, 6, 5, RandomSource(12))
    pictures["ancestral-strided"] = ancestral(EXACT, model, latent, 4, 300, RandomSource(12))

    pictures["perturb/500"] = perturb(image, noise, [500, 500])
    pictures["perturb/0,999"] = perturb(image, noise, [0, 999])
    random = RandomSource(13)
    times = [int(random.uniform() * 1000) for _ in range(2)]
    drawn = random.normal(image)
    tensors["training-loss"] = (predict(base, perturb(image, drawn, times), times) - drawn).square().mean()

    weights, start = parameters(base), latent.clone().requires_grad_()
    end = generate(EXACT, lambda x, t: predict(weights, x, t), start, 5, 300)
    (end * seed).sum().backward()
    pictures["gradient/latent"] = start.grad
    tensors |= {f"gradient/{k}": v.grad for k, v in weights.items()}

    examples = [(latent[i : i + 1], image[i : i + 1]) for i in range(2)]
    for method, growth in [("full", (1.3, 2)), ("efficient", (1.2, 3))]:
        losses, rates, weights = fine_tuning(base, examples, method, growth, 5, 3, 401)
        tensors |= {f"{method}/{k}": v for k, v in weights.items()}
        tensors |= {f"{method}/losses": torch.tensor(losses), f"{method}/rates": torch.tensor(rates)}
    losses, optimized = latent_optimization(base, *examples[0], 5, 3, 401)
    tensors["optimized/losses"] = torch.tensor(losses)
    pictures["optimized/latent"] = optimized
    save(DIFFUSION / "diffusion.safetensors", tensors | {k: channels_last(v) for k, v in pictures.items()})


# What is left open by the paper, or comes after it


def predict_variance(weights, x, t):
    """Noise, and v."""
    return predict(weights, x, t).chunk(2, dim=1)


def noise_of(weights):
    return lambda x, t: predict_variance(weights, x, t)[0]


def ancestral_with(weights, x, steps, return_step, random, variance, respaced):
    """Ancestral sampling whose variance is one of DDPM's two, or the network's, read in one of two ways."""
    for t, following in backwards(steps, return_step):
        noise, v = predict_variance(weights, x, t)
        before = following if respaced else t - 1
        a, b = EXACT.alphas[t], EXACT.alphas[before]
        beta = 1 - a / b
        x = (x - beta / (1 - a).sqrt() * noise) / (1 - beta).sqrt()
        if t == 0:
            continue
        posterior = (beta * (1 - b) / (1 - a)).clamp(min=1e-20)
        fraction = (v + 1) / 2
        log_variance = {
            "small": posterior.log(), "large": beta.log(), "official": v,
            "learned": fraction * beta.log() + (1 - fraction) * posterior.log(),
        }[variance]
        x = x + (0.5 * log_variance).exp() * random.normal(x)
    return x


def fixed_points(model, x, steps, return_step, iterations):
    """For each step backwards the x that it brings to the present one."""
    for t, following in reversed(backwards(steps, return_step)):
        a, b = EXACT.alphas[t], EXACT.alphas[following]
        target, scale = x, (b / a).sqrt()
        for _ in range(iterations):
            x = (target - ((1 - b).sqrt() - scale * (1 - a).sqrt()) * model(x, t)) / scale
    return x


class Belm:
    """O-BELM in x / sqrt(alpha), whose derivative by sqrt(1 - alpha) / sqrt(alpha) is the noise."""

    def __init__(self, steps, return_step):
        self.times = [-1] + timesteps(steps, return_step)
        alphas = EXACT.alphas[self.times]
        self.signal, self.sigma = alphas.sqrt(), ((1 - alphas) / alphas).sqrt()

    def parts(self, i):
        h, later = self.sigma[i] - self.sigma[i - 1], self.sigma[i + 1] - self.sigma[i]
        return h, h / later

    def noise(self, model, x, i):
        return model(x * self.signal[i], self.times[i])

    def invert(self, model, image):
        states = [image, image + self.sigma[1] * model(image, self.times[1])]
        for i in range(1, len(self.times) - 1):
            h, r = self.parts(i)
            change = (1 - r**2) * states[-1] - h * (1 + r) * self.noise(model, states[-1], i)
            states.append((states[-2] - change) / r**2)
        return states[-1] * self.signal[-1], states[-2] * self.signal[-2]

    def generate(self, model, latent, second):
        states = [latent / self.signal[-1], second / self.signal[-2]]
        for i in range(len(self.times) - 2, 0, -1):
            h, r = self.parts(i)
            states.append(
                r**2 * states[-2] + (1 - r**2) * states[-1] - h * (1 + r) * self.noise(model, states[-1], i))
        return states[-1]


def edit_friendly(model, image, steps, return_step, random):
    """The latent, and what each step adds to what a step with eta = 1 expects."""
    pairs = backwards(steps, return_step)
    states = [perturb(image, random.normal(image), [t] * len(image)) for t, _ in pairs] + [image]
    additions = []
    for x, target, (t, following) in zip(states, states[1:], pairs):
        expected, _ = ddim_step(EXACT, x, model(x, t), t, following, 1.0, torch.zeros_like(x))
        additions.append(target - expected)
    return states[0], torch.stack(additions)


def adapted_fine_tuning(weights, examples, adapted, iterations, steps, return_step, scale):
    """As fine_tuning, where instead of a weight W its factors learn: W + scale * up @ down."""
    factors = {name: [f.clone().requires_grad_() for f in pair] for name, pair in adapted.items()}
    optimizer = torch.optim.Adam([f for pair in factors.values() for f in pair], lr=0.01)
    losses = []
    for iteration in range(iterations):
        merged = dict(weights)
        for name, (down, up) in factors.items():
            merged[name] = weights[name] + scale * (up @ down.flatten(1)).view_as(weights[name])
        latent, image = examples[iteration % len(examples)]
        loss = loss_of(generate(EXACT, lambda x, t: predict(merged, x, t), latent, steps, return_step), image)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, factors


def per_step_official(weights, examples, iterations, steps, return_step):
    """The efficient variant with a term that looks at the next state, which is detached."""
    weights = parameters(weights)
    optimizer = torch.optim.Adam(weights.values(), lr=0.01)
    losses = []
    for iteration in range(iterations):
        x, image = examples[iteration % len(examples)]
        total = []
        for t, following in backwards(steps, return_step):
            x, predicted_x0 = ddim_step(EXACT, x, predict(weights, x, t), t, following)
            x = x.detach()
            loss = loss_of(predicted_x0, image) + (x - image).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total.append(loss.item())
        losses.append(sum(total) / len(total))
    return losses, weights


def make_options():
    weights = small_predictor()
    learned = small_predictor() | {"output.weight": normal(6, 6, 3, 3) / 5, "output.bias": normal(6) / 5}
    image = (2 * torch.rand(2, 3, 5, 4) - 1).double()
    latent, second = normal(2, 3, 5, 4), normal(2, 3, 5, 4)
    tensors, pictures = {}, {"image": image, "latent": latent, "second": second}
    for name, values in [("base", weights), ("learned", learned)]:
        tensors |= {f"{name}/{k}": v for k, v in values.items()}

    for variance in ["small", "large", "learned", "official"]:
        pictures[f"ancestral/{variance}"] = ancestral_with(learned, latent, 6, 5, RandomSource(21), variance, False)
        pictures[f"strided/{variance}"] = ancestral_with(learned, latent, 4, 300, RandomSource(22), variance, False)
        pictures[f"respaced/{variance}"] = ancestral_with(learned, latent, 4, 300, RandomSource(23), variance, True)
    pictures["learned/invert"] = invert(EXACT, noise_of(learned), image, 7, 300)
    pictures["learned/generate"] = generate(EXACT, noise_of(learned), latent, 7, 300)

    def model(x, t):
        return predict(weights, x, t)

    pictures["fixed-point/3"] = fixed_points(model, image, 7, 300, 3)
    pictures["fixed-point"] = fixed_points(model, image, 7, 300, 200)
    pictures["fixed-point/back"] = generate(EXACT, model, pictures["fixed-point"], 7, 300)
    belm = Belm(7, 300)
    pictures["belm/latent"], pictures["belm/second"] = belm.invert(model, image)
    pictures["belm/generate"] = belm.generate(model, latent, second)
    pictures["edit-friendly/latent"], additions = edit_friendly(model, image, 7, 300, RandomSource(24))
    for step, addition in enumerate(additions):
        pictures[f"edit-friendly/{step}"] = addition

    examples = [(latent[i : i + 1], image[i : i + 1]) for i in range(2)]
    losses, _, tuned = fine_tuning(
        learned, examples, "full", (1.0, 1), 5, 3, 401, lambda weights, x, t: noise_of(weights)(x, t))
    tensors |= {f"learned-full/{k}": v for k, v in tuned.items()}
    tensors["learned-full/losses"] = torch.tensor(losses)
    losses, tuned = per_step_official(weights, examples, 5, 3, 401)
    tensors |= {f"efficient-official/{k}": v for k, v in tuned.items()}
    tensors["efficient-official/losses"] = torch.tensor(losses)
    # Rank 2: down as a convolution to two channels, up from them.
    adapted = {
        name: (normal(2, *weights[name].shape[1:]) / 5, normal(len(weights[name]), 2) / 5)
        for name in ["input.weight", "output.weight"]
    }
    losses, factors = adapted_fine_tuning(weights, examples, adapted, 5, 3, 401, 1.5)
    for name in adapted:
        tensors |= {f"low-rank/{name}/{part}": f for part, f in zip(["down", "up"], adapted[name])}
        tensors |= {f"low-rank/{name}/{part}/after": f for part, f in zip(["down", "up"], factors[name])}
    tensors["low-rank/losses"] = torch.tensor(losses)
    save(DIFFUSION / "options.safetensors", tensors | {k: channels_last(v) for k, v in pictures.items()})


# Metrics


def make_pixels():
    def pair(height, width, channels, spread):
        rows = torch.linspace(-1, 1, height)[:, None, None]
        columns = torch.linspace(0, 3, width)[None, :, None]
        a = (rows + columns).sin().expand(height, width, channels) + 0.2 * torch.randn(height, width, channels)
        return a, a + spread * torch.randn(height, width, channels)

    pairs = {
        "small difference": pair(16, 13, 3, 0.05), "large difference": pair(12, 20, 3, 0.6),
        "one window": pair(7, 7, 3, 0.2), "grey": pair(9, 8, 1, 0.3), "equal": pair(8, 8, 3, 0),
    }
    tensors, values = {}, {}
    for name, (a, b) in pairs.items():
        tensors |= {f"{name}/a": a[None], f"{name}/b": b[None]}
        x, y = (((p.double() + 1) / 2).clamp(0, 1).numpy() for p in (a, b))
        ssim = structural_similarity(x, y, data_range=1, channel_axis=-1)
        values[name] = {"mae": numpy.abs(x - y).mean(), "ssim": ssim}
        if name != "equal":
            values[name]["psnr"] = peak_signal_noise_ratio(x, y, data_range=1)
    save(METRICS / "pictures.safetensors", tensors)
    save_json(METRICS / "pixel-measures.json", values)


MERGES = 300


def make_clip():
    templates = [template("{}") for template in OPENAI_IMAGENET_TEMPLATES]
    templates.remove("a photo of many {}.")
    (DIFFUSION / "templates.txt").write_text("\n".join(templates) + "\n", encoding="ascii")

    make_network_fixtures.MERGES = MERGES
    tokenizer, merges = make_network_fixtures.openai_tokenizer()
    vocabulary, context = 512 + MERGES + 2, 40
    model = CLIP(
        6, CLIPVisionCfg(layers=1, width=8, head_width=4, patch_size=4, image_size=8),
        CLIPTextCfg(context_length=context, vocab_size=vocabulary, width=8, heads=2, layers=1), quick_gelu=True)
    make_network_fixtures.randomize(model)
    configuration = dict(
        embedDim=6, imageResolution=8, visionLayers=1, visionWidth=8, visionPatchSize=4, visionHeads=2,
        contextLength=context, vocabularySize=vocabulary, textLayers=1, textWidth=8, textHeads=2)
    tensors = {k: v for k, v in model.named_parameters()}
    save(DIFFUSION / "clip.safetensors", tensors, {
        "architecture": json.dumps(dict(name="clip", configuration=configuration))})
    (DIFFUSION / "merges.txt").write_text(merges, encoding="utf-8")

    model = model.double().eval()
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).double()[:, None, None]
    deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711]).double()[:, None, None]

    def image_features(x):
        x = F.interpolate((x + 1) / 2, size=(8, 8), mode="bicubic", align_corners=False, antialias=False)
        return F.normalize(model.encode_image((x - mean) / deviation), dim=-1)

    def text_features(texts):
        tokens = torch.zeros(len(texts), context, dtype=torch.long)
        for row, text in zip(tokens, texts):
            ids = [vocabulary - 2] + tokenizer.encode(text) + [vocabulary - 1]
            row[: len(ids)] = torch.tensor(ids)
        return F.normalize(model.encode_text(tokens), dim=-1)

    source, target = (text_features([t.format(name) for t in templates]) for name in ["face", "Angry face"])
    direction = (target - source).mean(0, keepdim=True)
    direction = (direction / direction.norm(dim=-1, keepdim=True)).detach()
    text = text_features(["a zombie"]).detach()
    original = (2 * torch.rand(2, 3, 12, 12) - 1).double()
    generated = (original + 0.5 * normal(2, 3, 12, 12)).float().double().requires_grad_()

    def change():
        edit = image_features(generated) - image_features(original)
        return edit / (edit.norm(dim=-1, keepdim=True) + 1e-7)

    losses = {
        "directional": lambda: (1 - F.cosine_similarity(change(), direction)).mean(),
        "global": lambda: (1 - image_features(generated) @ text.T).mean(),
    }
    results = {
        "original": channels_last(original), "generated": channels_last(generated), "direction": direction,
        "text": text, "cosine": F.cosine_similarity(change(), direction)[:, None],
    }
    for name, loss in losses.items():
        for form, wrap in [("cosine", lambda x: x), ("log", lambda x: -torch.log((2 - x) / 2))]:
            value = wrap(loss())
            (gradient,) = torch.autograd.grad(value, generated)
            results |= {f"{name}-{form}/loss": value, f"{name}-{form}/gradient": channels_last(gradient)}
    save(DIFFUSION / "clip-losses.safetensors", results)


def make_preprocessing():
    """What CLIP of 8x8 pixels sees of pictures of three sizes, in the ways that torchvision has had."""
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).double()[:, None, None]
    deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711]).double()[:, None, None]
    results = {}
    for side in [5, 12, 19]:
        # Beyond [-1, 1], so that clamping shows.
        x = (1.5 * torch.rand(2, 3, side, side) * torch.randn(2, 3, 1, 1).sign()).double()
        results[f"{side}/picture"] = channels_last(x)
        for name, antialias in [("official", False), ("antialias", True), ("clamped", True)]:
            y = F.interpolate((x + 1) / 2, size=(8, 8), mode="bicubic", align_corners=False, antialias=antialias)
            y = y.clamp(0, 1) if name == "clamped" else y
            results[f"{side}/{name}"] = channels_last((y - mean) / deviation)
    save(DIFFUSION / "clip-preprocessing.safetensors", results)


def write_provenance(folder, packages, notes):
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    lines = [
        "# Provenance", "", "Made by `Tests/Fixtures/make_diffusion_fixtures.py` with", f"{versions}; seed {SEED}.",
        "Random numbers, under the license of this project.", *notes, "", "| file | bytes | SHA-256 |", "|---|---|---|",
    ]
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != "PROVENANCE.md":
            path.chmod(0o644)
            lines.append(f"| {path.name} | {path.stat().st_size} | {hashlib.sha256(path.read_bytes()).hexdigest()} |")
    (folder / "PROVENANCE.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for folder in [DIFFUSION, METRICS]:
        folder.mkdir(parents=True, exist_ok=True)
    for make in [make_times, make_diffusion, make_options, make_pixels, make_clip, make_preprocessing]:
        torch.manual_seed(SEED)
        make()
    write_provenance(METRICS, ["torch", "numpy", "scikit-image", "safetensors"], [])
    write_provenance(DIFFUSION, ["torch", "numpy", "open_clip_torch", "safetensors"], [
        f"`templates.txt`: CLIP's prompts for ImageNet; `merges.txt`: the first {MERGES} merges of CLIP's vocabulary;",
        "both from open_clip_torch (MIT License, Copyright (c) 2021 OpenAI).",
        "`solver.safetensors` is made by `Tests/Fixtures/make_solver_fixtures.py` with torch 2.13.0, diffusers 0.42.1, numpy 2.4.6,",
        "safetensors 0.8.0; seed 20221102.",
    ])

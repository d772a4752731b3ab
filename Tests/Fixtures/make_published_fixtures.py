"""Makes Tests/NetworksTests/Fixtures/published: tiny networks in the formats in which real weights are published.

Needs torch, diffusers, transformers, open_clip_torch, lpips and safetensors; run in the repository's root:

    python Tests/Fixtures/make_published_fixtures.py

Weights are random. Beside each file or folder NAME stands NAME.expected.safetensors with `input/…`, `output/…` (pictures
channels-last), `seed/…`, what an output is multiplied with and summed to the number whose gradients are `gradient/…`, by
the names that parameters have in this project.
"""

import copy
import gzip
import hashlib
import importlib.metadata
import json
import math
import shutil
import sys
from pathlib import Path

import lpips
import open_clip
import torch
from diffusers import UNet2DModel
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPConfig, CLIPModel, SegformerConfig, SegformerForSemanticSegmentation

sys.path.insert(0, str(Path(__file__).parent))
from reference_networks import IRSE, BiSeNet, DDPMUNet, GuidedUNet  # noqa: E402

FOLDER = Path("Tests/NetworksTests/Fixtures/published")
SEED = 20220618


def channels_last(x):
    return x.permute(0, 2, 3, 1).contiguous() if x.ndim == 4 else x


def randomize(module):
    """Weights large enough that every part of the network shows in its result, and exact in half precision."""
    with torch.no_grad():
        for name, parameter in list(module.named_parameters()) + list(module.named_buffers()):
            if not parameter.is_floating_point() or name == "attn_mask":
                continue
            if parameter.ndim > 1:
                parameter.copy_(torch.randn_like(parameter) / math.sqrt(parameter[0].numel()))
            elif name.endswith("running_var"):
                parameter.copy_(0.5 + torch.rand_like(parameter))
            else:
                parameter.add_(0.2 * torch.randn_like(parameter))
            parameter.copy_(parameter.half().float())
    return module.eval()


def expected(name, inputs, output, parameters, chosen, extra=None):
    """`inputs` whose gradients are asked for require them; `parameters` by this project's names."""
    seed = torch.randn_like(output)
    (output * seed).sum().backward()
    tensors = {"output/y": channels_last(output), "seed/y": channels_last(seed)}
    for key, value in inputs.items():
        tensors[f"input/{key}"] = channels_last(value)
        if value.grad is not None:
            tensors[f"gradient/{key}"] = channels_last(value.grad)
    for key in chosen:
        tensors[f"gradient/{key}"] = parameters[key].grad
    for key, value in (extra or {}).items():
        tensors[key] = channels_last(value)
    # Inputs are exact in half precision.
    tensors = {k: (v.half() if k.startswith("input/") and "texts" not in k else v.float()).detach().contiguous()
               for k, v in tensors.items()}
    save_file(tensors, FOLDER / f"{name}.expected.safetensors")


def halves(state):
    return {k: v.half() if v.is_floating_point() else v for k, v in state.items()}


def picture(side, items=1):
    return (2 * torch.rand(items, 3, side, side) - 1).half().float().requires_grad_()


# Diffusion


def make_ddpm():
    model = randomize(DDPMUNet(4, (1, 1, 2), 1, (1,), groups=2))
    state = halves(model.state_dict())
    other = {k: v + 1 for k, v in state.items()}
    training = [
        {f"module.{k}": v for k, v in other.items()},
        {"state": {0: {"step": 10, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 2e-5, "params": [0]}]}, 3, 1700,
        {f"module.{k}": v for k, v in state.items()},
    ]
    torch.save(training, FOLDER / "ddpm.ckpt", _use_new_zipfile_serialization=False)
    x, t = picture(16, 2), torch.tensor([17.0, 801.0])
    chosen = ["temb.dense.0.weight", "conv_in.weight", "down.1.attn.0.q.weight", "down.0.downsample.conv.bias",
              "mid.attn_1.proj_out.weight", "up.1.block.0.nin_shortcut.weight", "up.2.upsample.conv.weight",
              "up.0.block.1.norm2.weight", "conv_out.bias"]
    expected("ddpm", {"x": x, "timesteps": t}, model(x, t), dict(model.named_parameters()), chosen)


def make_diffusers():
    model = randomize(UNet2DModel(
        sample_size=16, in_channels=3, out_channels=3, block_out_channels=(4, 4, 8), layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"), freq_shift=1, flip_sin_to_cos=False,
        downsample_padding=0, norm_num_groups=2, norm_eps=1e-6, attention_head_dim=None, act_fn="silu"))
    model.half().save_pretrained(FOLDER / "diffusers")
    model.float()
    state = load_file(FOLDER / "diffusers/diffusion_pytorch_model.safetensors")
    old = {}
    for key, value in state.items():
        for a, b in [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")]:
            key = key.replace(a, b)
        old[key] = value
    assert len(old) == len(state) and old.keys() != state.keys()
    folder = FOLDER / "diffusers-old"
    folder.mkdir()
    torch.save(old, folder / "diffusion_pytorch_model.bin")
    shutil.copy(FOLDER / "diffusers/config.json", folder)
    x, t = picture(16, 2), torch.tensor([17.0, 801.0])
    names = dict(model.named_parameters())
    parameters = {"conv_in.weight": names["conv_in.weight"],
                  "up.0.block.0.conv1.weight": names["up_blocks.2.resnets.0.conv1.weight"],
                  "mid.block_2.temb_proj.weight": names["mid_block.resnets.1.time_emb_proj.weight"]}
    expected("diffusers", {"x": x, "timesteps": t}, model(x, t).sample, parameters, parameters)


def make_guided():
    chosen = ["time_embed.2.weight", "input_blocks.0.0.weight", "middle_block.1.qkv.weight", "out.2.weight",
              "middle_block.0.emb_layers.1.weight", "output_blocks.0.0.skip_connection.weight",
              "output_blocks.1.0.out_layers.0.weight", "middle_block.1.proj_out.bias"]
    models = {
        "guided": (GuidedUNet(8, [4, 8, 16], [0, 1, 1], 1, head_channels=4, groups=4, classes=5),
                   ["input_blocks.2.0.in_layers.2.weight", "output_blocks.1.2.out_layers.3.weight"]),
        "guided-new": (GuidedUNet(8, [8, 8], [0, 1], 2, head_channels=2, groups=2, legacy=False, scales=False,
                                  resample_in_blocks=False, learn_sigma=False),
                       ["input_blocks.3.0.op.weight", "output_blocks.2.2.conv.weight"]),
    }
    for name, (model, more) in models.items():
        randomize(model)
        torch.save(halves(model.state_dict()), FOLDER / f"{name}.pt")
        x, t = picture(16, 2), torch.tensor([3.0, 950.0])
        extra = {}
        if hasattr(model, "label_emb"):
            with torch.no_grad():
                extra["output/labeled"] = model(x, t, torch.tensor([3, 3]))
        expected(name, {"x": x, "timesteps": t}, model(x, t), dict(model.named_parameters()), chosen + more, extra)


# CLIP


def vocabulary(folder, merges):
    lines = gzip.open(open_clip.tokenizer.default_bpe()).read().decode("utf-8").split("\n")[1 : merges + 1]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n", encoding="utf-8")
    alphabet = list(open_clip.tokenizer.bytes_to_unicode().values())
    symbols = alphabet + [a + "</w>" for a in alphabet] + ["".join(line.split()) for line in lines]
    symbols += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({s: i for i, s in enumerate(symbols)}), encoding="ascii")


def make_hugging_face():
    model = randomize(CLIPModel(CLIPConfig(
        projection_dim=12,
        vision_config=dict(image_size=12, patch_size=4, hidden_size=16, intermediate_size=64, num_hidden_layers=2,
                           num_attention_heads=4, hidden_act="quick_gelu", layer_norm_eps=1e-5),
        text_config=dict(vocab_size=530, max_position_embeddings=9, hidden_size=12, intermediate_size=48,
                         num_hidden_layers=3, num_attention_heads=2, hidden_act="quick_gelu", layer_norm_eps=1e-5,
                         eos_token_id=529, bos_token_id=528, pad_token_id=0))))
    folder = FOLDER / "hf-clip"
    model.half().save_pretrained(folder)
    model.float()
    vocabulary(folder, 16)
    clip_expected("hf-clip", 12, model, {
        "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
        "transformer.resblocks.1.mlp.c_fc.weight": "text_model.encoder.layers.1.mlp.fc1.weight",
        "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight"},
        lambda pixels: model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output),
        lambda texts: model.text_projection(model.text_model(input_ids=texts).pooler_output))


def clip_expected(name, side, model, names, image, text):
    pixels = torch.randn(2, 3, side, side).half().float().requires_grad_()
    texts = torch.tensor([[528, 7, 300, 45, 529, 0, 0, 0, 0], [528, 1, 2, 3, 4, 5, 6, 511, 529]])
    outputs = torch.cat([image(pixels), text(texts)])
    parameters = dict(model.named_parameters())
    expected(name, {"x": pixels, "texts": texts}, outputs, {k: parameters[v] for k, v in names.items()}, names)


def make_open_clip():
    text = dict(context_length=9, vocab_size=530, width=12, heads=2, layers=2)
    kinds = {
        # As OpenAI publishes them: a TorchScript archive whose weights are halves, which does not tell its heads.
        "openai-clip": (dict(image_size=12, layers=2, width=16, patch_size=4, head_width=16), True,
                        dict(text, heads=1)),
        "open-clip": (dict(image_size=12, layers=2, width=16, patch_size=4, head_width=4), False, text),
        "resnet-clip": (dict(image_size=64, layers=(1, 2, 1, 1), width=2, head_width=16), True, text),
    }
    for name, (vision, quick, text) in kinds.items():
        model = randomize(open_clip.model.CLIP(12, vision, text, quick_gelu=quick))
        folder = FOLDER / name
        folder.mkdir()
        if name == "openai-clip":
            inputs = torch.zeros(1, 3, 12, 12), torch.zeros(1, 9, dtype=torch.long)
            whole = torch.jit.trace_module(copy.deepcopy(model), {"forward": inputs})
            torch.jit.save(whole.half(), str(folder / "ViT-tiny.pt"))
        else:
            torch.save(halves(model.state_dict()), folder / "open_clip_pytorch_model.bin")
            config = {"model_cfg": {"embed_dim": 12, "quick_gelu": quick, "vision_cfg": vision, "text_cfg": text}}
            (folder / "open_clip_config.json").write_text(json.dumps(config))
        vocabulary(folder, 16)
        (folder / "vocab.json").unlink()
        chosen = (["visual.layer2.1.conv2.weight", "visual.attnpool.q_proj.weight", "visual.bn1.weight"]
                  if name == "resnet-clip" else
                  ["visual.conv1.weight", "visual.transformer.resblocks.1.attn.in_proj_weight", "visual.proj"])
        chosen += ["text_projection", "transformer.resblocks.0.mlp.c_proj.weight"]
        clip_expected(name, vision["image_size"], model, {k: k for k in chosen}, model.encode_image, model.encode_text)


# Recognition


def make_identity():
    model = randomize(IRSE((1, 1, 2, 1), (8, 12, 16, 20), 8, reduction=4))
    state = {k: v for k, v in halves(model.state_dict()).items() if "num_batches" not in k}
    torch.save(state, FOLDER / "ir-se50.pth", _use_new_zipfile_serialization=False)
    faces = picture(112)
    chosen = ["input_layer.0.weight", "input_layer.2.weight", "body.0.res_layer.5.fc1.weight", "body.3.res_layer.3.weight",
              "body.4.shortcut_layer.0.weight", "output_layer.3.weight", "output_layer.4.bias"]
    portrait = picture(64).detach()
    with torch.no_grad():
        extra = {"input/portrait": portrait, "output/portrait": model.of_portraits(portrait)}
    expected("ir-se50", {"x": faces}, model(faces), dict(model.named_parameters()), chosen, extra)


def make_segmenters():
    model = randomize(BiSeNet(5, 2))
    torch.save(halves(model.state_dict()), FOLDER / "bisenet.pth")
    x = torch.randn(1, 3, 32, 64).half().float().requires_grad_()
    chosen = ["cp.resnet.conv1.weight", "cp.resnet.layer3.0.downsample.0.weight", "cp.arm16.conv_atten.weight",
              "cp.conv_avg.conv.weight", "ffm.conv2.weight", "conv_out.conv_out.weight", "cp.resnet.bn1.weight"]
    expected("bisenet", {"x": x}, model(x), dict(model.named_parameters()), chosen)

    model = randomize(SegformerForSemanticSegmentation(SegformerConfig(
        num_labels=5, hidden_sizes=[8, 8, 16, 16], depths=[1, 2, 1, 1], num_attention_heads=[1, 2, 4, 2],
        decoder_hidden_size=8, id2label={i: n for i, n in enumerate(["wall", "sky", "tree", "church", "grass"])})))
    model.half().save_pretrained(FOLDER / "segformer")
    model.float()
    x = torch.randn(1, 3, 64, 96).half().float().requires_grad_()
    names = dict(model.named_parameters())
    parameters = {
        "segformer.encoder.patch_embeddings.0.proj.weight": "segformer.stages.0.patch_embeddings.proj.weight",
        "segformer.encoder.block.1.1.attention.self.sr.weight":
            "segformer.stages.1.blocks.1.attention.sequence_reduction.sequence_reduction.weight",
        "segformer.encoder.block.2.0.mlp.dwconv.dwconv.weight": "segformer.stages.2.blocks.0.mlp.dwconv.dwconv.weight",
        "segformer.encoder.block.3.0.attention.self.key.weight": "segformer.stages.3.blocks.0.attention.k_proj.weight",
        "decode_head.linear_c.2.proj.weight": "decode_head.linear_projections.2.proj.weight",
        "decode_head.batch_norm.weight": "decode_head.batch_norm.weight",
    }
    expected("segformer", {"x": x}, model(x).logits, {k: names[v] for k, v in parameters.items()}, parameters)


def shrink(module, divisor):
    """The same network with fewer channels."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            inputs = child.in_channels if child.in_channels == 3 else child.in_channels // divisor
            outputs = 1 if child.out_channels == 1 else child.out_channels // divisor
            setattr(module, name, nn.Conv2d(
                inputs, outputs, child.kernel_size, child.stride, child.padding, bias=child.bias is not None))
        else:
            shrink(child, divisor)


def make_lpips():
    for net, trunk in [("alex", "alexnet-owt"), ("vgg", "vgg16"), ("squeeze", "squeezenet1_1")]:
        model = lpips.LPIPS(net=net, pnet_rand=True, pretrained=False, pnet_tune=True, verbose=False)
        model.lins = nn.ModuleList()
        shrink(model, 16)
        model.lins = nn.ModuleList(getattr(model, f"lin{i}") for i in range(model.L))
        randomize(model)
        with torch.no_grad():
            for layer in model.lins:
                layer.model[1].weight.abs_()
            model.scaling_layer.__init__()
        folder = FOLDER / f"lpips-{net}"
        folder.mkdir()
        state = halves(model.state_dict())
        features = {}
        for key, value in state.items():
            if key.startswith("net.slice"):
                features["features." + key.split(".", 2)[2]] = value
        classifier = {"classifier.1.weight": torch.zeros(2, 2).half(), "classifier.1.bias": torch.zeros(2).half()}
        torch.save(features | classifier, folder / f"{trunk}.pth")
        torch.save({k: v for k, v in state.items() if k.startswith("lin") and not k.startswith("lins")},
                   folder / f"{net}.pth", _use_new_zipfile_serialization=False)
        if net == "alex":
            torch.save(state, FOLDER / "lpips-whole.pth")
        a, b = picture(48), picture(48)
        names = dict(model.named_parameters())
        first = next(k for k in names if k.startswith("net.slice2"))
        parameters = {"features." + first.split(".", 2)[2]: names[first], "features.0.weight": names["net.slice1.0.weight"],
                      "lin1.model.1.weight": names["lin1.model.1.weight"]}
        expected(f"lpips-{net}", {"x": a, "b": b}, model(a, b).reshape(1), parameters, parameters)


# Tokenizer

MASK = (1 << 64) - 1


class Generator:
    """SplitMix64, as SeededGenerator of the tests."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = ((self.state ^ (self.state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return (mixed ^ (mixed >> 31)) % bound


WORDS = (
    "a photo of the person with hair face angry happy tanned makeup zombie sketch pixar gogh style painting portrait "
    "curly blond grey beard neanderthal church dog watercolor cubism department store robot it's don't i'll we've 's "
    "1999 42nd café naïve résumé Ελλάδα Москва 日本語 中文字 한국어 ไทย עברית 😀 👩‍👩‍👧 🏳️‍🌈 👍🏽 e\u0301 ﬁ ½ ² Ⅻ “quoted” #tag C++ &amp; "
    "<|startoftext|> <|endoftext|> ΟΔΥΣΣΕΥΣ İstanbul"
).split(" ")
RANGES = [(32, 126), (0, 31), (127, 160), (161, 591), (768, 879), (880, 1279), (1424, 1535), (1569, 1610), (2304, 2431),
          (3585, 3642), (8192, 8303), (8448, 8527), (9312, 9471), (12353, 12543), (19968, 40000), (44032, 55203),
          (65281, 65500), (127462, 127487), (128512, 128591), (129296, 129400)]
SEPARATORS = [" ", "", "-", ", ", "!", "  ", "\t", "\n", "'", ".", "1"]
TEXTS, BLOCK = 12000, 100


def text(number):
    """Half of the texts are words with something between them, half are characters of a few ranges."""
    generator = Generator(number)
    result = ""
    if number % 2 == 0:
        for _ in range(1 + generator.below(10)):
            result += WORDS[generator.below(len(WORDS))]
            result += SEPARATORS[generator.below(len(SEPARATORS))]
    else:
        ranges = [RANGES[generator.below(len(RANGES))] for _ in range(1 + generator.below(3))]
        for _ in range(1 + generator.below(24)):
            low, high = ranges[generator.below(len(ranges))]
            result += chr(low + generator.below(high - low + 1))
    return result


def make_tokenizer():
    from make_network_fixtures import openai_tokenizer
    import make_network_fixtures

    make_network_fixtures.MERGES = 49152 - 256 - 2
    tokenizer, merges = openai_tokenizer()
    (FOLDER / "bpe_simple_vocab_16e6.txt.gz").write_bytes(gzip.compress(merges.encode("utf-8"), 9, mtime=0))
    hashes = []
    for block in range(TEXTS // BLOCK):
        digest = 0xCBF29CE484222325
        for number in range(block * BLOCK, (block + 1) * BLOCK):
            for token in tokenizer.encode(text(number)) + [99999]:
                digest = ((digest ^ token) * 0x100000001B3) & MASK
        hashes.append(f"{digest:016x}")
    rule = {"words": WORDS, "ranges": RANGES, "separators": SEPARATORS, "texts": TEXTS, "block": BLOCK, "hashes": hashes}
    (FOLDER / "token-hashes.json").write_text(json.dumps(rule), encoding="ascii")


def write_provenance():
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ["torch", "torchvision", "diffusers", "transformers", "open_clip_torch", "lpips", "safetensors"])
    lines = [
        "# Provenance", "", "Made by `Tests/Fixtures/make_published_fixtures.py` with", f"{versions}; seed {SEED}.",
        "Random numbers, under the license of this project. `bpe_simple_vocab_16e6.txt.gz` and the `merges.txt`: the merges",
        "of OpenAI's CLIP vocabulary (MIT License, Copyright (c) 2021 OpenAI), from open_clip_torch.", "",
        "| file | bytes | SHA-256 |", "|---|---|---|"]
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and path.name != "PROVENANCE.md":
            path.chmod(0o644)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            lines.append(f"| {path.relative_to(FOLDER)} | {path.stat().st_size} | {digest} |")
    (FOLDER / "PROVENANCE.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for make in [make_ddpm, make_diffusers, make_guided, make_hugging_face, make_open_clip, make_identity,
                 make_segmenters, make_lpips, make_tokenizer]:
        torch.manual_seed(SEED)
        make()
    write_provenance()

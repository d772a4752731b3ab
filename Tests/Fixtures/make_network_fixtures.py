"""Makes the fixtures of Tests/NetworksTests and Tests/CheckpointsTests: what other implementations compute.

Needs torch, diffusers, transformers, open_clip_torch and safetensors; run in the repository's root:

    python Tests/Fixtures/make_network_fixtures.py

Networks are tiny, with random weights. In each file `parameter/K` is a weight under its official checkpoint name,
`input/…` and `output/…` are what goes in and comes out (pictures channels-last), `seed/…` what the outputs are
multiplied with and summed to the number whose gradients are `gradient/…`.
"""

import gzip
import hashlib
import html
import importlib.metadata
import json
import math
import random
from pathlib import Path

import ftfy
import open_clip.tokenizer
import regex
import torch
import torch.nn.functional as F
from diffusers import UNet2DModel
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

NETWORKS = Path("Tests/NetworksTests/Fixtures")
CHECKPOINTS = Path("Tests/CheckpointsTests/Fixtures")
SEED = 20211006


def channels_last(x):
    return x.permute(0, 2, 3, 1).contiguous()


def save(path, tensors, metadata=None):
    save_file({k: v.detach().float().contiguous() for k, v in tensors.items()}, path, metadata=metadata)


def randomize(module):
    """Weights large enough that every part of the network shows in its result."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                fan_in = parameter[0].numel()
                parameter.copy_(torch.randn_like(parameter) / math.sqrt(fan_in))
            else:
                parameter.add_(0.2 * torch.randn_like(parameter))


# DDPM U-Net


def ddpm_keys(levels, blocks, attention):
    """Official name -> diffusers name, of modules."""
    keys = {
        "temb.dense.0": "time_embedding.linear_1",
        "temb.dense.1": "time_embedding.linear_2",
        "conv_in": "conv_in",
        "norm_out": "conv_norm_out",
        "conv_out": "conv_out",
    }

    def residual(official, other):
        for a, b in [("temb_proj", "time_emb_proj"), ("nin_shortcut", "conv_shortcut")]:
            keys[f"{official}.{a}"] = f"{other}.{b}"
        for part in ["norm1", "conv1", "norm2", "conv2"]:
            keys[f"{official}.{part}"] = f"{other}.{part}"

    def attend(official, other):
        for a, b in [("norm", "group_norm"), ("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("proj_out", "to_out.0")]:
            keys[f"{official}.{a}"] = f"{other}.{b}"

    for i in range(levels):
        for j in range(blocks):
            residual(f"down.{i}.block.{j}", f"down_blocks.{i}.resnets.{j}")
            if attention[i]:
                attend(f"down.{i}.attn.{j}", f"down_blocks.{i}.attentions.{j}")
        keys[f"down.{i}.downsample.conv"] = f"down_blocks.{i}.downsamplers.0.conv"
        up = levels - 1 - i
        for j in range(blocks + 1):
            residual(f"up.{i}.block.{j}", f"up_blocks.{up}.resnets.{j}")
            if attention[i]:
                attend(f"up.{i}.attn.{j}", f"up_blocks.{up}.attentions.{j}")
        keys[f"up.{i}.upsample.conv"] = f"up_blocks.{up}.upsamplers.0.conv"
    for j in [0, 1]:
        residual(f"mid.block_{j + 1}", f"mid_block.resnets.{j}")
    attend("mid.attn_1", "mid_block.attentions.0")
    return keys


def make_ddpm():
    configuration = dict(
        resolution=16, channels=8, multipliers=[1, 1, 2], blocks=1, attentionResolutions=[8], groups=4,
        pictureChannels=3,
    )
    model = UNet2DModel(
        sample_size=16, in_channels=3, out_channels=3, block_out_channels=(8, 8, 16), layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"), freq_shift=1, flip_sin_to_cos=False,
        downsample_padding=0, norm_num_groups=4, norm_eps=1e-6, attention_head_dim=None, act_fn="silu",
    )
    randomize(model)
    keys = ddpm_keys(3, 1, [False, True, False])
    others = dict(model.named_parameters())
    official = {}
    for a, b in keys.items():
        for kind in ["weight", "bias"]:
            if f"{b}.{kind}" in others:
                official[f"{a}.{kind}"] = others.pop(f"{b}.{kind}")
    assert not others, others.keys()

    x = torch.randn(2, 3, 16, 16, requires_grad=True)
    timesteps = torch.tensor([17.0, 801.0])
    y = model(x, timesteps).sample
    seed = torch.randn_like(y)
    (y * seed).sum().backward()

    def stored(name, tensor):
        attention = ".attn" in name and ".norm." not in name and name.endswith("weight")
        return tensor[:, :, None, None] if attention else tensor

    chosen = [
        "temb.dense.0.weight", "conv_in.weight", "conv_in.bias", "down.0.downsample.conv.weight",
        "down.1.attn.0.q.weight", "down.2.block.0.nin_shortcut.weight", "mid.attn_1.norm.weight",
        "up.1.block.0.temb_proj.weight", "up.0.block.1.norm2.bias", "up.1.upsample.conv.weight", "conv_out.weight",
    ]
    tensors = {f"parameter/{k}": stored(k, v) for k, v in official.items()}
    tensors |= {f"gradient/{k}": stored(k, official[k].grad) for k in chosen}
    tensors |= {
        "input/x": channels_last(x), "input/timesteps": timesteps, "output/y": channels_last(y),
        "seed/y": channels_last(seed), "gradient/x": channels_last(x.grad),
    }
    save(NETWORKS / "ddpm-unet.safetensors", tensors, {"configuration": json.dumps(configuration)})


# CLIP


def make_clip():
    configuration = dict(
        embedDim=12, imageResolution=12, visionLayers=2, visionWidth=16, visionPatchSize=4, visionHeads=4,
        contextLength=9, vocabularySize=530, textLayers=3, textWidth=12, textHeads=2,
    )
    model = CLIPModel(
        CLIPConfig(
            projection_dim=12,
            vision_config=dict(
                image_size=12, patch_size=4, hidden_size=16, intermediate_size=64, num_hidden_layers=2,
                num_attention_heads=4, hidden_act="quick_gelu", layer_norm_eps=1e-5,
            ),
            text_config=dict(
                vocab_size=530, max_position_embeddings=9, hidden_size=12, intermediate_size=48, num_hidden_layers=3,
                num_attention_heads=2, hidden_act="quick_gelu", layer_norm_eps=1e-5, eos_token_id=529,
                bos_token_id=528, pad_token_id=0,
            ),
        )
    ).eval()
    randomize(model)
    others = dict(model.named_parameters())

    def official(source):
        """OpenAI's names, from a dictionary with those of transformers."""
        result = {
            "logit_scale": source["logit_scale"],
            "visual.conv1.weight": source["vision_model.embeddings.patch_embedding.weight"],
            "visual.class_embedding": source["vision_model.embeddings.class_embedding"],
            "visual.positional_embedding": source["vision_model.embeddings.position_embedding.weight"],
            "visual.proj": source["visual_projection.weight"].T,
            "token_embedding.weight": source["text_model.embeddings.token_embedding.weight"],
            "positional_embedding": source["text_model.embeddings.position_embedding.weight"],
            "text_projection": source["text_projection.weight"].T,
        }
        norms = {
            "visual.ln_pre": "vision_model.pre_layrnorm", "visual.ln_post": "vision_model.post_layernorm",
            "ln_final": "text_model.final_layer_norm",
        }
        for a, b, layers in [("visual.transformer", "vision_model", 2), ("transformer", "text_model", 3)]:
            for n in range(layers):
                block, other = f"{a}.resblocks.{n}", f"{b}.encoder.layers.{n}"
                norms[f"{block}.ln_1"] = f"{other}.layer_norm1"
                norms[f"{block}.ln_2"] = f"{other}.layer_norm2"
                norms[f"{block}.attn.out_proj"] = f"{other}.self_attn.out_proj"
                norms[f"{block}.mlp.c_fc"] = f"{other}.mlp.fc1"
                norms[f"{block}.mlp.c_proj"] = f"{other}.mlp.fc2"
                for kind in ["weight", "bias"]:
                    parts = [source[f"{other}.self_attn.{p}_proj.{kind}"] for p in "qkv"]
                    result[f"{block}.attn.in_proj_{kind}"] = torch.cat(parts)
        for a, b in norms.items():
            for kind in ["weight", "bias"]:
                result[f"{a}.{kind}"] = source[f"{b}.{kind}"]
        return result

    picture = (2 * torch.rand(2, 3, 16, 16) - 1).requires_grad_()
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    resized = F.interpolate((picture + 1) / 2, size=(12, 12), mode="bicubic", align_corners=False, antialias=False)
    pixels = (resized - mean) / deviation
    texts = torch.tensor([[528, 7, 300, 45, 529, 0, 0, 0, 0], [528, 1, 2, 3, 4, 5, 6, 511, 529], [528, 529] + 7 * [0]])

    image = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
    text = model.text_projection(model.text_model(input_ids=texts).pooler_output)
    seeds = torch.randn_like(image), torch.randn_like(text)
    ((image * seeds[0]).sum() + (text * seeds[1]).sum()).backward()
    gradients = official({k: torch.zeros_like(v) if v.grad is None else v.grad for k, v in others.items()})
    chosen = [
        "visual.conv1.weight", "visual.class_embedding", "visual.positional_embedding", "visual.proj",
        "visual.transformer.resblocks.0.attn.in_proj_weight", "visual.transformer.resblocks.1.mlp.c_fc.bias",
        "token_embedding.weight", "transformer.resblocks.0.attn.in_proj_bias", "ln_final.weight",
        "transformer.resblocks.2.ln_1.weight", "transformer.resblocks.1.attn.out_proj.weight", "text_projection",
    ]
    tensors = {f"parameter/{k}": v for k, v in official(others).items()}
    tensors |= {f"gradient/{k}": gradients[k] for k in chosen}
    tensors |= {
        "input/picture": channels_last(picture), "input/texts": texts, "output/pixels": channels_last(pixels),
        "output/image": image, "output/text": text, "seed/image": seeds[0], "seed/text": seeds[1],
        "gradient/picture": channels_last(picture.grad),
    }
    save(NETWORKS / "clip.safetensors", tensors, {"configuration": json.dumps(configuration)})


# Single operations


def make_operations():
    tensors = {}

    def record(name, inputs, function, pictures=()):
        """Channels-first inner workings; what is stored of the named inputs, and of "y", is channels-last."""
        inputs = {k: v.requires_grad_() for k, v in inputs.items()}
        y = function(**inputs)
        seed = torch.randn_like(y)
        (y * seed).sum().backward()

        def stored(key, tensor):
            return channels_last(tensor) if key in pictures else tensor

        for key, value in inputs.items():
            tensors[f"{name}/input/{key}"] = stored(key, value)
            tensors[f"{name}/gradient/{key}"] = stored(key, value.grad)
        tensors[f"{name}/output"] = stored("y", y)
        tensors[f"{name}/seed"] = stored("y", seed)

    image = ("x", "y")
    r = torch.randn
    record(
        "conv2d-3x3", dict(x=r(2, 5, 9, 7), weight=r(33, 5, 3, 3), bias=r(33)),
        lambda x, weight, bias: F.conv2d(x, weight, bias, padding=1), image)
    record(
        "conv2d-downsample", dict(x=r(1, 4, 8, 8), weight=r(6, 4, 3, 3), bias=r(6)),
        lambda x, weight, bias: F.conv2d(F.pad(x, (0, 1, 0, 1)), weight, bias, stride=2), image)
    record(
        "conv2d-patches", dict(x=r(2, 3, 8, 12), weight=r(10, 3, 4, 4)),
        lambda x, weight: F.conv2d(x, weight, stride=4), image)
    record("linear", dict(x=r(2, 3, 7), weight=r(5, 7), bias=r(5)), lambda x, weight, bias: F.linear(x, weight, bias))
    record(
        "group-norm-silu", dict(x=3 * r(2, 12, 5, 6) + 1, weight=r(12), bias=r(12)),
        lambda x, weight, bias: F.silu(F.group_norm(x, 4, weight, bias, 1e-6)), image)
    record(
        "layer-norm", dict(x=3 * r(2, 4, 9) + 1, weight=r(9), bias=r(9)),
        lambda x, weight, bias: F.layer_norm(x, (9,), weight, bias))
    record("softmax", dict(x=4 * r(3, 11)), lambda x: F.softmax(x, dim=-1))
    record(
        "attention", dict(q=r(2, 3, 6, 4), k=r(2, 3, 6, 4), v=r(2, 3, 6, 4)),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True))
    for height, width in [(13, 5), (4, 4), (7, 20)]:
        record(
            f"bicubic-{height}x{width}", dict(x=r(1, 3, 7, 9)),
            lambda x: F.interpolate(x, (height, width), mode="bicubic", align_corners=False), image)
    record("adaptive-average", dict(x=r(1, 3, 7, 9)), lambda x: F.adaptive_avg_pool2d(x, (3, 4)), image)
    record("max-pool", dict(x=r(2, 3, 7, 9)), lambda x: F.max_pool2d(x, 3, 2), image)
    record("upsample", dict(x=r(2, 3, 3, 4)), lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), image)
    record("gelu", dict(x=3 * r(17)), lambda x: F.gelu(x))
    record("quick-gelu", dict(x=3 * r(17)), lambda x: x * torch.sigmoid(1.702 * x))
    record("silu", dict(x=3 * r(17)), lambda x: F.silu(x))
    record("cross-entropy", dict(x=3 * r(4, 5)), lambda x: F.cross_entropy(x, torch.tensor([1, 4, -100, 0])))
    save(NETWORKS / "operations.safetensors", tensors)


# Tokenizer

MERGES = 3000


def openai_tokenizer():
    """The class from open_clip with what it changed put back: OpenAI's special tokens and white space, fewer merges."""
    module = open_clip.tokenizer
    lines = gzip.open(module.default_bpe()).read().decode("utf-8").split("\n")[1 : MERGES + 1]
    text = "#version: 0.2\n" + "\n".join(lines) + "\n"
    shortened = NETWORKS / "shortened.txt.gz"
    shortened.write_bytes(gzip.compress(text.rstrip("\n").encode("utf-8")))
    tokenizer = module.SimpleTokenizer(str(shortened))
    shortened.unlink()
    special = ["<|startoftext|>", "<|endoftext|>"]
    for name, number in zip(special, tokenizer.all_special_ids):
        del tokenizer.encoder[tokenizer.decoder[number]]
        tokenizer.encoder[name] = number
    tokenizer.cache = {name: name for name in special}
    tokenizer.pat = regex.compile(
        r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+""",
        regex.IGNORECASE,
    )
    def clean(text):
        # Wrongly decoded text stays as it is.
        text = html.unescape(html.unescape(ftfy.fix_text(text, fix_encoding=False))).strip()
        return regex.sub(r"\s+", " ", text).strip().lower()

    tokenizer.clean_fn = clean
    return tokenizer, text


def hugging_face_tokenizer(merges):
    pairs = [tuple(line.split()) for line in merges.strip().split("\n")[1:]]
    letters = list(open_clip.tokenizer.bytes_to_unicode().values())
    symbols = letters + [letter + "</w>" for letter in letters] + ["".join(pair) for pair in pairs]
    symbols += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={symbol: number for number, symbol in enumerate(symbols)}, merges=pairs)


def tokenizer_texts():
    texts = [
        "", " ", "a", "A photo of a face.", "photo of an angry face",
        "It's, they're; I've, I'm, we'll, he'd, can't", "IT'S THEY'RE I'LL", "don''t 's 'sx 'ſ",
        "3.14159 and 1,000,000", "x²+y³=½ Ⅻ ٣٤", "<|startoftext|>hi<|endoftext|>", "<|StartOfText|> <|END|>",
        "tabs\tand\nnew\r\nlines\u00a0nbsp\u2003em\u3000wide\u2028sep\u0085nel",
        "\x00 \x01\x02 \x7f \x1b[31m", "a\x1cb\x1dc\x1ed\x1fe", "\x1c lead and trail \x1f",
        "zero\u200bwidth\u200djoiner\ufeffbom", "ΟΔΥΣΣΕΥΣ ΑΣ. Σ ΑΣΑ Σ.Σ 'Σ", "İstanbul ISPARTA ıi ǅ ß ẞ ŉ",
        "Ελληνικά Кириллица עברית العربية हिन्दी ไทย 한국어 日本語 中文字", "汉字漢字かなカナ", "👩‍👩‍👧‍👦 family",
        "😀😃😄 🏳️‍🌈 👍🏽 ❤️", "e\u0301 é ñ ñ Å Å", "ﬁ ﬂ Ｆｕｌｌ ｗｉｄｔｈ", "„quotes“ «guillemets» ‘single’ ’s",
        "path/to/file_name-1.png", "C++ && || != <= => ->", "@user #tag http://example.org?q=1&r=2",
        "&amp; &lt;b&gt; &#39;", "....", "!!!???", "_under_score_", "a" * 200, "ab " * 100,
        "\U0001d49c\U0001d4b7 math", "\U000e0001tag", "ʼn ʻokina Hawaiʻi",
        "naïve café résumé São Tomé Åse Øre Þór Łódź Šárka", "ÀÉÎÕÜ ÇÑ Œuvre Æther", "½ ¼ ⅔ ① ② ㊿", "🇩🇪🇫🇷",
        "\ud7ff\ue000\uf8ff", "It’s a “tanned” face — really…", "Ĳ ĳ ǆ ﬃ ﬆ", "Ｕﾀｰﾝ ｶﾞ ＆ｌｔ；",
        "P&eacute;rez P&EACUTE;REZ &SZLIG; &ntilde; &nTILDE; &frac12; &FRAC12;", "&amp;lt; &amp;amp;lt; &ampamp; &AMPX; &AMP",
        "a &lt;b&gt; <i> &eacute; &amp; &notit; &notin;", "one < two\n&eacute;", "&eacute\n<b> &eacute; &Eacute",
        "&#39; &#x2019; &#8217 &#0; &#128; &#x81; &#x110000; &#xD800; &#12 &#; &#x; &; & &bogus; &#99999999999999999999;",
        "\x1b[31mred\x1b[0m \x1b[ x \x1b", "\u206a \ufff9 \ufffc \u0085 \u0091x\u0092", "a\rb\r\nc\u2028d\u2029e",
        "schÃ¶ne GrÃ¼ÃŸe", "LE CAFÃ‰", "itâ€™s", "itÃ¢â‚¬â„¢s", "ÐŸÑ€Ð¸Ð²ÐµÑ‚", "ã\x81\x93ã\x82\x93", "ðŸ˜€ face",
        "CAFÉ… SPAß” É»", "à la carte", "\uac00\u11a8 \u1100\u1161\u11a8 \uac01\u11a8 \u1100\uac00 \u115f\u1161 \ua960\u1161",
        "CAFÉ… MARCHÉ™ 5×½ É’S", "NÃ¤chste StraÃŸe", "ÎµÎ»Î»Î·Î½Î¹ÎºÎ¬", "q\u0323\u0307 \u1e9b\u0323 \u0f73\u0f75", "\u1112\u1161\u11ab \u0041\u030a ΐ",
    ]
    generator = random.Random(SEED)
    words = """a photo of the person with hair face angry happy sad tanned makeup zombie sketch pixar gogh style
    painting portrait curly blond grey beard glasses young old smiling neanderthal church dog bear watercolor cubism
    red blue green wooden department store hamster robot statue clown pixel art night morning it's don't i'll 50 1999
    42nd"""
    words = words.split()
    ranges = [(32, 126), (161, 591), (880, 1279), (1424, 1535), (2304, 2431), (8192, 8303), (12353, 12543),
              (19968, 20500), (44032, 44400), (128512, 128591), (0, 31)]
    while len(texts) < 340:
        kind = len(texts) % 4
        if kind == 0:
            chosen = [generator.choice(words) for _ in range(generator.randint(1, 12))]
            text = " ".join(w.upper() if generator.random() < 0.1 else w for w in chosen)
        elif kind == 1:
            low, high = generator.choice(ranges)
            text = "".join(chr(generator.randint(low, high)) for _ in range(generator.randint(1, 16)))
        elif kind == 2:
            text = "".join(chr(generator.randint(*generator.choice(ranges))) for _ in range(generator.randint(1, 24)))
        else:
            text = "".join(
                generator.choice(words) + generator.choice([" ", "", "-", "'s ", ", ", "!", "  ", "é", "1", "🙂"])
                for _ in range(generator.randint(1, 9)))
        texts.append(text)
    return texts


def make_tokenizer():
    tokenizer, merges = openai_tokenizer()
    theirs = hugging_face_tokenizer(merges)
    (NETWORKS / "merges.txt").write_text(merges, encoding="utf-8")
    cases = []
    for text in tokenizer_texts():
        tokens = theirs(text, add_special_tokens=False)["input_ids"]
        cases.append({"text": text, "tokens": tokenizer.encode(text), "hugging_face": tokens})
    lines = ",\n".join(json.dumps(case) for case in cases)
    (NETWORKS / "tokens.json").write_text(f"[\n{lines}\n]\n", encoding="ascii")


# Checkpoints


def make_checkpoints():
    values = torch.tensor([[0.0, 1.0, -2.5], [65504.0, 6e-5, 0.1]])
    integers = torch.tensor([[0, 1, 2], [3, 4, 100]])
    tensors = {name: values.to(kind) for name, kind in [
        ("f64", torch.float64), ("f32", torch.float32), ("f16", torch.float16), ("bf16", torch.bfloat16)]}
    tensors |= {name: integers.to(kind) for name, kind in [
        ("i64", torch.int64), ("i32", torch.int32), ("i16", torch.int16), ("i8", torch.int8), ("u8", torch.uint8),
        ("bool", torch.bool)]}
    tensors |= {"scalar": torch.tensor(-3.5), "empty": torch.zeros(0, 4)}
    metadata = {"format": "pt", 'naïve "key"': "line\nbreak \\ ü"}
    save_file(tensors, CHECKPOINTS / "types.safetensors", metadata=metadata)


def write_provenance(folder):
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ["torch", "diffusers", "transformers", "open_clip_torch", "safetensors"])
    lines = [
        "# Provenance", "", "Made by `Tests/Fixtures/make_network_fixtures.py` with", f"{versions}; seed {SEED}.",
        "Random numbers and made-up texts, under the license of this project.",
    ]
    if (folder / "merges.txt").exists():
        lines += [f"`merges.txt`: the first {MERGES} merges of OpenAI's CLIP vocabulary (MIT License,",
                  "Copyright (c) 2021 OpenAI), from open_clip_torch."]
    lines += ["", "| file | bytes | SHA-256 |", "|---|---|---|"]
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != "PROVENANCE.md":
            path.chmod(0o644)
            lines.append(f"| {path.name} | {path.stat().st_size} | {hashlib.sha256(path.read_bytes()).hexdigest()} |")
    (folder / "PROVENANCE.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for folder in [NETWORKS, CHECKPOINTS]:
        folder.mkdir(parents=True, exist_ok=True)
    for make in [make_ddpm, make_clip, make_operations, make_tokenizer, make_checkpoints]:
        torch.manual_seed(SEED)
        make()
    for folder in [NETWORKS, CHECKPOINTS]:
        write_provenance(folder)

"""Networks that no package on PyPI has, in PyTorch: guided diffusion's U-Net, IR-SE50 and BiSeNet.

Written from the papers and from the names and shapes of the published weights; the module structure gives the names.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


# Guided diffusion (Dhariwal & Nichol 2021)


class GuidedBlock(nn.Module):
    def __init__(self, inputs, outputs, width, groups, scales=True, change=None):
        super().__init__()
        self.scales, self.change = scales, change
        self.in_layers = nn.Sequential(
            nn.GroupNorm(groups, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * outputs if scales else outputs))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(groups, outputs), nn.SiLU(), nn.Dropout(0), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip_connection = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def resize(self, x):
        if self.change == "halve":
            return F.avg_pool2d(x, 2)
        return F.interpolate(x, scale_factor=2, mode="nearest") if self.change == "double" else x

    def forward(self, x, embedding):
        norm, activation, convolution = self.in_layers
        h = convolution(self.resize(activation(norm(x))))
        x = self.resize(x)
        said = self.emb_layers(embedding)[:, :, None, None]
        if self.scales:
            scale, shift = said.chunk(2, dim=1)
            h = self.out_layers[1:](self.out_layers[0](h) * (1 + scale) + shift)
        else:
            h = self.out_layers(h + said)
        return self.skip_connection(x) + h


class GuidedAttention(nn.Module):
    def __init__(self, channels, head_channels, groups, legacy=True):
        super().__init__()
        self.heads, self.legacy = channels // head_channels, legacy
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x, embedding):
        n, c, *size = x.shape
        qkv = self.qkv(self.norm(x.reshape(n, c, -1)))
        width = c // self.heads
        if self.legacy:
            q, k, v = qkv.reshape(n * self.heads, 3 * width, -1).split(width, dim=1)
        else:
            q, k, v = (part.reshape(n * self.heads, width, -1) for part in qkv.chunk(3, dim=1))
        weights = torch.softmax(torch.einsum("bct,bcs->bts", q, k) / math.sqrt(width), dim=-1)
        h = torch.einsum("bts,bcs->bct", weights, v).reshape(n, c, -1)
        return x + self.proj_out(h).reshape(n, c, *size)


class Plain(nn.Module):
    """A layer that does not look at the time."""

    def forward(self, x, embedding):
        return self.apply_to(x)


class Halving(Plain):
    def __init__(self, channels):
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def apply_to(self, x):
        return self.op(x)


class Doubling(Plain):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def apply_to(self, x):
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class Stage(nn.ModuleList):
    def forward(self, x, embedding):
        for layer in self:
            x = layer(x) if isinstance(layer, nn.Conv2d) else layer(x, embedding)
        return x


class GuidedUNet(nn.Module):
    def __init__(self, channels, widths, attention, blocks, head_channels=64, groups=32, legacy=True, scales=True,
                 resample_in_blocks=True, learn_sigma=True, classes=None):
        super().__init__()
        self.channels = channels
        width = 4 * channels
        self.time_embed = nn.Sequential(nn.Linear(channels, width), nn.SiLU(), nn.Linear(width, width))
        if classes:
            self.label_emb = nn.Embedding(classes, width)

        def block(inputs, outputs, change=None):
            return GuidedBlock(inputs, outputs, width, groups, scales, change)

        def attend(channels):
            return GuidedAttention(channels, head_channels, groups, legacy)

        current, skips = widths[0], [widths[0]]
        self.input_blocks = nn.ModuleList([Stage([nn.Conv2d(3, current, 3, padding=1)])])
        for level, w in enumerate(widths):
            for _ in range(blocks):
                self.input_blocks.append(Stage([block(current, w)] + ([attend(w)] if attention[level] else [])))
                current = w
                skips.append(w)
            if level < len(widths) - 1:
                self.input_blocks.append(Stage([block(w, w, "halve") if resample_in_blocks else Halving(w)]))
                skips.append(w)
        self.middle_block = Stage([block(current, current), attend(current), block(current, current)])
        self.output_blocks = nn.ModuleList()
        for level, w in reversed(list(enumerate(widths))):
            for number in range(blocks + 1):
                layers = [block(current + skips.pop(), w)] + ([attend(w)] if attention[level] else [])
                current = w
                if level and number == blocks:
                    layers.append(block(w, w, "double") if resample_in_blocks else Doubling(w))
                self.output_blocks.append(Stage(layers))
        self.out = nn.Sequential(
            nn.GroupNorm(groups, current), nn.SiLU(), nn.Conv2d(current, 6 if learn_sigma else 3, 3, padding=1))

    def forward(self, x, timesteps, labels=None):
        half = self.channels // 2
        angles = timesteps[:, None].float() * torch.exp(-math.log(10000) * torch.arange(half) / half)
        embedding = self.time_embed(torch.cat([angles.cos(), angles.sin()], dim=-1))
        if labels is not None:
            embedding = embedding + self.label_emb(labels)
        h, skips = x, []
        for stage in self.input_blocks:
            h = stage(h, embedding)
            skips.append(h)
        h = self.middle_block(h, embedding)
        for stage in self.output_blocks:
            h = stage(torch.cat([h, skips.pop()], dim=1), embedding)
        return self.out(h)


# The U-Net of DDPM (Ho et al. 2020) under the official names


class DDPMBlock(nn.Module):
    def __init__(self, inputs, outputs, width, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps=1e-6)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.temb_proj = nn.Linear(width, outputs)
        self.norm2 = nn.GroupNorm(groups, outputs, eps=1e-6)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x, embedding):
        h = self.conv1(F.silu(self.norm1(x))) + self.temb_proj(F.silu(embedding))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + h


class DDPMAttention(nn.Module):
    def __init__(self, channels, groups):
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        for name in ["q", "k", "v", "proj_out"]:
            setattr(self, name, nn.Conv2d(channels, channels, 1))

    def forward(self, x):
        n, c, h, w = x.shape
        normed = self.norm(x)
        q, k, v = (layer(normed).reshape(n, c, h * w) for layer in [self.q, self.k, self.v])
        weights = torch.softmax(torch.einsum("bct,bcs->bts", q, k) / math.sqrt(c), dim=-1)
        return x + self.proj_out(torch.einsum("bts,bcs->bct", weights, v).reshape(n, c, h, w))


class Convolved(nn.Module):
    def __init__(self, channels, stride):
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(channels, channels, 3, stride=stride, padding=0 if stride == 2 else 1)

    def forward(self, x):
        x = F.pad(x, (0, 1, 0, 1)) if self.stride == 2 else F.interpolate(x, scale_factor=2, mode="nearest")
        return self.conv(x)


class DDPMUNet(nn.Module):
    def __init__(self, channels=128, multipliers=(1, 1, 2, 2, 4, 4), blocks=2, attention=(4,), groups=32):
        super().__init__()
        self.channels = channels
        width = 4 * channels
        levels = [m * channels for m in multipliers]
        self.temb = nn.Module()
        self.temb.dense = nn.ModuleList([nn.Linear(channels, width), nn.Linear(width, width)])
        self.conv_in = nn.Conv2d(3, channels, 3, padding=1)

        def level(sizes, index, resample):
            part = nn.Module()
            part.block = nn.ModuleList(DDPMBlock(a, b, width, groups) for a, b in sizes)
            part.attn = nn.ModuleList(DDPMAttention(b, groups) for _, b in sizes if index in attention)
            if resample == "downsample" and index < len(levels) - 1:
                part.downsample = Convolved(levels[index], 2)
            if resample == "upsample" and index > 0:
                part.upsample = Convolved(levels[index], 1)
            return part

        current, skips, self.down = channels, [channels], nn.ModuleList()
        for index, w in enumerate(levels):
            sizes = [(current if j == 0 else w, w) for j in range(blocks)]
            current = w
            skips += [w] * blocks + ([w] if index < len(levels) - 1 else [])
            self.down.append(level(sizes, index, "downsample"))
        self.mid = nn.Module()
        self.mid.block_1 = DDPMBlock(current, current, width, groups)
        self.mid.attn_1 = DDPMAttention(current, groups)
        self.mid.block_2 = DDPMBlock(current, current, width, groups)
        up = []
        for index, w in reversed(list(enumerate(levels))):
            sizes = []
            for _ in range(blocks + 1):
                sizes.append((current + skips.pop(), w))
                current = w
            up.insert(0, level(sizes, index, "upsample"))
        self.up = nn.ModuleList(up)
        self.norm_out = nn.GroupNorm(groups, current, eps=1e-6)
        self.conv_out = nn.Conv2d(current, 3, 3, padding=1)

    def forward(self, x, timesteps):
        half = self.channels // 2
        angles = timesteps[:, None].float() * torch.exp(-math.log(10000) * torch.arange(half) / (half - 1))
        embedding = self.temb.dense[0](torch.cat([angles.sin(), angles.cos()], dim=-1))
        embedding = self.temb.dense[1](F.silu(embedding))
        h = self.conv_in(x)
        skips = [h]
        for part in self.down:
            for j, block in enumerate(part.block):
                h = block(h, embedding)
                h = part.attn[j](h) if len(part.attn) else h
                skips.append(h)
            if hasattr(part, "downsample"):
                h = part.downsample(h)
                skips.append(h)
        h = self.mid.block_2(self.mid.attn_1(self.mid.block_1(h, embedding)), embedding)
        for part in reversed(self.up):
            for j, block in enumerate(part.block):
                h = block(torch.cat([h, skips.pop()], dim=1), embedding)
                h = part.attn[j](h) if len(part.attn) else h
            h = part.upsample(h) if hasattr(part, "upsample") else h
        return self.conv_out(F.silu(self.norm_out(h)))


# ArcFace with squeeze and excitation


class Excitation(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x):
        gate = F.adaptive_avg_pool2d(x, 1)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(gate))))


class FaceUnit(nn.Module):
    def __init__(self, inputs, outputs, stride, reduction):
        super().__init__()
        if inputs == outputs:
            self.shortcut_layer = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), nn.PReLU(outputs),
            nn.Conv2d(outputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs),
            Excitation(outputs, reduction))

    def forward(self, x):
        return self.shortcut_layer(x) + self.res_layer(x)


class IRSE(nn.Module):
    def __init__(self, units=(3, 4, 14, 3), widths=(64, 128, 256, 512), dimensions=512, reduction=16):
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.PReLU(widths[0]))
        layers, current = [], widths[0]
        for width, count in zip(widths, units):
            for index in range(count):
                layers.append(FaceUnit(current, width, 2 if index == 0 else 1, reduction))
                current = width
        self.body = nn.Sequential(*layers)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(current), nn.Dropout(0), nn.Flatten(), nn.Linear(current * 49, dimensions),
            nn.BatchNorm1d(dimensions))

    def forward(self, x):
        return F.normalize(self.output_layer(self.body(self.input_layer(x))))

    def of_portraits(self, x):
        x = x if x.shape[2] == 256 else F.adaptive_avg_pool2d(x, 256)
        return self(F.adaptive_avg_pool2d(x[:, :, 35:223, 32:220], 112))


# BiSeNet


class ConvBlock(nn.Module):
    def __init__(self, inputs, outputs, kernel):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        if inputs != outputs or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        h = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(h + (self.downsample(x) if hasattr(self, "downsample") else x))


class Refinement(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = ConvBlock(inputs, outputs, 3)
        self.conv_atten = nn.Conv2d(outputs, outputs, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(outputs)

    def forward(self, x):
        x = self.conv(x)
        return x * torch.sigmoid(self.bn_atten(self.conv_atten(F.adaptive_avg_pool2d(x, 1))))


class Fusion(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.convblk = ConvBlock(channels, channels, 1)
        self.conv1 = nn.Conv2d(channels, channels // 4, 1, bias=False)
        self.conv2 = nn.Conv2d(channels // 4, channels, 1, bias=False)

    def forward(self, a, b):
        x = self.convblk(torch.cat([a, b], dim=1))
        gate = torch.sigmoid(self.conv2(F.relu(self.conv1(F.adaptive_avg_pool2d(x, 1)))))
        return x + x * gate


class Head(nn.Module):
    def __init__(self, inputs, middle, classes):
        super().__init__()
        self.conv = ConvBlock(inputs, middle, 3)
        self.conv_out = nn.Conv2d(middle, classes, 1, bias=False)

    def forward(self, x):
        return self.conv_out(self.conv(x))


class BiSeNet(nn.Module):
    def __init__(self, classes=19, width=64):
        super().__init__()
        self.cp = nn.Module()
        resnet = self.cp.resnet = nn.Module()
        resnet.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        resnet.bn1 = nn.BatchNorm2d(width)
        for stage in range(4):
            w = width << stage
            setattr(resnet, f"layer{stage + 1}", nn.Sequential(
                BasicBlock(w // 2 if stage else w, w, 2 if stage else 1), BasicBlock(w, w, 1)))
        middle = 2 * width
        self.cp.arm16, self.cp.arm32 = Refinement(4 * width, middle), Refinement(8 * width, middle)
        self.cp.conv_head32, self.cp.conv_head16 = ConvBlock(middle, middle, 3), ConvBlock(middle, middle, 3)
        self.cp.conv_avg = ConvBlock(8 * width, middle, 1)
        self.ffm = Fusion(2 * middle)
        self.conv_out = Head(2 * middle, 2 * middle, classes)
        self.conv_out16, self.conv_out32 = Head(middle, width, classes), Head(middle, width, classes)

    def forward(self, x):
        cp, resnet = self.cp, self.cp.resnet
        h = F.max_pool2d(F.relu(resnet.bn1(resnet.conv1(x))), 3, 2, 1)
        eighth = resnet.layer2(resnet.layer1(h))
        sixteenth = resnet.layer3(eighth)
        last = resnet.layer4(sixteenth)
        average = cp.conv_avg(F.adaptive_avg_pool2d(last, 1))
        h = cp.arm32(last) + F.interpolate(average, last.shape[2:], mode="nearest")
        h = cp.conv_head32(F.interpolate(h, sixteenth.shape[2:], mode="nearest"))
        h = cp.arm16(sixteenth) + h
        h = cp.conv_head16(F.interpolate(h, eighth.shape[2:], mode="nearest"))
        return F.interpolate(self.conv_out(self.ffm(eighth, h)), x.shape[2:], mode="bilinear", align_corners=True)

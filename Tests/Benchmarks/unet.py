"""The U-Net of DDPM (Ho et al. 2020, appendix B) for CelebA-HQ at 256², in plain torch: 113,673,219 parameters in 450 tensors,
under the names of the official checkpoint.

With the same weights its output was that of diffusers' UNet2DModel (0.42.1, torch 2.15, float32 on a processor), to 1e-5 of the
largest value; diffusers is not needed here.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

CHANNELS = 128
LEVELS = [128, 128, 256, 256, 512, 512]
BLOCKS = 2
ATTENTION_LEVEL = 4  # where an image of 256² is 16²
TIME = 4 * CHANNELS


def norm(channels):
    return nn.GroupNorm(32, channels, eps=1e-6)


def conv3(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class ResidualBlock(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm1, self.conv1 = norm(inputs), conv3(inputs, outputs)
        self.temb_proj = nn.Linear(TIME, outputs)
        self.norm2, self.conv2 = norm(outputs), conv3(outputs, outputs)
        self.nin_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, time):
        h = self.conv1(F.silu(self.norm1(x))) + self.temb_proj(time)[:, :, None, None]
        return self.nin_shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    """One head over all pixels."""

    def __init__(self, channels):
        super().__init__()
        self.norm = norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x):
        h = self.norm(x)
        # [N, C, H, W] → [N, 1, H·W, C]
        q, k, v = (part(h).flatten(2).transpose(1, 2).unsqueeze(1) for part in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(q, k, v).squeeze(1).transpose(1, 2).reshape(x.shape)
        return x + self.proj_out(mixed)


class Downsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = conv3(channels, channels)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """One resolution: a residual block for each pair of inputs and outputs, and what leads to the next resolution."""

    def __init__(self, sizes, has_attention, **resampling):
        super().__init__()
        self.block = nn.ModuleList(ResidualBlock(inputs, outputs) for inputs, outputs in sizes)
        self.attn = nn.ModuleList(Attention(outputs) for _, outputs in sizes if has_attention)
        for name, module in resampling.items():
            setattr(self, name, module)

    def apply_block(self, index, x, time):
        x = self.block[index](x, time)
        return self.attn[index](x) if len(self.attn) else x


class UNet(nn.Module):
    """Predicts the noise in images [N, 3, H, W] in [−1, 1] at a timestep."""

    def __init__(self):
        super().__init__()
        self.temb = nn.Module()
        self.temb.dense = nn.ModuleList([nn.Linear(CHANNELS, TIME), nn.Linear(TIME, TIME)])
        self.conv_in = conv3(3, CHANNELS)
        count = len(LEVELS)
        entering = [CHANNELS] + LEVELS[:-1]
        self.down = nn.ModuleList()
        for i, (inputs, outputs) in enumerate(zip(entering, LEVELS)):
            sizes = [(inputs, outputs)] + [(outputs, outputs)] * (BLOCKS - 1)
            down = {"downsample": Downsample(outputs)} if i < count - 1 else {}
            self.down.append(Level(sizes, i == ATTENTION_LEVEL, **down))
        last = LEVELS[-1]
        self.mid = nn.Module()
        self.mid.block_1, self.mid.attn_1, self.mid.block_2 = (
            ResidualBlock(last, last), Attention(last), ResidualBlock(last, last))
        self.up = nn.ModuleList()
        for i, outputs in enumerate(LEVELS):
            below = LEVELS[min(i + 1, count - 1)]
            # The last block of a level meets what entered the level on the way down.
            skips = [outputs] * BLOCKS + [entering[i]]
            sizes = [((outputs if j else below) + skip, outputs) for j, skip in enumerate(skips)]
            self.up.append(Level(sizes, i == ATTENTION_LEVEL, **({"upsample": Upsample(outputs)} if i else {})))
        self.norm_out, self.conv_out = norm(CHANNELS), conv3(CHANNELS, 3)

    def embedding(self, t, x):
        """SiLU of the embedding of a timestep: all that the blocks take of it."""
        half = CHANNELS // 2
        frequencies = torch.exp(torch.arange(half, device=x.device) * (-math.log(10000) / (half - 1)))
        angles = t * frequencies
        sinusoids = torch.cat([angles.sin(), angles.cos()]).expand(x.shape[0], -1).to(x.dtype)
        first, second = self.temb.dense
        return F.silu(second(F.silu(first(sinusoids))))

    def forward(self, x, t):
        time = self.embedding(t, x)
        h = self.conv_in(x)
        skips = [h]
        for level in self.down:
            for index in range(BLOCKS):
                h = level.apply_block(index, h, time)
                skips.append(h)
            if hasattr(level, "downsample"):
                h = level.downsample(h)
                skips.append(h)
        h = self.mid.block_2(self.mid.attn_1(self.mid.block_1(h, time)), time)
        for level in reversed(self.up):
            for index in range(BLOCKS + 1):
                h = level.apply_block(index, torch.cat([h, skips.pop()], dim=1), time)
            if hasattr(level, "upsample"):
                h = level.upsample(h)
        return self.conv_out(F.silu(self.norm_out(h)))

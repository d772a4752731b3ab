"""Sets four rendered portraits side by side, as a call of four people shows them: Fixtures/scenes/call.png.

The portraits are those of `synthesize: {count: 4, seed: 64, split: held_out, attributes: {tan: [natural], makeup:
[none], hair_color: [black, brown, blond, red]}}`, exported as PNG.

    python Tests/Fixtures/make_scene.py FOLDER_OF_PORTRAITS Fixtures/scenes/call.png
"""

import sys
from pathlib import Path

from PIL import Image

TILE, GAP = 120, 8

portraits = sorted(Path(sys.argv[1]).glob("*.png"))
scene = Image.new("RGB", (GAP + len(portraits) * (TILE + GAP), TILE + 2 * GAP), (32, 32, 36))
for place, path in enumerate(portraits):
    tile = Image.open(path).convert("RGB").resize((TILE, TILE), Image.Resampling.BICUBIC)
    scene.paste(tile, (GAP + place * (TILE + GAP), GAP))
scene.save(sys.argv[2])

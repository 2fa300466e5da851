#!/usr/bin/env python3
"""Cuts the icons that the window uses out of Material Symbols Rounded (Google, Apache-2.0).

    pip install fonttools
    python3 assets/fonts/subset.py MaterialSymbolsRounded_Filled-Regular.ttf icons.rs

The font and the list of its names, `icons.rs`, come with the crate egui_material_icons. What is used is found in the sources
of the window, so this is to be run again when another icon is used; a test says when.
"""

import pathlib
import re
import sys

from fontTools import subset

font, names = sys.argv[1:]
root = pathlib.Path(__file__).resolve().parents[2]
used = set()
for source in (root / "src/app").rglob("*.rs"):
    used |= set(re.findall(r"\bICON_[A-Z0-9_]+\b", source.read_text()))
known = dict(re.findall(r'(ICON_[A-Z0-9_]+): crate::MaterialIcon = crate::MaterialIcon::new\("\\u\{(\w+)\}"\)', pathlib.Path(names).read_text()))
unicodes = ",".join(known[name] for name in sorted(used))
target = root / "assets/fonts/MaterialSymbols-used.ttf"
subset.main([font, f"--unicodes={unicodes}", f"--output-file={target}", "--layout-features=", "--no-hinting", "--drop-tables+=GSUB"])
(root / "assets/fonts/MaterialSymbols-used.txt").write_text("\n".join(sorted(used)) + "\n")
print(f"{len(used)} icons, {target.stat().st_size} bytes")

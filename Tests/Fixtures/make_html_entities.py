"""Writes Sources/Networks/Tokenizer/HTMLEntities+Table.swift: the named character references of the HTML standard.

    python Tests/Fixtures/make_html_entities.py
"""

import html.entities
from pathlib import Path

TARGET = Path(__file__).resolve().parents[2] / "Sources/Networks/Tokenizer/HTMLEntities+Table.swift"


def main():
    names = html.entities.html5
    entries = []
    for name in sorted(n[:-1] for n in names if n.endswith(";")):
        code = "+".join(f"{ord(c):X}" for c in names[name + ";"])
        entries.append(f"{name}{'!' if name in names else ':'}{code}")
    lines = [""]
    for entry in entries:
        if len(lines[-1]) + len(entry) > 115:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + entry
    body = " \\\n".join("    " + line for line in lines)
    TARGET.write_text(f'''extension HTMLEntities {{
  /// The names of the HTML standard (13.5), each with the code points that it stands for; `!` instead of `:` after those
  /// that need no semicolon. Written by Tests/Fixtures/make_html_entities.py.
  static let table = """
{body}
    """
}}
''')


if __name__ == "__main__":
    main()

"""What stands in fenced blocks of a guide, and which of it can be run.

A block's info string says so: ```sh run``` is run; further words say under what condition (see `Block.wanted`). Comments after a block,
`<!-- shows: TEXT -->`, are what its output has to hold; readers do not see them.
"""

import pathlib
import re
from dataclasses import dataclass, field

FENCE = re.compile(r"^(?P<indent> *)```(?P<info>.*)$")
SHOWS = re.compile(r"^ *<!-- shows: (?P<text>.*) -->$")


@dataclass
class Block:
    """One fenced block."""

    document: str
    line: int
    language: str
    words: list[str]
    text: str
    shows: list[str] = field(default_factory=list)

    @property
    def place(self):
        return f"{self.document}:{self.line}"


def read(path: pathlib.Path):
    """The blocks of a document, in their order."""
    found, current, lines, last = [], None, [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fence = FENCE.match(line)
        if current is None and fence:
            language, *words = fence["info"].split() or [""]
            current, lines, indent = Block(path.name, number, language, words, ""), [], fence["indent"]
        elif current is not None and fence and not fence["info"].strip():
            current.text = "\n".join(each.removeprefix(indent) for each in lines) + "\n"
            found.append(current)
            last, current = current, None
        elif current is not None:
            lines.append(line)
        elif (shows := SHOWS.match(line)) and last is not None:
            last.shows.append(shows["text"])
    assert current is None, f"{current.place}: the block does not end"
    return found

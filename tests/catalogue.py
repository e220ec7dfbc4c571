"""Reading and making message catalogues (.po), as much of the format as gettext's tools write."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FIELD = re.compile(r'^(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?) ((?:".*"\n?)+)', re.MULTILINE)
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")


@dataclass(frozen=True)
class Message:
    text: str
    plural: str = ""
    context: str = ""
    translations: tuple[str, ...] = ()
    is_fuzzy: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.context, self.text, self.plural)


def read_catalogue(path: Path) -> list[Message]:
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    messages = [message(block) for block in blocks if FIELD.search(block)]
    return [found for found in messages if found.text]


def message(block: str) -> Message:
    fields = {
        name: "".join(ast.literal_eval(line) for line in lines.splitlines())
        for name, lines in FIELD.findall(block)
    }
    return Message(
        text=fields["msgid"],
        plural=fields.get("msgid_plural", ""),
        context=fields.get("msgctxt", ""),
        translations=tuple(text for name, text in fields.items() if name.startswith("msgstr")),
        is_fuzzy=bool(re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE)),
    )


def placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


def write_catalogue(path: Path, messages: Iterable[Message]) -> None:
    header = (
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\nPlural-Forms: nplurals=1; plural=0;\\n"'
    )
    path.write_text("\n\n".join([header, *map(written, messages)]) + "\n", encoding="utf-8")


def written(entry: Message) -> str:
    lines = [f"msgctxt {quoted(entry.context)}"] if entry.context else []
    lines.append(f"msgid {quoted(entry.text)}")
    if entry.plural:
        lines.append(f"msgid_plural {quoted(entry.plural)}")
    lines += [
        f"msgstr{f'[{n}]' if entry.plural else ''} {quoted(text)}"
        for n, text in enumerate(entry.translations)
    ]
    return "\n".join(lines)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'

"""Write the pages of docs/ that follow from the code, or tell which are out of date.

    .venv/bin/python docs/generate.py            write them
    .venv/bin/python docs/generate.py --check    write nothing; exit 1 when a page differs

A page is a function here that returns its text; add it to PAGES.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTICE = "<!-- Made by docs/generate.py; change its source and run `make docs`. -->\n"


def settings() -> str:
    """Return the settings page: config/defaults.toml as a table by section."""
    lines = ["# Settings", "", NOTICE]
    section = ""
    comment: list[str] = []
    told = False  # whether the comment belongs to a setting that was already listed
    head, _, rest = (ROOT / "config" / "defaults.toml").read_text(encoding="utf-8").partition("\n\n")
    lines += [_unfolded(head), "", "| setting | variable | default | meaning |", "|---|---|---|---|"]
    for line in rest.splitlines():
        if match := re.match(r"\[(\w+)\]$", line):
            section = match[1] + "."
        elif match := re.match(r"(# )?(\w+) = (.+)$", line):
            path = section + match[2]
            default = "" if match[1] else f"`{match[3]}`"
            meaning = "as above" if told else _unfolded("\n".join(comment))
            lines.append(f"| `{path}` | `CROSSDOCK_{path.replace('.', '_').upper()}` | {default} | {meaning} |")
            told = True
        elif line.startswith("# "):
            comment = [line] if told else [*comment, line]
            told = False
    return "\n".join(lines) + "\n"


def decisions() -> str:
    """Return the list of decisions with their titles and states."""
    lines = [
        "# Decisions",
        "",
        NOTICE,
        "Why things are as they are, and what the other way would have cost. A new one is a copy of",
        "[the template](0000-template.md) under the next free number; a decision is not rewritten, it is superseded.",
        "",
        "| | decision | status |",
        "|---|---|---|",
    ]
    for path in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")):
        if path.name == "0000-template.md":
            continue
        text = path.read_text(encoding="utf-8")
        title = re.match(r"# \d+\. (.+)", text)
        status = re.search(r"^- Status: (.+)$", text, flags=re.MULTILINE)
        if title and status:
            lines.append(f"| {path.name[:4]} | [{title[1]}]({path.name}) | {status[1]} |")
    return "\n".join(lines) + "\n"


def connectors() -> str:
    """Return the page on connectors with the tables of manifest keys made anew."""
    from connectors.sdk.reference import with_reference

    return with_reference((ROOT / "docs" / "connectors.md").read_text(encoding="utf-8"))


def canonical() -> str:
    """Return the page on canonical documents and on the payloads of writes."""
    from connectors.sdk.reference import documents_reference
    from core.domain import payloads

    lines = [
        "# Canonical documents",
        "",
        NOTICE,
        "What an inbound map must produce, one document each; an unknown field is refused, a missing one is left out.",
        "Amounts and quantities are exact decimals, times are ISO 8601 with a zone.",
        "",
        documents_reference(),
        "## Payloads of writes",
        "",
        "What an outbound map reads, beside `push.reference`, `push.attempt` and `settings`.",
        "",
        "```text",
        (payloads.__doc__ or "").strip(),
        "```",
    ]
    return "\n".join(lines) + "\n"


def routing() -> str:
    """Return the page on routing with the tables of cost terms and of import files made anew."""
    from connectors.sdk.reference import value
    from console.cli.objectrows import KINDS
    from core.routing import costs

    terms = ["| term | paid for each | is |", "|---|---|---|"]
    terms += [f"| `{name}` | {each} | {_first_words(meaning)} |" for name, each, meaning in costs.TERMS]
    files: list[str] = []
    for what, kind in KINDS.items():
        schema = kind.schema()
        files += [
            "",
            f"### {what}",
            "",
            _unfolded((schema.__doc__ or "").strip()),
            "",
            "| field | value |",
            "|---|---|",
        ]
        files += [
            f"| `{name}`{' (required)' if each.required else ''} | {value(each)} |"
            for name, each in schema.fields.items()
        ]
    page = (ROOT / "docs" / "routing.md").read_text(encoding="utf-8")
    page = _between(page, "cost terms", "\n".join(terms))
    return _between(page, "fields of files", "\n".join(files).strip())


def _first_words(meaning: str) -> str:
    return meaning[0].lower() + meaning[1:].rstrip(".")


def _between(page: str, name: str, made: str) -> str:
    """Return the page with what stands between its two marks of a name made anew."""
    before, begin, rest = re.split(rf"(<!-- {name}: [^>]* -->)", page, maxsplit=1)
    end = f"<!-- end of {name} -->"
    return f"{before}{begin}\n\n{made}\n\n{end}{rest.partition(end)[2]}"


PAGES: dict[str, Callable[[], str]] = {
    "docs/adr/README.md": decisions,
    "docs/canonical.md": canonical,
    "docs/connectors.md": connectors,
    "docs/reference/settings.md": settings,
    "docs/routing.md": routing,
}


def _unfolded(comment: str) -> str:
    return " ".join(line.removeprefix("#").strip() for line in comment.splitlines()).replace("|", "\\|")


def main() -> int:
    """Write the pages, or with --check name those that differ; return the exit code."""
    stale = 0
    for name, page in PAGES.items():
        path, text = ROOT / name, page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in sys.argv[1:]:
            sys.stderr.write(f"{name} is out of date: run `make docs`\n")
            stale = 1
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return stale


if __name__ == "__main__":
    raise SystemExit(main())

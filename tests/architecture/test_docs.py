"""Docs: links lead somewhere, decisions look alike, generated pages are up to date."""

import re
import subprocess
import sys
from pathlib import Path

HEAD = re.compile(
    r"# (?P<number>[1-9][0-9]*)\. \S.*[^.\n]\n\n"
    r"- Status: (?:proposed|accepted|superseded by [0-9]{4})\n"
    r"- Date: 20[0-9]{2}-[01][0-9]-[0-3][0-9]\n\n"
    r"## Context\n\n\S(?:.|\n)*\n\n## Decision\n\n\S(?:.|\n)*\n\n## Cost of the alternative\n\n\S(?:.|\n)*\n\Z"
)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
NOT_OURS = ("console/assets/", "console/static/")


def markdown(own_files: list[Path]) -> list[Path]:
    return [path for path in own_files if path.suffix == ".md" and not path.as_posix().startswith(NOT_OURS)]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(root: Path, page: Path) -> list[str]:
    """Return what is wrong with the links of one page."""
    found = []
    for match in LINK.finditer(FENCE.sub("", (root / page).read_text(encoding="utf-8"))):
        target, _, anchor = match["target"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = (root / page).parent / target if target else root / page
        if not path.exists():
            found.append(f"{page}: {match['target']}: there is no such file")
        elif anchor and path.suffix == ".md" and anchor not in anchors(path.read_text(encoding="utf-8")):
            found.append(f"{page}: {match['target']}: there is no such heading")
    return found


def test_links_lead_somewhere(root: Path, own_files: list[Path]) -> None:
    assert [line for page in markdown(own_files) for line in broken(root, page)] == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A heading, here\n")
    (tmp_path / "page.md").write_text(
        "[a](there.md) [b](there.md#a-heading-here) [c](gone.md) [d](there.md#gone) [e](https://example.com/x)\n"
        "```\n[f](fenced.md)\n```\n"
    )
    assert broken(tmp_path, Path("page.md")) == [
        "page.md: gone.md: there is no such file",
        "page.md: there.md#gone: there is no such heading",
    ]


def test_decisions_share_one_head(root: Path, own_files: list[Path]) -> None:
    numbers: list[int] = []
    for path in own_files:
        if path.parent == Path("docs/adr") and path.name not in {"README.md", "0000-template.md"}:
            match = HEAD.match((root / path).read_text(encoding="utf-8"))
            assert match, f"{path} has not the head of docs/adr/0000-template.md"
            assert path.name.startswith(f"{int(match['number']):04}-"), f"{path} is named by another number"
            numbers.append(int(match["number"]))
    assert len(numbers) >= 4
    assert len(set(numbers)) == len(numbers), "two decisions have one number"


def test_generated_pages_are_up_to_date(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")

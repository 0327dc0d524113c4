"""Static files of the console: versioned addresses, integrity hashes, caching for good."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from pathlib import Path

from flask import Blueprint, Response, request, send_from_directory
from markupsafe import Markup, escape

STATIC = Path(__file__).resolve().parent.parent / "static"
A_YEAR_S = 31_536_000


class Assets:
    """The files under one static folder, hashed once when the console is wired.

    Args:
        root: the folder; `vendor.lock.json` in it names the vendored packages.
    """

    def __init__(self, root: Path = STATIC) -> None:
        self.root = root
        lock = json.loads((root / "vendor.lock.json").read_text(encoding="utf-8"))
        self._vendored = {
            (package["name"], Path(file["path"]).name): f"vendor/{file['path']}"
            for package in lock["packages"]
            for file in package["files"]
        }
        names = [path for folder in ("css", "js") for path in sorted((root / folder).iterdir())]
        names.append(root / "vendor" / "fonts.css")
        names += [root / path for path in self._vendored.values()]
        self._digests = {path.relative_to(root).as_posix(): _sha384(path) for path in names}

    def version(self, path: str) -> str:
        """Return what changes in the address when the content changes."""
        return self._digests[path].hex()[:12]

    def url(self, path: str) -> str:
        """Return the address of a file below the static folder."""
        return f"/assets/{path}?v={self.version(path)}"

    def lasting(self, path: str, version: str | None) -> bool:
        """Return whether the content behind an address can never change: its folder or its query names the version."""
        if path not in self._digests:
            return False
        return version == self.version(path) or path in self._vendored.values()

    def vendored(self, package: str, name: str) -> str:
        """Return the path of one vendored file below the static folder."""
        return self._vendored[(package, name)]

    def vendor_url(self, package: str, name: str) -> str:
        """Return the address of one vendored file."""
        return self.url(self.vendored(package, name))

    def style(self, path: str) -> Markup:
        """Return the link element of a style sheet, with its integrity."""
        return Markup('<link rel="stylesheet" href="{}" integrity="{}">').format(self.url(path), self._integrity(path))

    def script(self, path: str, nonce: str) -> Markup:
        """Return the script element of a file, with its integrity and the nonce of this answer."""
        return Markup('<script defer src="{}" integrity="{}" nonce="{}"></script>').format(
            self.url(path), self._integrity(path), nonce
        )

    def icon(self, name: str, extra: str = "") -> Markup:
        """Return one icon of the sprite; decorative, so hidden from screen readers."""
        sprite = self.vendor_url("@tabler/icons", "sprite.svg")
        return Markup('<svg class="cd-i{}" aria-hidden="true"><use href="{}#{}"/></svg>').format(
            f" {escape(extra)}" if extra else "", sprite, name
        )

    def _integrity(self, path: str) -> str:
        return "sha384-" + b64encode(self._digests[path]).decode()


def assets_blueprint(assets: Assets) -> Blueprint:
    """Return the blueprint that serves the static files; an address with the right version may be kept for good."""
    blueprint = Blueprint("console_assets", __name__)

    @blueprint.get("/assets/<path:path>")
    def asset(path: str) -> Response:
        answer = send_from_directory(assets.root, path, max_age=0)
        if assets.lasting(path, request.args.get("v")):
            answer.headers["Cache-Control"] = f"public, max-age={A_YEAR_S}, immutable"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return answer

    return blueprint


def _sha384(path: Path) -> bytes:
    return hashlib.sha384(path.read_bytes()).digest()

"""Mailboxes by IMAP and POP3: list, read, put away."""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import re
import ssl
from collections.abc import Sequence
from typing import Any, Protocol

UID = re.compile(rb"\d+")
SAFE = re.compile(r"[\w./ -]+")


class Mailbox(Protocol):
    """What the transport does with a mailbox."""

    def login(self, user: str, password: str) -> None:
        """Log in."""

    def waiting(self) -> Sequence[str]:
        """Return the names of the mails that wait, oldest first."""

    def read(self, key: str, most: int) -> bytes:
        """Return at most so many bytes of a mail, which stays as it is."""

    def put_away(self, key: str) -> None:
        """Take a mail out of the inbox for good."""

    def close(self) -> None:
        """Log out."""


class Imap:
    """A mailbox by IMAP: mail that is done is moved to another folder.

    Args:
        host, port: of the server.
        security: `tls`, `starttls` or `none`.
        timeout: seconds a step may take.
        folder, done_folder: where mail comes in, and where it is kept.
    """

    def __init__(self, host: str, port: int, security: str, timeout: float, folder: str, done_folder: str) -> None:
        context = ssl.create_default_context()
        if security == "tls":
            self._server: imaplib.IMAP4 = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=timeout)
        else:
            self._server = imaplib.IMAP4(host, port, timeout)
            if security == "starttls":
                self._server.starttls(context)
        self._folder, self._done = _quoted(folder), _quoted(done_folder)

    def login(self, user: str, password: str) -> None:
        """Log in and open the folder; the one for what is done is made where it is missing."""
        self._server.login(user, password)
        self._server.create(self._done)  # answers NO where it is there
        self._good(self._server.select(self._folder))

    def waiting(self) -> Sequence[str]:
        """Return the UIDs of the mails that wait."""
        self._server.noop()
        data = self._good(self._server.uid("SEARCH", "UNDELETED"))
        return [each.decode() for each in UID.findall(data[0] or b"")]

    def read(self, key: str, most: int) -> bytes:
        """Return a mail, or its beginning; it is not marked as seen."""
        data = self._good(self._server.uid("FETCH", key, f"(BODY.PEEK[]<0.{most}>)"))
        parts = [each[1] for each in data if isinstance(each, tuple)]
        return bytes(parts[0]) if parts else b""

    def put_away(self, key: str) -> None:
        """Copy a mail to the other folder, then delete it here: at worst it is in both."""
        self._good(self._server.uid("COPY", key, self._done))
        self._good(self._server.uid("STORE", key, "+FLAGS.SILENT", "(\\Deleted)"))
        self._good(self._server.expunge())

    def close(self) -> None:
        """Log out."""
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            self._server.logout()

    @staticmethod
    def _good(answer: tuple[str, list[Any]]) -> list[Any]:
        kind, data = answer
        if kind != "OK":
            raise imaplib.IMAP4.error(f"the server answered {kind} {data!r}"[:200])
        return data


class Pop:
    """A mailbox by POP3: mail that is done is deleted.

    Args:
        host, port: of the server.
        security: `tls`, `starttls` or `none`.
        timeout: seconds a step may take.
        folder, done_folder: not known to POP3.
    """

    def __init__(self, host: str, port: int, security: str, timeout: float, folder: str, done_folder: str) -> None:
        del folder, done_folder
        context = ssl.create_default_context()
        if security == "tls":
            self._server: poplib.POP3 = poplib.POP3_SSL(host, port, timeout=timeout, context=context)
        else:
            self._server = poplib.POP3(host, port, timeout)
            if security == "starttls":
                self._server.stls(context)
        self._numbers: dict[str, int] = {}

    def login(self, user: str, password: str) -> None:
        """Log in."""
        self._server.user(user)
        self._server.pass_(password)

    def waiting(self) -> Sequence[str]:
        """Return the unique ids of the mails that wait."""
        rows = [each.decode("ascii", "replace").split() for each in self._server.uidl()[1]]
        self._numbers = {row[1]: int(row[0]) for row in rows if len(row) == 2}
        return list(self._numbers)

    def read(self, key: str, most: int) -> bytes:
        """Return a mail, or its beginning."""
        return b"\r\n".join(self._server.retr(self._numbers[key])[1])[:most]

    def put_away(self, key: str) -> None:
        """Mark a mail as deleted; the server deletes it when we log out."""
        self._server.dele(self._numbers[key])

    def close(self) -> None:
        """Log out."""
        with contextlib.suppress(poplib.error_proto, OSError):
            self._server.quit()


def is_folder(name: str) -> bool:
    """Return whether a text can be the name of a mail folder."""
    return SAFE.fullmatch(name) is not None


def _quoted(folder: str) -> str:
    return f'"{folder}"'

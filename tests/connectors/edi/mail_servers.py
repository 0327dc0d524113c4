"""The smallest IMAP and POP3 servers that keep what they say: mail in memory, one folder for what is done."""

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Mails:
    """A mailbox: mail by UID, and what was moved."""

    inbox: dict[int, bytes] = field(default_factory=dict)
    done: list[bytes] = field(default_factory=list)
    marked: set[int] = field(default_factory=set)
    password: str = "secret"

    def add(self, mail: bytes) -> None:
        self.inbox[max(self.inbox, default=0) + 1] = mail

    def expunge(self) -> list[int]:
        places = [list(self.inbox).index(uid) + 1 for uid in sorted(self.marked, reverse=True)]
        for uid in self.marked:
            del self.inbox[uid]
        self.marked = set()
        return places


class Box(socketserver.StreamRequestHandler):
    mails: Mails
    context: ssl.SSLContext | None = None
    encrypted = False

    def encrypt(self) -> None:
        """Go on in TLS on the connection there is."""
        assert self.context
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.encrypted = True

    def finish(self) -> None:
        super().finish()
        if self.encrypted:
            self.connection.close()

    def say(self, *lines: bytes | str) -> None:
        for line in lines:
            self.wfile.write((line if isinstance(line, bytes) else line.encode()) + b"\r\n")


class Imap(Box):
    def handle(self) -> None:
        self.say("* OK ready")
        while line := self.rfile.readline().decode().strip():
            tag, verb, rest = (*line.split(" ", 2), "")[:3]
            if verb.upper() == "UID":
                verb, rest = (*rest.split(" ", 1), "")[:2]
            answer = getattr(self, f"do_{verb.lower()}", lambda _: "BAD unknown")(rest)
            self.say(f"{tag} {answer} done")
            if verb.upper() == "STARTTLS":
                self.encrypt()
            if verb.upper() == "LOGOUT":
                return

    def do_capability(self, _: str) -> str:
        self.say("* CAPABILITY IMAP4rev1" + (" STARTTLS" if self.context and not self.encrypted else ""))
        return "OK"

    def do_starttls(self, _: str) -> str:
        return "OK"

    def do_login(self, rest: str) -> str:
        return "OK" if rest.split()[-1].strip('"') == self.mails.password else "NO wrong"

    def do_create(self, _: str) -> str:
        return "NO it is there"

    def do_noop(self, _: str) -> str:
        return "OK"

    def do_select(self, _: str) -> str:
        self.say(f"* {len(self.mails.inbox)} EXISTS")
        return "OK [READ-WRITE]"

    def do_search(self, _: str) -> str:
        self.say("* SEARCH " + " ".join(str(uid) for uid in self.mails.inbox if uid not in self.mails.marked))
        return "OK"

    def do_fetch(self, rest: str) -> str:
        uid, most = int(rest.split()[0]), int(re.findall(r"<0\.(\d+)>", rest)[0])
        body = self.mails.inbox[uid][:most]
        self.wfile.write(f"* 1 FETCH (UID {uid} BODY[]<0> {{{len(body)}}}\r\n".encode() + body + b")\r\n")
        return "OK"

    def do_copy(self, rest: str) -> str:
        self.mails.done.append(self.mails.inbox[int(rest.split()[0])])
        return "OK"

    def do_store(self, rest: str) -> str:
        self.mails.marked.add(int(rest.split()[0]))
        return "OK"

    def do_expunge(self, _: str) -> str:
        for place in self.mails.expunge():
            self.say(f"* {place} EXPUNGE")
        return "OK"

    def do_logout(self, _: str) -> str:
        self.say("* BYE")
        return "OK"


class Pop(Box):
    def handle(self) -> None:
        self.say("+OK ready")
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            if verb == "CAPA":
                self.say("+OK", *(["STLS"] if self.context and not self.encrypted else []), ".")
            elif verb == "STLS":
                self.say("+OK")
                self.encrypt()
            elif verb == "PASS":
                self.say("+OK" if rest == self.mails.password else "-ERR wrong")
            elif verb == "UIDL":
                self.say("+OK")
                for place, uid in enumerate(self.mails.inbox, 1):
                    self.say(f"{place} uid-{uid}")
                self.say(".")
            elif verb == "RETR":
                self.say("+OK")
                mail = self.mails.inbox[list(self.mails.inbox)[int(rest) - 1]]
                self.wfile.write(re.sub(rb"(?m)^\.", b"..", mail) + b"\r\n.\r\n")
            elif verb == "DELE":
                self.mails.marked.add(list(self.mails.inbox)[int(rest) - 1])
                self.say("+OK")
            elif verb == "QUIT":
                self.mails.expunge()
                self.say("+OK")
                return
            else:
                self.say("+OK")


@contextmanager
def mail_server(
    kind: type[Imap] | type[Pop], mails: Mails, context: ssl.SSLContext | None = None, *, late: bool = False
) -> Iterator[int]:
    """Serve a mailbox on loopback and yield the port; with a context in TLS, `late` only when the caller asks."""
    handler = type("Bound", (kind,), {"mails": mails, "context": context if late else None})

    class Server(socketserver.ThreadingTCPServer):
        def finish_request(self, request: Any, client_address: Any) -> None:
            try:
                if context and not late:
                    with context.wrap_socket(request, server_side=True) as wrapped:
                        super().finish_request(wrapped, client_address)
                else:
                    super().finish_request(request, client_address)
            except ssl.SSLError:
                request.close()  # the caller does not trust us

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

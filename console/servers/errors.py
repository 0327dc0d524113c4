"""What can stop the embedded servers or the supervisor.

ServerError            any of them; `code` is stable, the message says what, why and how to mend it
├── DataFolderError    the data folder is locked, unwritable or holds something unexpected
├── ServerMissing      a program that the hub would start is not installed
├── PortTaken          a TCP port the hub was told to listen on is in use
└── StartFailed        a process ended or never became ready
"""


class ServerError(Exception):
    """A server or service cannot run; the message is one paragraph for the person at the terminal."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class DataFolderError(ServerError):
    """The data folder is locked, unwritable or holds something unexpected."""


class ServerMissing(ServerError):
    """A program that the hub would start is not installed."""


class PortTaken(ServerError):
    """A TCP port the hub was told to listen on is in use."""


class StartFailed(ServerError):
    """A process ended or never became ready."""

"""Asking the simulated partners for what no real partner can be asked: to sell, to fail, to tell their counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import requests
from requests.adapters import HTTPAdapter

from core.errors import Refused, Unavailable


class Control:
    """The back doors of the simulated partners: what no real partner has.

    Args:
        urls: connection -> address.
    """

    def __init__(self, urls: Mapping[str, str]) -> None:
        self.urls = dict(urls)
        self._session = requests.Session()
        self._session.trust_env = False
        # A scenario asks from sixteen threads at once.
        self._session.mount("http://", HTTPAdapter(pool_maxsize=16, pool_block=True))

    def close(self) -> None:
        """Let the connections to the partners go."""
        self._session.close()

    def ask(self, name: str, command: str, body: Any = None) -> Any:
        """Have a partner do something and return what it says of it.

        Raises:
            Unavailable: it does not answer, or refuses.
        """
        try:
            answer = self._session.post(f"{self.urls[name]}/_sim/{command}", data=orjson.dumps(body or {}), timeout=30)
        except requests.RequestException as error:
            raise Unavailable(
                f"The simulated partner {name} does not answer.",
                why=type(error).__name__,
                fix="Is the demo still running?",
                code="DEMO-PARTNER-503",
            ) from None
        if answer.status_code != requests.codes.ok:
            raise Refused(f"{name} refuses {command}: {answer.text[:300]}", code="DEMO-PARTNER-422")
        return orjson.loads(answer.content).get("result")

    def state(self, name: str) -> dict[str, Any]:
        """Return a partner's counters."""
        answer = self._session.get(f"{self.urls[name]}/_sim/state", timeout=30)
        answer.raise_for_status()
        found: dict[str, Any] = orjson.loads(answer.content)
        return found

"""An event loop in a thread, for servers of tests."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any


class Loop:
    """An event loop in a thread, for servers."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        found: Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return found.result(60)

    async def emptied(self) -> None:
        """Wait until every socket, pipe and task of this loop but its own is closed."""
        selector: Any = self.loop._selector  # type: ignore[attr-defined]
        while len(selector.get_map()) > 1 or len(asyncio.all_tasks(self.loop)) > 1:
            await asyncio.sleep(0.005)

    def end(self) -> None:
        self.do(self.emptied())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

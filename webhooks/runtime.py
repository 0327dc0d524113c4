"""What the web processes are given when they start, and what they keep between requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from uuid import UUID

from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from core.errors import CrossdockError, Unavailable
from core.ports.connectors import Connectors, InboundRecord, Json
from core.services import quarantining, transport_receipts
from core.services.call_alarms import tell_refused
from core.services.checkout_desk import CheckoutDesk
from core.services.facts import Facts, FactsCache
from core.services.intake import IntakeCombiner
from core.services.secretbox import SecretBox
from core.services.sscc import Numbers
from core.services.witness import FileWitness
from core.store.unit import Store, Unit
from webhooks.accounts import Accounts
from webhooks.places import Places
from webhooks.refusals import Refusals

EXTENSION = "crossdock"


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything a request may need that is not in the request.

    Attributes:
        settings: validated settings of this process.
        store: the database, with the wake-up for the queues.
        connectors: what is installed.
        secret_key: encrypts connection secrets, signs cursors, peppers API keys.
        redis_url: where live hints travel; None where the web process has no Redis.
        stopping: set when the process goes down, so that streams end.
    """

    settings: Settings
    store: Store
    connectors: Connectors
    secret_key: str = field(repr=False)
    redis_url: str | None = field(default=None, repr=False)
    stopping: threading.Event = field(default_factory=threading.Event)


class Parts:
    """What one application keeps between its requests.

    Args:
        given: its runtime.
    """

    def __init__(self, given: Runtime) -> None:
        self.runtime = given
        self.box = SecretBox(given.secret_key)
        self.facts_cache = FactsCache(given.connectors, given.settings.promising, given.settings.orders)
        self.numbers = Numbers(given.store, FileWitness(given.settings.data_dir / "sscc.json"))
        self.combiner = IntakeCombiner(given.store)
        self.refusals = Refusals()
        self.checkouts = CheckoutDesk(given.store)
        limits = given.settings.limits
        self.accounts = Accounts(
            given.store, given.connectors, self.box, limits.max_body_bytes, limits.max_exchange_bytes
        )
        # Streams hold a thread each: never so many that nobody is left to answer.
        self.streams = Places(max(1, given.settings.web.threads // 2))

    def follow_up(
        self,
        connection_id: UUID,
        owed: Json | None,
        refusal: CrossdockError | None,
        aside: InboundRecord | None = None,
    ) -> None:
        """Note what a call leaves to be done: a receipt sent by a call of its own, people told of a refusal.

        Args:
            connection_id: of the partner.
            owed: the receipt.
            refusal: why nothing was taken.
            aside: what was refused, where it is kept for people to decide on.

        Raises:
            Unavailable: the database could not note it; the partner will ask again.
        """
        times = self.refusals.due(connection_id, refusal) if refusal is not None and aside is None else 0
        if owed is None and aside is None and not times:
            return
        try:
            with self.runtime.store.begin() as unit:
                if owed is not None:
                    transport_receipts.owe(unit, connection_id, owed)
                if refusal is not None and aside is not None:
                    quarantining.set_aside(unit, connection_id, aside, refusal)
                elif refusal is not None and times:
                    tell_refused(unit, connection_id, refusal, times)
        except SQLAlchemyError as error:
            raise Unavailable("The receipt could not be noted.", code="INTAKE-STORE-503") from error


def parts() -> Parts:
    """Return what the application that answers the current request keeps."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Parts)
    return found


def runtime() -> Runtime:
    """Return the runtime of the application that answers the current request."""
    return parts().runtime


def facts(unit: Unit) -> Facts:
    """Return nodes and connections as the core's services want them."""
    return parts().facts_cache.get(unit.conn, unit.tenant)

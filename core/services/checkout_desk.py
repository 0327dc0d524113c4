"""Where checkouts of one process are served together: looking up, reserving and reading back are shared by all.

Most of what a reservation costs is finding out where the units are and showing what was held, so callers share that as
well as the transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from core.errors import CrossdockError, Unavailable
from core.services.checkouts import Checkout, Outcome, settle_checkouts
from core.services.combining import Combiner
from core.services.reserving import FIX, WHAT, Granted, ReservationCombiner, Wanted
from core.store.read.page import Json
from core.store.read.stock import read_reservations
from core.store.unit import Store

log = structlog.get_logger()
# The reservation as it is shown, or why there is none.
Served = Json | CrossdockError


class CheckoutDesk:
    """Serves checkouts of many callers; each gets all it asks for or nothing, by itself."""

    def __init__(self, store: Store, *, most: int = 200) -> None:
        self._store = store
        self._reservations = ReservationCombiner(store)
        self._door: Combiner[Checkout, Served] = Combiner(self._serve, WHAT, "RESERVE-STORE-503", fix=FIX, most=most)

    def reserve(self, checkouts: Sequence[Checkout]) -> list[Served]:
        """Reserve for the checkouts of one caller, in order, and return of each the reservation or why there is none.

        The error is Unavailable where the database could not do it, or where its answer was lost; then the reservation
        ends by itself.
        """
        return [*self._door.call_all(checkouts)]

    def _serve(self, checkouts: Sequence[Checkout]) -> list[Served]:
        began = False

        def reserve(wanted: Sequence[Wanted]) -> Sequence[Granted | Unavailable]:
            nonlocal began
            began = True
            return self._reservations.reserve_all(wanted)

        outcomes: Sequence[Outcome] = []
        try:
            outcomes = settle_checkouts(checkouts, self._store.reading, reserve)
            groups = [each for each in outcomes if isinstance(each, UUID)]
            shown = self._store.reading(lambda conn: read_reservations(conn, groups)) if groups else {}
        except Exception as error:
            if not began:
                raise  # nothing was done: it may be done again, one by one
            log.exception("checkouts.answer_lost", checkouts=len(checkouts))
            lost = Unavailable(WHAT, why=type(error).__name__, fix=FIX, code="RESERVE-STORE-503")
            return [each if isinstance(each, CrossdockError) else lost for each in outcomes or [lost] * len(checkouts)]
        return [each if isinstance(each, CrossdockError) else shown[each] for each in outcomes]

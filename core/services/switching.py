"""Switching a connection on, unless it would get into the way of one that is on."""

from __future__ import annotations

from uuid import UUID

from core.domain.vocabulary import Mode
from core.errors import Conflict, Misconfigured
from core.ports.connectors import ConnectionConfig, Connectors
from core.ports.partners import Vetted
from core.services.connections import beside, config_of, row_of, set_mode
from core.services.secretbox import SecretBox
from core.store.unit import Unit


def switch(unit: Unit, connectors: Connectors, box: SecretBox, connection_id: UUID, mode: Mode) -> None:
    """Switch a connection off, or to observe, shadow or live, unless it would get into the way of another one.

    Raises:
        Conflict: it was off, and its names, ids or inbox are those of one that is switched on.
    """
    row = row_of(unit, connection_id, lock=True)
    if row.mode == Mode.OFF and mode != Mode.OFF:
        _require_apart(unit, connectors, config_of(row, box, unit.now))
    set_mode(unit, connection_id, mode)


def _require_apart(unit: Unit, connectors: Connectors, config: ConnectionConfig) -> None:
    try:
        opened = connectors.open(config)
    except Misconfigured:
        return  # it is told whenever it is used
    try:
        if isinstance(opened, Vetted):
            opened.require_apart(beside(unit, config))
    except Misconfigured as error:
        raise Conflict(
            f"{config.name} cannot be switched on: {error.what}",
            fix="Switch the other one off first, or change one of the two profiles; the mode is as it was.",
            code="CONN-BESIDE-409",
        ) from None
    finally:
        opened.close()

"""Setting up trading partners: a connection with its profile, and terms of trade where they are agreed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from core.domain.payloads import jsonable
from core.domain.vocabulary import Mode
from core.errors import Conflict, Misconfigured, NotFound
from core.ports.connectors import ConnectionConfig, Connectors, Json
from core.ports.partners import NeedsSecrets
from core.ports.webhooks import HoldsCertificates
from core.services.agreements import set_terms, terms_of
from core.services.catalog import connection_named
from core.services.certificates import tell_endings
from core.services.connections import add_connection, config_of, require_usable, rotate_secrets, row_of
from core.services.secretbox import SecretBox
from core.store import schema as t
from core.store.read.partner_list import PARTNER_KIND, read_partner
from core.store.unit import Unit

KEYS = ("external_id", "gln")
"""What a store is known by."""


def require_new(unit: Unit, name: str) -> None:
    """Refuse the name of a partner there is already, and say how he is changed.

    Raises:
        Conflict: there is one.
    """
    c = t.connection.c
    taken = unit.conn.execute(
        select(c.connector).where(c.tenant_id == unit.tenant, c.name == name)
    ).scalar_one_or_none()  # fmt: skip
    if taken == PARTNER_KIND:
        raise Conflict(
            f"There is a trading partner {name!r} already.",
            fix="Change him: `crossdock partner add FILE --replace`, `replace` in the API; or choose another name.",
            code="CONN-NAME-409",
        )


def set_up(
    unit: Unit,
    connectors: Connectors,
    box: SecretBox,
    *,
    name: str,
    label: str | None,
    settings: Mapping[str, Any],
    terms: Mapping[str, Any] | None,
    secrets: Mapping[str, str],
    mode: Mode = Mode.LIVE,
    replace: bool = False,
) -> Json:
    """Add a partner, or change one, and return him as he is shown.

    Addresses of stores that the new terms do not have stay: people may have given them since. `kept_stores` names them.

    Args:
        unit: the running transaction.
        connectors: checks the profile.
        box: keeps the secrets.
        name: of the connection.
        label: for people.
        settings: the profile.
        terms: of trade; None leaves them as they are.
        secrets: of the transport; those that are not named stay as they are.
        mode: how far he is switched on; of a partner that is changed his own stays.
        replace: change the partner of that name instead of adding one.

    Raises:
        Conflict: the name is taken.
        NotFound: there is no such partner to change.
        Misconfigured: the profile does not fit.
        InputError: the name or the terms do not fit.
    """
    if replace:
        c = t.connection.c
        row = unit.conn.execute(
            select(t.connection)
            .where(c.tenant_id == unit.tenant, c.name == name, c.connector == PARTNER_KIND)
            .with_for_update(key_share=True)
        ).one_or_none()
        if row is None:
            raise NotFound(f"There is no trading partner {name!r}.", fix="Add him without --replace.")
        connection_id = row.id
        kept = {**box.open(row.secrets), **secrets}
        require_usable(unit, connectors, ConnectionConfig(row.id, name, row.connector, Mode(row.mode), settings, kept))
        unit.conn.execute(
            update(t.connection)
            .where(c.tenant_id == unit.tenant, c.id == row.id)
            .values(settings=dict(settings), label=label or row.label, version=c.version + 1)
        )
        if secrets:
            rotate_secrets(unit, box, row.id, secrets)
        unit.event("connection.changed", "connection", row.id, {"name": name})
    else:
        require_new(unit, name)
        connection_id = add_connection(
            unit, connectors, box, name=name, connector=PARTNER_KIND, settings=settings, secrets=secrets, label=label,
            mode=mode,
        )  # fmt: skip
    given: list[Json] = []
    if terms is not None:
        given = _given_since(unit, connection_id, terms)
        stores = {"stores": [*(terms.get("stores") or ()), *given]} if given else {}
        set_terms(unit, connection_id, {**terms, **stores})
    _tell_endings(unit, connectors, box, connection_id)
    return {**read_partner(unit.conn, name, unit.tenant), "kept_stores": _names(given)}


def _given_since(unit: Unit, connection_id: UUID, terms: Mapping[str, Any]) -> list[Json]:
    """Return the addresses of stores in a partner's terms that his new terms do not have: people gave them since."""
    known = terms_of(unit.conn, connection_id, unit.tenant) or {}
    named = {each.get(key) for each in terms.get("stores") or () for key in KEYS if each.get(key)}
    return [
        jsonable(each)
        for each in known.get("stores") or ()
        if not named & {each.get(key) for key in KEYS if each.get(key)}
    ]


def _names(stores: Sequence[Json]) -> list[str]:
    return [str(next((each[key] for key in (*KEYS, "name") if each.get(key)), "?")) for each in stores]


def _tell_endings(unit: Unit, connectors: Connectors, box: SecretBox, connection_id: UUID) -> None:
    """Tell at once of certificates that end soon; the relay looks at them every hour."""
    row = row_of(unit, connection_id)
    if row.mode == Mode.OFF:
        return
    opened = connectors.open(config_of(row, box, unit.now))
    try:
        if isinstance(opened, HoldsCertificates):
            tell_endings(unit, row, opened.ending_certificates(unit.now))
    except Misconfigured:
        pass  # a secret may be still to come; whoever adds him is told so, and the relay opens a case if it stays so
    finally:
        opened.close()


def missing_secrets(unit: Unit, connectors: Connectors, box: SecretBox, name: str) -> list[str]:
    """Return the secrets a partner's transport needs and has not got: without them nothing can go either way.

    Args:
        unit: the running transaction.
        connectors: opens his connector.
        box: opens the secrets that are there.
        name: of his connection.
    """
    opened = connectors.open(config_of(connection_named(unit, name), box, unit.now))
    try:
        return list(opened.missing_secrets()) if isinstance(opened, NeedsSecrets) else []
    finally:
        opened.close()

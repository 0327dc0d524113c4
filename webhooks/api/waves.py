"""Waves: waiting work planned again together, tried or carried out, and what came of it."""

from __future__ import annotations

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import Strict
from core.domain.ids import parse_id
from core.services import audit
from core.services.facts import read_facts
from core.services.waving import MOST_SECONDS, Asked, run_wave
from core.store.read.page import Json, Listed, Slice
from core.store.read.waves import list_waves, read_wave
from core.store.unit import Unit
from webhooks.api.blueprint import ApiBlueprint, PageQuery, words
from webhooks.runtime import runtime

routes = ApiBlueprint("waves", "Waiting work planned again together.")
READ, WRITE = "routing:read", "routing:write"


class WaveQuery(PageQuery):
    """What narrows the list of waves: why they ran."""

    cause = words()


class WaveBody(Strict):
    """How a wave is to run; the settings say what is left out."""

    dry_run = fields.Boolean(load_default=False)
    seconds = fields.Float(validate=validate.Range(0.1, MOST_SECONDS))
    orders = fields.Integer(strict=True, validate=validate.Range(1, 1_000))


@routes.lists("/waves", scope=READ, shape="Wave", query=WaveQuery)
def list_all_waves(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List waves, the newest first."""
    return list_waves(conn, piece, **query)


@routes.reads("/waves/<wave>", scope=READ, shape="WaveReport")
def get_wave(conn: Connection, wave: str) -> Json:
    """Return one wave with what moved, what did not, and why."""
    return read_wave(conn, parse_id("wave", wave))


@routes.writes("/waves", scope=WRITE, shape="WaveRun", body=WaveBody, also=(409,))
def post_wave(unit: Unit, body: Json) -> Json:
    """Plan all waiting work again together now, and carry out what is better; with `dry_run` only say what it would be.

    `id` is null for a dry run and when nothing waits.
    """
    settings = runtime().settings
    facts = read_facts(unit.conn, runtime().connectors, unit.tenant, settings.promising)
    asked = Asked(
        "asked",
        body.get("seconds", settings.waves.search_seconds),
        body.get("orders", settings.waves.orders),
        body["dry_run"],
    )
    found = run_wave(unit, facts, asked)
    if found["id"] is not None:
        audit.record(unit, "wave.asked", found["id"], {"changed": found["changed"], "saved": found["saved"]})
    return found

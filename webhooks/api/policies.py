"""Policies: how nodes are chosen, by version."""

from __future__ import annotations

from uuid import UUID

from marshmallow import fields
from sqlalchemy import Connection

from core.domain.documents import Strict, a_text, an_instant
from core.domain.ids import parse_id, public_id
from core.domain.policies import NAME, PolicySchema, difference
from core.errors import NotFound
from core.services import policies, simulations
from core.store.read.page import Json, Listed, Slice
from core.store.read.policies import counterpart, list_policies, policy_row, read_policy, read_simulation
from core.store.unit import Unit
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, require_version, word, words

routes = ApiBlueprint("policies", "How nodes are chosen: versions, simulated, approved and activated.")
READ, WRITE = "policies:read", "policies:write"


class PolicyQuery(PageQuery):
    """What narrows the list of policies."""

    name = word()
    state = words()


class DraftBody(Strict):
    """A new version: the policy's name and what it says."""

    name = fields.String(required=True, validate=NAME)
    document = fields.Nested(PolicySchema, required=True)
    comment = a_text(2_000)


class CommentBody(Strict):
    """Why."""

    comment = a_text(2_000)


class SimulateBody(Strict):
    """Which recorded decisions are made again, those of a month by default, and whether stock is carried on."""

    since = an_instant()
    carry_stock = fields.Boolean(load_default=True)


class ActivateBody(Strict):
    """When it begins to be in force: now by default."""

    at = an_instant()
    comment = a_text(2_000)


class DiffQuery(Strict):
    """What a version is compared with: the one in force of the same name by default."""

    against = word()


@routes.lists("/policies", scope=READ, shape="Policy", query=PolicyQuery)
def list_all_policies(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List versions of policies, newest first."""
    return list_policies(conn, piece, **query)


@routes.reads("/policies/<policy>", scope=READ, shape="PolicyFull")
def get_policy(conn: Connection, policy: str) -> Json:
    """Return one version by `NAME@NUMBER` or its id, the newest by `NAME`, with the report of its last simulation."""
    return read_policy(conn, policy)


@routes.reads("/policies/<policy>/diff", scope=READ, shape="PolicyDiff", query=DiffQuery)
def get_diff(conn: Connection, query: Json, policy: str) -> Json:
    """Return what a version says differently from another."""
    row = policy_row(conn, policy)
    base = policy_row(conn, query["against"]) if query["against"] else counterpart(conn, row)
    return {
        "policy": f"{row.name}@{row.number}",
        "against": f"{base.name}@{base.number}" if base else None,
        "differences": difference(base.document if base else {}, row.document),
    }


@routes.writes("/policies", scope=WRITE, shape="PolicyFull", body=DraftBody, status=201)
def post_policy(unit: Unit, body: Json) -> Answer:
    """Write a new version as a draft; it never changes afterwards."""
    shown = _shown(unit, policies.draft(unit, body["name"], body["document"], body.get("comment")))
    return Answer(shown, location=f"/api/v1/policies/{shown['policy']}")


@routes.writes("/policies/<policy>/approve", scope=WRITE, shape="PolicyFull", body=CommentBody)
def post_approve(unit: Unit, body: Json, policy: str) -> Json:
    """Approve a draft that somebody else wrote."""
    _check_version(unit, policy)
    return _shown(unit, policies.approve(unit, policy, body.get("comment")))


@routes.writes("/policies/<policy>/simulate", scope=WRITE, shape="PolicyFull", body=SimulateBody, also=(202,))
def post_simulate(unit: Unit, body: Json, policy: str) -> Answer:
    """Make recorded decisions again under a version and keep the report with it; of one in force, without it.

    More than 5,000 decisions are made again by a worker: the answer is 202, and `simulating` and `Location` name the
    simulation. A version that is being simulated is not simulated a second time.
    """
    policy_id, asked = simulations.simulate_or_ask(unit, policy, body.get("since"), carry=body["carry_stock"])
    shown = _shown(unit, policy_id)
    if asked is None:
        return Answer(shown)
    path = f"/api/v1/policies/{shown['policy']}/simulations/{public_id('simulation', asked)}"
    return Answer(shown, status=202, location=path)


@routes.reads("/policies/<policy>/simulations/<simulation>", scope=READ, shape="Simulation")
def get_simulation(conn: Connection, policy: str, simulation: str) -> Json:
    """Return a simulation that was asked for: its progress (0 to 1), then its report or what went wrong."""
    row, found = policy_row(conn, policy), read_simulation(conn, parse_id("simulation", simulation))
    if found["policy"] != f"{row.name}@{row.number}":
        raise NotFound(f"{row.name}@{row.number} has no simulation {simulation}.")
    return found


@routes.writes("/policies/<policy>/activate", scope=WRITE, shape="PolicyFull", body=ActivateBody)
def post_activate(unit: Unit, body: Json, policy: str) -> Json:
    """Put an approved version in force, now or at a time to come; its simulation must have passed."""
    _check_version(unit, policy)
    return _shown(unit, policies.activate(unit, policy, body.get("at"), body.get("comment")))


@routes.writes("/policies/<policy>/rollback", scope=WRITE, shape="PolicyFull", body=CommentBody)
def post_rollback(unit: Unit, body: Json, policy: str) -> Json:
    """Put the version of a policy back in force that was before the one that is.

    It is refused where other policies have changed since and would get orders they were never compared over.
    """
    return _shown(unit, policies.rollback(unit, policy, body.get("comment")))


@routes.writes("/policies/<policy>/restore", scope=WRITE, shape="PolicyFull", body=CommentBody)
def post_restore(unit: Unit, body: Json, policy: str) -> Json:
    """Put a retired version in force again, such as one that was rolled back; its simulation must have passed."""
    _check_version(unit, policy)
    return _shown(unit, policies.restore(unit, policy, body.get("comment")))


@routes.writes("/policies/<policy>/retire", scope=WRITE, shape="PolicyFull", body=CommentBody)
def post_retire(unit: Unit, body: Json, policy: str) -> Json:
    """Take a version out; its orders get the other policies.

    One in force wants a simulation of that and a second person, unless nothing has changed since it was activated.
    """
    _check_version(unit, policy)
    return _shown(unit, policies.retire(unit, policy, body.get("comment")))


def _check_version(unit: Unit, policy: str) -> None:
    require_version(read_policy(unit.conn, policy, unit.tenant)["version"])


def _shown(unit: Unit, policy_id: UUID) -> Json:
    return read_policy(unit.conn, public_id("policy", policy_id), unit.tenant)

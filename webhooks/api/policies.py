"""Policies: how nodes are chosen, by version."""

from __future__ import annotations

from uuid import UUID

from marshmallow import fields
from sqlalchemy import Connection

from core.domain.documents import Strict, a_text, an_instant
from core.domain.ids import public_id
from core.domain.policies import NAME, PolicySchema, difference
from core.services import policies, trials
from core.store.read.page import Json, Listed, Slice
from core.store.read.policies import counterpart, list_policies, policy_row, read_policy
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
    """Which recorded decisions are made again: those of a month by default."""

    since = an_instant()


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


@routes.writes("/policies/<policy>/simulate", scope=WRITE, shape="PolicyFull", body=SimulateBody)
def post_simulate(unit: Unit, body: Json, policy: str) -> Json:
    """Make recorded decisions, the newest 20,000 at most, again under a version and keep the report with it."""
    found = trials.simulate(unit.conn, policy, unit.now, body.get("since"), limit=trials.ENOUGH, tenant=unit.tenant)
    return _shown(unit, policies.keep_simulation(unit, found["policy"], found))


@routes.writes("/policies/<policy>/activate", scope=WRITE, shape="PolicyFull", body=ActivateBody)
def post_activate(unit: Unit, body: Json, policy: str) -> Json:
    """Put an approved version in force, now or at a time to come; its simulation must have passed."""
    _check_version(unit, policy)
    return _shown(unit, policies.activate(unit, policy, body.get("at"), body.get("comment")))


@routes.writes("/policies/<policy>/rollback", scope=WRITE, shape="PolicyFull", body=CommentBody)
def post_rollback(unit: Unit, body: Json, policy: str) -> Json:
    """Put the version of a policy back in force that was before the one that is."""
    return _shown(unit, policies.rollback(unit, policy, body.get("comment")))


@routes.writes("/policies/<policy>/retire", scope=WRITE, shape="PolicyFull", body=CommentBody)
def post_retire(unit: Unit, body: Json, policy: str) -> Json:
    """Take a version out; its orders get the other policies."""
    _check_version(unit, policy)
    return _shown(unit, policies.retire(unit, policy, body.get("comment")))


def _check_version(unit: Unit, policy: str) -> None:
    require_version(read_policy(unit.conn, policy, unit.tenant)["version"])


def _shown(unit: Unit, policy_id: UUID) -> Json:
    return read_policy(unit.conn, public_id("policy", policy_id), unit.tenant)

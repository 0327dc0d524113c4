"""Versions of learned models: list, train a challenger, promote one that won."""

from __future__ import annotations

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import Strict
from core.domain.ids import parse_id, public_id
from core.services.models import ENGINES, promote, train_transit
from core.store.read.page import Json, Listed, Slice
from core.store.read.promises import list_models, read_model_version
from core.store.unit import Unit
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, words

routes = ApiBlueprint("models", "Versions of the models behind promises.")
READ, WRITE = "models:read", "models:write"


class ModelQuery(PageQuery):
    """What narrows the list of versions."""

    state = words()


class TrainBody(Strict):
    """What to train."""

    kind = fields.String(load_default="transit", validate=validate.OneOf(["transit"]))
    engine = fields.String(load_default="lanes", validate=validate.OneOf(ENGINES))


class PromoteBody(Strict):
    """Nothing more to say."""


@routes.lists("/models", scope=READ, shape="Model", query=ModelQuery)
def list_all_models(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List versions, newest first."""
    return list_models(conn, piece, **query)


@routes.reads("/models/<model>", scope=READ, shape="Model")
def get_model(conn: Connection, model: str) -> Json:
    """Return one version, without its content."""
    return read_model_version(conn, parse_id("model", model))


@routes.writes("/models/train", scope=WRITE, shape="Model", body=TrainBody, status=201)
def post_training(unit: Unit, body: Json) -> Answer:
    """Train a challenger on all outcomes and compare it with the champion."""
    model_id = train_transit(unit, body["engine"], unit.actor)
    return Answer(
        read_model_version(unit.conn, model_id, unit.tenant), location=f"/api/v1/models/{public_id('model', model_id)}"
    )


@routes.writes("/models/<model>/promote", scope=WRITE, shape="Model", body=PromoteBody)
def post_promotion(unit: Unit, body: Json, model: str) -> Json:  # noqa: ARG001 - every change takes its body
    """Make a challenger that won the champion."""
    model_id = parse_id("model", model)
    promote(unit, model_id, unit.actor)
    return read_model_version(unit.conn, model_id, unit.tenant)

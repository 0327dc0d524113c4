"""What is particular to the connector for documents in the hub's own form."""

from datetime import UTC, datetime

import pytest

from connectors.sdk.registry import Registry
from core.domain.ids import uuid7
from core.domain.vocabulary import DocumentType, Mode
from core.errors import MappingError
from core.ports.connectors import ConnectionConfig, InboundMessage


def test_a_mistyped_topic_loses_nothing_in_silence() -> None:
    config = ConnectionConfig(uuid7(), "own", "canonical", Mode.LIVE, {}, {"webhook_secret": "whsec_" + "A" * 32})
    connector = Registry().open(config)

    def of(topic: str) -> InboundMessage:
        return InboundMessage(uuid7(), topic, b"{}", "application/json", {}, datetime.now(UTC), None)

    with pytest.raises(MappingError) as refused:
        connector.normalize(of("ordr"))
    assert refused.value.error_code == "MAP-TOPIC-422"
    assert "order, order_cancel" in str(refused.value.fix)
    assert [each.type for each in connector.normalize(of("ping"))] == [DocumentType.IGNORE]

"""An ERP behind SOAP: our verbs become the operations a profile names."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from config.settings import load_settings
from connectors.sdk.base import BaseConnector, document
from connectors.sdk.http import Http
from connectors.sdk.manifest import DocumentRow
from connectors.sdk.maps import open_map
from connectors.sdk.template import fill_body
from connectors.soap_erp import contract, vendoring
from connectors.soap_erp.client import SoapClient
from connectors.soap_erp.profile import Operation, Profile, load_profile
from connectors.soap_erp.replies import found, plain, record
from connectors.soap_erp.security import security_token
from core.errors import ConnectorError, MappingError, OutcomeUnknown, Rejected
from core.ports.connectors import Document, InboundMessage, Json, Page, Push, Receipt
from mappings.engine import Map

PROBE = "crossdock-check"


class Connector(BaseConnector):
    """One ERP connection."""

    # -- the contract

    @cached_property
    def profile(self) -> Profile:
        """The profile of the settings: one shipped here by name, or a file by path."""
        named = self.settings["profile"]
        path = Path(named).expanduser()
        return load_profile(path if path.is_absolute() else self.folder / "profiles" / path.name / "profile.yaml")

    @property
    def wsdl(self) -> str:
        """Where the WSDL is: a URL or path of the settings, else the usual place at the service's own address."""
        named = str(self.settings.get("wsdl") or f"{self.base_url}?wsdl")
        return named if vendoring.is_url(named) else str(self.folder / Path(named).expanduser())

    @cached_property
    def contracts(self) -> Path:
        """The folder with this connection's copy of the WSDL."""
        return load_settings().data_dir / "connections" / self.config.id.hex / "soap"

    @cached_property
    def http(self) -> Http:
        """The way out: to the service, and to the WSDL where that is fetched."""
        return Http(
            self.manifest.label,
            configured=[self.base_url, *([self.wsdl] if vendoring.is_url(self.wsdl) else [])],
            limits=self.manifest.limits,
            redactor=self.redactor,
            errors=self.manifest.errors,
            auth=self.authorization() if self.settings["security"] == "basic" else None,
        )

    @cached_property
    def client(self) -> SoapClient:
        """The strict client over the vendored contract."""
        return SoapClient(
            contract.load(vendoring.vendored(self.wsdl, self.contracts, self.fetch)),
            self.http,
            address=self.base_url,
            token=security_token(self.config.name, self.settings, self.secrets),
            rows=(*self.profile.faults, *self.manifest.errors.rows),
            code_names=self.profile.fault_codes,
        )

    def fetch(self, url: str) -> bytes:
        """Return a file of the contract from the partner."""
        return self.http.request("GET", url, verb="check", write=False, reads=None).body

    # -- out

    def push_order(self, push: Push) -> Receipt:
        """Create the sales order, or tell the ERP its changes and its allocation."""
        return self.write(push, push.payload.get("event"))

    def cancel_order(self, push: Push) -> Receipt:
        """Cancel the sales order, or some of its lines."""
        return self.write(push)

    def push_shipment(self, push: Push) -> Receipt:
        """Post a shipment."""
        return self.write(push)

    def write(self, push: Push, event: str | None = None) -> Receipt:
        """Call the operation of a write.

        Raises:
            Rejected: the payload does not fit the map or the contract; nothing was sent.
            OutcomeUnknown: the reply was lost, or names no document.
        """
        row = self.profile.operation(push.kind, event)
        if row.skip:
            return Receipt(None, {"skipped": row.skip})
        try:
            return self.perform(push, row)
        except ConnectorError as error:
            # A fault says that nothing was done, so creating it now cannot double it.
            if not set(row.create_on) & set(error.data.get("partner_codes", ())):
                raise
        return self.perform(push, self.profile.operation(push.kind, "created"))

    def perform(self, push: Push, row: Operation) -> Receipt:
        """Call one operation of a write; raises as `write` does."""
        try:
            body = self.body(row, push)
            reply = self.client.call(push.kind, row.operation, body, writes=True)
        except MappingError as error:
            raise Rejected(
                f"The {push.kind.replace('_', ' ')} cannot be written for {self.manifest.label}.",
                why=" ".join(part for part in (error.what, error.why) if part),
                fix=error.fix,
                code=error.error_code,
                **error.data,
            ) from None
        number = found(row.reference, reply.values)
        if row.reference and not isinstance(number, str):
            raise OutcomeUnknown(
                f"{row.operation} was answered, but {row.reference} in the reply names no document.",
                fix="Nothing: the hub looks it up by reference.",
                code="SOAP-REPLY-504",
            )
        return Receipt(number, self.redactor.value({"operation": row.operation, "reply": plain(reply.values)}))

    def body(self, row: Operation, push: Push) -> Json:
        """Return the values of a request: the profile's fixed ones, and what its map writes."""
        given = {**push.payload, "reference": push.reference}
        scope = {"reference": push.reference, "payload": push.payload, "settings": self.settings}
        fixed = fill_body(dict(row.body), scope)
        return {**fixed, **(self.map(row.map).write(given) if row.map else {})}

    def find_by_reference(self, push: Push) -> Receipt | None:
        """Return the document that bears the reference of this push, None when the ERP has none."""
        return self.find(push.reference)

    def find(self, reference: str) -> Receipt | None:
        """Return the document that bears a reference.

        Raises:
            OutcomeUnknown: the ERP's answer cannot be trusted, so nothing may be concluded from it.
        """
        row = self.profile.operation("find_by_reference")
        body = fill_body(dict(row.body), {"reference": reference, "settings": self.settings})
        try:
            reply = self.client.call("find_by_reference", row.operation, body, writes=False)
        except MappingError as error:
            raise OutcomeUnknown(error.what, why=error.why, fix=error.fix, code=error.error_code) from None
        answered = found(row.found, reply.values) if row.found else reply.values
        for each in answered if isinstance(answered, list) else [answered]:
            # An ERP that overlooks the question and answers with other documents has not confirmed ours.
            if each and (row.match is None or found(row.match, each) == reference):
                number = found(row.reference, each)
                detail = self.redactor.value({"document": plain(each)})
                return Receipt(number if isinstance(number, str) else None, detail)
        return None

    # -- in

    def list_stock(self, cursor: Json) -> Page:
        """Return the next page of the ERP's stock, as it sent it."""
        row = self.profile.operation("list_stock")
        body = dict(row.body)
        if row.send_cursor and cursor.get("after"):
            body[row.send_cursor] = cursor["after"]
        reply = self.client.call("list_stock", row.operation, body, writes=False)
        after = found(row.next_cursor, reply.values)
        return Page([record(reply)], {"after": after} if after else {}, more=bool(after))

    def read(self, row: DocumentRow, message: InboundMessage) -> list[Document]:
        """Return the documents of a message, by the profile's map."""
        result = self.map(self.profile.operation("list_stock").map or "").read_one(message.body)
        return [document(row.type, result.canonical, result.holds)]

    def map(self, name: str) -> Map:
        """Return a map of the profile.

        Raises:
            Misconfigured: there is no such file.
        """
        return open_map(self.manifest, name, self.profile.folder)

    # -- trying it

    def check(self) -> Json:
        """Compare the contract with the partner's, and look up a document that does not exist.

        Raises:
            ConnectorError: the partner does not answer, or not to us.
        """
        client = self.client
        for row in self.profile.operations.values():
            if row.operation:
                client.require(row.operation)
        said: Json = {"contract": client.contract.digest[:16], "address": client.address}
        if vendoring.is_url(self.wsdl):
            live = vendoring.digest(vendoring.collect(self.wsdl, self.fetch))
            said["contract_changed"] = live != client.contract.digest
        self.find(PROBE)
        return said

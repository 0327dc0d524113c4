"""A strict SOAP client: zeep builds and reads the messages, this module trusts neither side until the schema agrees.

zeep alone sends text where a number is due, reads an impossible date as None, takes NaN for a price, and lets
`decimal.InvalidOperation` out. So every request and every reply is validated by libxml2 against the contract's own
schema, numbers are checked to be finite, and whatever still goes wrong is one of the errors of `core.errors`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lxml import etree
from zeep import Client, Settings, helpers
from zeep.wsse.username import UsernameToken

from connectors.sdk.errors import FIXES, error_for
from connectors.sdk.http import Answer, Http
from connectors.sdk.manifest import ErrorRow
from connectors.soap_erp import faults, xmlsafe
from connectors.soap_erp.contract import Contract
from core.errors import ConnectorError, CrossdockError, MappingError, Misconfigured, OutcomeUnknown, Transient

MEDIA = ("text/xml", "application/xml")
ENVELOPES = (faults.SOAP_11, faults.SOAP_12)
# zeep is typed in part only.
plain_values: Any = helpers.serialize_object
untyped_client: Any = Client
# Faults travel as 500 (SOAP 1.1) or 400 (1.2); such an answer is an error even when no fault is in it.
SPOKEN = (200, 202, 400, 500)
# zeep hands the reply back as it is: it would leave out the outer element where that holds one field.
SENDING = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True, raw_response=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that fits the contract: plain Python values, and the body element as it came."""

    values: Any
    xml: bytes


class SoapClient:
    """Calls the operations of one contract at one address."""

    def __init__(
        self,
        contract: Contract,
        http: Http,
        *,
        address: str | None = None,
        token: UsernameToken | None = None,
        rows: Sequence[ErrorRow] = (),
        code_names: Sequence[str] = ("Code",),
    ) -> None:
        """Bind a contract to an address.

        Args:
            contract: the parsed WSDL and schema.
            http: the connection's way out.
            address: where the service is; the WSDL's own address by default.
            token: WS-Security user name token put on every request.
            rows: what fault codes mean.
            code_names: elements of a fault's detail that hold the partner's code.

        Raises:
            Misconfigured: the WSDL has no SOAP service, or no address is known.
        """
        self.contract = contract
        self.http = http
        self._token = token
        self.rows = rows
        self.code_names = code_names
        port = next(
            (
                each
                for service in contract.document.services.values()
                for each in service.ports.values()
                if hasattr(each.binding, "nsmap") and each.binding.nsmap.get("soap-env") in ENVELOPES
            ),
            None,
        )
        if port is None:
            raise Misconfigured("The WSDL has no SOAP service.", fix="Check the setting `wsdl`.", code="SOAP-WSDL-422")
        self.binding = port.binding
        found = address or port.binding_options.get("address")
        if not found:
            raise Misconfigured("The WSDL names no address.", fix="Fill in `base_url`.", code="SOAP-WSDL-422")
        self.address: str = found

    def require(self, operation: str) -> None:
        """Check that the contract has an operation this client can validate.

        Raises:
            Misconfigured: it has none of that name, or one that is not document/literal.
        """
        known = self.binding.all()
        if operation not in known:
            raise Misconfigured(
                f"The WSDL has no operation {operation}.",
                why=f"It has {', '.join(sorted(known))[:400]}.",
                fix="Name the right operation in the profile.",
                code="SOAP-OPERATION-404",
            )
        if known[operation].style != "document":
            raise Misconfigured(
                f"The operation {operation} is of style {known[operation].style}; only document/literal is supported.",
                why="The body of other styles cannot be checked against the schema.",
                code="SOAP-OPERATION-422",
            )

    def call(self, verb: str, operation: str, body: Mapping[str, Any], *, writes: bool) -> Reply:
        """Call an operation and return its checked reply.

        Args:
            verb: our verb, for errors and fault rows.
            operation: name in the WSDL.
            body: the values of the request's element by name.
            writes: the call changes something over there, so an unreadable reply leaves its outcome open.

        Raises:
            MappingError: the request does not fit the contract (nothing was sent), or a reading call's reply does not.
            OutcomeUnknown: the reply of a writing call was lost or cannot be read.
            ConnectorError: the partner or the way there refused; the class says what next.
        """
        self.require(operation)
        call = _Call(self, verb, operation, writes)
        client = untyped_client(self.contract.document, transport=call, wsse=self._token, settings=SENDING)
        try:
            client.create_service(self.binding.name, self.address)[operation](**body)
        except CrossdockError:
            raise
        except Exception as error:  # noqa: BLE001 - zeep raises whatever its conversions stumble over
            raise _unfit(operation, _reason(error)) from None
        element = call.read()
        try:
            kind: Any = self.contract.document.types.get_element(element.tag)
            values = plain_values(kind.parse(element, self.contract.document.types), dict)
        except Exception as error:  # noqa: BLE001 - as above
            raise call.unreadable(_reason(error)) from None
        if path := _not_finite(values, ""):
            raise call.unreadable(f"{path} is not a finite number")
        return Reply(values, etree.tostring(element))


class _Call:
    """One call, in the place where zeep expects its transport: everything passes here on its way out and in."""

    def __init__(self, client: SoapClient, verb: str, operation: str, writes: bool) -> None:
        self.client, self.verb, self.operation, self.writes = client, verb, operation, writes
        self.answer: Answer | None = None

    def post_xml(self, address: str, envelope: etree._Element, headers: Mapping[str, str]) -> None:
        """Send an envelope after the schema has agreed to it."""
        body = _body(envelope)
        if wrong := self.client.contract.faults(body[0]):
            raise _unfit(self.operation, "; ".join(wrong[:3]), errors=wrong[:20])
        message = etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")
        self.answer = self.client.http.request(
            "POST",
            address,
            verb=self.verb,
            write=self.writes,
            headers={**headers, "Accept": "text/xml, application/soap+xml"},
            data=message,
            ok=SPOKEN,
            reads=None,
        )

    def read(self) -> etree._Element:
        """Return the body element of an answer that is no fault and fits the schema."""
        answer = self.answer
        assert answer is not None, "zeep called the transport"
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if kind not in MEDIA and not kind.endswith("+xml"):
                raise xmlsafe.UnsafeXml(f"its content type is {kind[:60] or 'missing'}")
            body = _body(xmlsafe.parse(answer.body))
        except ValueError as error:
            raise self._no_soap(answer, str(error)) from None
        element = body[0]
        if etree.QName(element).localname == "Fault" and etree.QName(element).namespace in ENVELOPES:
            raise faults.error_of(
                faults.read(element, self.client.code_names),
                verb=self.verb,
                operation=self.operation,
                rows=self.client.rows,
                writes=self.writes,
            )
        if answer.status >= 400:
            raise self._no_soap(answer, "its envelope holds no fault")
        expected = self.client.binding.get(self.operation).output.body.qname
        if element.tag != expected:
            raise self.unreadable(f"it is a {etree.QName(element).localname}, not a {expected.localname}")
        if wrong := self.client.contract.faults(element):
            raise self.unreadable("; ".join(wrong[:3]), errors=wrong[:20])
        return element

    def _no_soap(self, answer: Answer, why: str) -> ConnectorError:
        """Return the error for an answer without a SOAP envelope: the status decides, where it says anything."""
        if answer.status >= 400:
            http = self.client.http
            return error_for(
                partner=http.partner,
                verb=self.verb,
                write=self.writes,
                status=answer.status,
                headers=answer.headers,
                document=None,
                table=http.errors,
            )
        kind = OutcomeUnknown if self.writes else Transient
        what = f"The reply to {self.operation} cannot be read."
        return kind(what, why=why, fix=FIXES[kind], code="SOAP-REPLY-504")

    def unreadable(self, why: str, **data: Any) -> ConnectorError | MappingError:
        """Return the error for a reply that is SOAP but does not keep to the contract."""
        what = f"The reply to {self.operation} does not fit the partner's contract."
        if self.writes:
            return OutcomeUnknown(what, why=why, fix=FIXES[OutcomeUnknown], code="SOAP-REPLY-504", **data)
        fix = "Show the partner its reply and its WSDL."
        return MappingError(what, why=why, fix=fix, code="SOAP-REPLY-422", **data)


def _body(envelope: etree._Element) -> etree._Element:
    """Return the Body of an envelope with exactly one element in it."""
    namespace = etree.QName(envelope).namespace
    if namespace not in ENVELOPES or etree.QName(envelope).localname != "Envelope":
        raise ValueError(f"it is no SOAP envelope but a {etree.QName(envelope).localname}"[:200])
    bodies = envelope.findall(f"{{{namespace}}}Body")
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise ValueError("its envelope has not exactly one body element")
    return bodies[0]


def _unfit(operation: str, why: str, **data: Any) -> MappingError:
    return MappingError(
        f"The request {operation} does not fit the partner's contract; nothing was sent.",
        why=why,
        fix="Mend the map of this verb, or the order.",
        code="SOAP-REQUEST-422",
        **data,
    )


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:400]


def _not_finite(value: Any, path: str) -> str | None:
    """Return the path of the first number that is NaN or infinite."""
    if isinstance(value, dict):
        children = ((f"{path}.{key}", inner) for key, inner in value.items())
    elif isinstance(value, list):
        children = ((f"{path}[{index}]", inner) for index, inner in enumerate(value))
    else:
        broken = (isinstance(value, Decimal) and not value.is_finite()) or (
            isinstance(value, float) and not math.isfinite(value)
        )
        return (path.lstrip(".") or "the value") if broken else None
    return next((found for key, inner in children if (found := _not_finite(inner, key))), None)

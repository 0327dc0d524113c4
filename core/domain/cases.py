"""The causes the hub opens exception cases for: code, class, severity, words and the recommended way out."""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.cause import Cause

UNKNOWN_SKU = Cause(
    "MAP-SKU-404", "value", "high", "Unknown SKU {code}",
    "{connection} sent the code {code}. No item or reference has it, so its units cannot be reserved.",
    "map_sku", "Add {code} as a reference of an item", hours=24,
)  # fmt: skip
STOCK_OUT = Cause(
    "STOCK-OUT-001", "stock", "medium", "No stock of {sku}",
    "Less of {sku} is available than the orders ask for; they are filled by themselves when stock arrives.",
    "source_again", "Look for stock again", hours=48,
)  # fmt: skip
STOCK_BARRED = Cause(
    "STOCK-WAY-001", "stock", "medium", "{sku} is there and cannot leave: {detail}",
    "Units of {sku} are available, and no node can send them to these orders: {detail}. They are looked at again when"
    " rates, services, nodes or stock change.",
    "source_again", "Look for a way again", hours=48,
)  # fmt: skip
WINDOW = Cause(
    "ORDER-WINDOW-001", "policy", "high", "{number} cannot keep its window",
    "{number} asks for days that its plan does not keep: {detail}. The plan stands, since late is better than never.",
    None, "Agree on other days with the buyer, move it to a nearer node, or cancel", None, 8,
)  # fmt: skip
TOTALS = Cause(
    "ORDER-TOTALS-422", "value", "medium", "Totals of {connection} orders do not add up",
    "The stated total differs from lines, discounts, charges and taxes: {detail}.",
    "release_holds", "Accept the stated totals", 0.5, 24,
)  # fmt: skip
ADDRESS = Cause(
    "ORDER-ADDRESS-422", "address", "medium", "Address not deliverable: {detail}",
    "The ship-to address cannot be used as it is: {detail}.",
    "release_holds", "Ship to it as it is", 0.3, 24,
)  # fmt: skip
INCOMPLETE = Cause(
    "ORDER-FIELD-422", "missing", "medium", "{connection} orders: {detail}",
    "A field the order needs is missing or has a code without meaning: {detail}.",
    "release_holds", "Process it as it is", 0.3, 24,
)  # fmt: skip
LATE = Cause(
    "ORDER-LATE-001", "value", "high", "{number} was changed at its source after it was {state}",
    "{connection} changed {number} when it was {state} already, and nothing of it was done: {detail}.",
    None, "Order what was added anew, or settle it with the source", None, 24,
)  # fmt: skip
DUPLICATE = Cause(
    "ORDER-TWICE-409", "duplicate", "medium", "Possibly the same order twice",
    "Another order of the same buyer has the same lines and total within a day: {detail}.",
    "release_holds", "They are two orders: release", 0.5, 24,
)  # fmt: skip
MANUAL = Cause(
    "ORDER-HOLD-001", "policy", "low", "Held by a person", "Somebody stopped this order: {detail}.",
    "release_holds", "Release the hold", None, None,
)  # fmt: skip
QUARANTINED = Cause(
    "MSG-QUARANTINE-422", "parse", "high", "{connection}: {topic} cannot be taken in ({code})",
    "{what}{told}",
    "replay_messages", "Replay it as the hub is now", 0.5, 4,
)  # fmt: skip
DEAD = Cause(
    "DLV-DEAD-502", "connection", "high", "{connection} {does} {kind} ({code})",
    "{what}",
    "retry_deliveries", "Send again, once it is mended there or here", None, 4,
)  # fmt: skip
UNWRITTEN = Cause(
    "DLV-UNWRITTEN-422", "parse", "high", "Our map cannot write {kind} for {connection} ({code})",
    "{what} {why} Nothing was sent, and {connection} knows nothing of it.",
    "retry_deliveries", "Send again, once the map or the data is mended", None, 4,
)  # fmt: skip
PAUSED = Cause(
    "CONN-PAUSED-401", "connection", "high", "{connection} is paused: {code}",
    "{what} Nothing is sent to {connection} until it is mended; everything waits in order.",
    "resume_connection", "Resume {connection}", 0.5, 2,
)  # fmt: skip
SHORTFALL = Cause(
    "STOCK-SHORTFALL-001", "stock", "high", "{sku} at {node}: counted less than promised",
    "By what was counted {counted} are there, but {promised} are promised: {shortfall} too few.",
    "source_again", "Source the orders from elsewhere", 0.6, 8,
)  # fmt: skip
LIMIT = Cause(
    "STOCK-LIMIT-001", "stock", "medium", "{sku} at {node}: more promised than its limit allows now",
    "Beyond what is there {limit} may be promised, and {over} more are. They stay promised; as soon as promises end or "
    "units come, the limit holds.",
    None, "Bring units, or cancel orders that wait for them", None, 48,
)  # fmt: skip
STUCK = Cause(
    "ORDER-STUCK-001", "policy", "high", "Orders without a next step",
    "An order that is not finished has no delivery, no timer and no case. This is a fault of the hub: {detail}.",
    "source_again", "Start it again", None, 1,
)  # fmt: skip
REJECTED = Cause(
    "NODE-REJECT-001", "capacity", "medium", "{node} gave back {sku}: {detail}",
    "{node} gave back units of {sku} that were its work ({detail}), and other nodes have too few. Who gave an order"
    " back is not asked for it again: other nodes fill it when stock arrives there, or what is lacking is canceled.",
    "source_again", "Look for another node", 0.4, 8,
)  # fmt: skip
# Units of an order lack: what is looked at again by itself.
BACKORDER_CODES = (STOCK_OUT.code, STOCK_BARRED.code, REJECTED.code)
UNKNOWN_WORK = Cause(
    "SHIP-UNKNOWN-404", "value", "high", "{connection} reports unknown work",
    "{what}",
    "replay_messages", "Replay", 0.4, 8,
)  # fmt: skip
UNKNOWN_ORDER = Cause(
    "ORDER-UNKNOWN-404", "value", "high", "{connection} speaks of an order nobody knows ({topic})",
    "{what} Nothing of it is done; once the order has come, the message can be replayed.",
    "replay_messages", "Replay", 0.4, 8,
)  # fmt: skip
SURPLUS = Cause(
    "SHIP-SURPLUS-001", "stock", "high", "{node} shipped what was not open",
    "{node} reports that {units} of {number} left in shipment {external_id}, but they were shipped or canceled before. "
    "Nothing was counted: stop the parcel or settle it with the customer, and have the node count its stock.",
    None, "Stop the parcel, or settle it with the customer", None, 8,
)  # fmt: skip
RECEIVED_OTHERWISE = Cause(
    "SUPPLY-RECEIPT-409", "stock", "medium", "{node} received {reference} otherwise than announced",
    "Receipt {external_id} of {reference}: {detail}. What was expected and is fit for sale was taken in, nothing else.",
    None, "Receive the rest with `over`, or close {reference}", None, 24,
)  # fmt: skip
ACCEPTED_OTHERWISE = Cause(
    "TRADE-RECEIVED-409", "value", "high", "{connection} received {number} otherwise than advised",
    "Receiving advice {external_id} of {number}: {detail}. Nothing was changed by it.",
    None, "Look for the goods, then settle it with the partner", None, 48,
)  # fmt: skip
LOST = Cause(
    "SHIP-LOST-001", "carrier", "high", "{number}: parcel {parcel} is {state}",
    "{carrier} says that {parcel} of {number} is {state} ({at}). No promise is watched that would tell of it, "
    "and nothing was sent again or paid back.",
    None, "Ask the carrier, then send again or pay back what the buyer lacks", None, 24,
)  # fmt: skip
FOUND = Cause(
    "SHIP-FOUND-001", "carrier", "high", "{number}: a parcel that was lost and made good is found",
    "{carrier} said that {parcel} of {number} was lost ({lost}), and says now that it is {state} ({at}). Meanwhile "
    "{meanwhile}. Nothing of that was undone.",
    None, "Stop what is still to leave, or agree with the buyer on what goes back or is paid", None, 8,
)  # fmt: skip
SERIALS = Cause(
    "SHIP-SERIAL-001", "stock", "medium", "{node} reports serial numbers that cannot be right",
    "{detail}. What was shipped counts as reported.",
    None, "Have {node} say which units left", None, 24,
)  # fmt: skip
UNBOOKED = Cause(
    "STOCK-UNBOOKED-001", "stock", "medium", "{node} shipped {sku} the books did not have",
    "{node} reports that {units} more units of {sku} left than were on hand. The shipment counts, and the books were "
    "corrected by {units}: a supply was not received, or a count was too low.",
    None, "Receive the supply without these units, or have {node} count {sku}", None, 24,
)  # fmt: skip
DRIFT = Cause(
    "STOCK-DRIFT-001", "stock", "low", "{connection} shows other stock than it was told",
    "{sku}: told {told}, shows {shown}. The hub's figure is sent again.",
    "push_stock_again", "Send the hub's figure again", 0.9, 24,
)  # fmt: skip
PRIVACY = Cause(
    "PRIVACY-REQUEST-001", "policy", "high", "{connection}: {kind}",
    "{connection} passes on a data subject's request; the law gives 30 days.",
    None, "Answer the request", None, 24 * 30,
)  # fmt: skip
PROMISE_RISK = Cause(
    "PROMISE-RISK-001", "promise", "high", "Promises at risk: {detail}",
    "{detail}; promised for {due}, and late with a chance of {risk}.",
    None, "Hurry it, or tell the buyer", None, 12,
)  # fmt: skip
OFFER_UNHELD = Cause(
    "PROMISE-OFFER-001", "promise", "high", "{connection}: orders name offers that do not hold ({reason})",
    "{number} names {offer}, which said {told}, and {instead}. {why}",
    None, "Tell the buyers the dates that hold", None, 12,
)  # fmt: skip
PRICE = Cause(
    "ORDER-PRICE-422", "value", "medium", "{connection} orders at other prices than agreed",
    "The price on the order is not the one agreed with {connection}: {detail}.",
    "release_holds", "Accept the price on the order", 0.3, 24,
)  # fmt: skip
FRACTION = Cause(
    "ORDER-FRACTION-422", "value", "medium", "{connection} orders parts of a piece",
    "An item that is counted is ordered in a part of one: {detail}. The order waits until that is mended.",
    None, "Have the source send whole numbers, or change the line", None, 24,
)  # fmt: skip
IMPLAUSIBLE = Cause(
    "ORDER-QUANTITY-422", "value", "high", "{connection}: {detail}",
    "Reserved, this would leave nothing for others, so nothing is reserved until somebody says it is meant: {detail}.",
    "release_holds", "They are meant: reserve them", 0.1, 24,
)  # fmt: skip
ORDER_AGAIN = Cause(
    "ORDER-AGAIN-409", "duplicate", "high", "{connection} sent order {number} again with other content",
    "{connection} sent order {number} a second time ({topic}) and does not say that it replaces the first: "
    "{differs}. The order is as it was, and nobody has told {connection}.",
    "take_as_change", "Take it as a change of the order", 0.4, 8,
)  # fmt: skip
TOO_LATE = Cause(
    "ORDER-CHANGE-409", "value", "high", "A {what} of {number} by {connection} was not done",
    "{connection} asked to {verb} {number}, and nothing of it was done: {detail}. {told}",
    None, "Tell the partner, or have it sent back", None, 24,
)  # fmt: skip
KEPT_BACK = Cause(
    "PAPER-RULE-422", "policy", "high", "A paper for {connection} breaks its rules",
    "The {kind} {number} for {connection} was kept back: {detail}.",
    None, "Mend it, and it is made again", None, 4,
)  # fmt: skip
ADVICE_CLOCK = Cause(
    "ASN-CLOCK-408",
    "document",
    "high",
    "A despatch advice for {connection} runs out of time",
    "The despatch advice {number} for {connection} {what}.",
    None,
    "See what keeps it, and send or correct it",
)
DEDUCTED = Cause(
    "TRADE-CHARGEBACK-001", "value", "medium", "{connection} deducts {amount} {currency} from {invoice}",
    "{connection} paid invoice {invoice} short by {amount} {currency} ({reason}). {trace}.",
    None, "Dispute it with the times, or accept it", None, 24 * 14,
)  # fmt: skip
RECEIPT_MISSING = Cause(
    "TRADE-RECEIPT-504", "connection", "high", "{connection} has not proven that our files arrive",
    "{connection} has not sent the receipt for {message_id} ({detail}). Whether the file arrived is not known.",
    None, "Ask the partner what arrived before sending again", None, 4,
)  # fmt: skip
RECEIPT_REFUSED = Cause(
    "TRADE-RECEIPT-422", "connection", "high", "{connection} did not take a file: {modifier}",
    "{connection} answered {message_id} with {modifier}: {detail}",
    None, "Mend what the partner names, then send it again", None, 4,
)  # fmt: skip
CALL_REFUSED = Cause(
    "TRADE-CALL-400", "connection", "high", "Files of {connection} are refused: {modifier}",
    "What came for {connection} was not taken, {count} times or more, and who sent it was told so: {detail}",
    None, "Mend it with the partner, who then sends again", None, 4,
)  # fmt: skip
CERTIFICATE = Cause(
    "CONN-CERTIFICATE-001", "connection", "high", "{connection}: the certificate of {whose} ends on {ends}",
    "In {days} days or less the certificate {fingerprint} of {whose} ends, and no other follows it: then nothing can "
    "be exchanged with {connection}.",
    None, "Exchange new certificates with the partner and add them beside the old ones", None, 24 * 7,
)  # fmt: skip
CERTIFICATE_UNSEEN = Cause(
    "CONN-CERTIFICATE-503", "connection", "high", "{connection}: its certificates cannot be looked at ({code})",
    "{what} Until it is mended nothing goes to {connection} or comes from it, and nobody is told when a certificate of "
    "his ends.",
    None, "Give the key or mend the profile; it ends by itself within an hour", None, 2,
)  # fmt: skip
MODEL_DRIFT = Cause(
    "MODEL-DRIFT-001", "promise", "medium", "The transit model {model} does not fit any more",
    "What {model} learned from is not what it is used on: {detail}; {now}.",
    None, "Train a challenger", None, 24 * 7,
)  # fmt: skip
EDI_DUPLICATE = Cause(
    "EDI-DUPLICATE-409", "duplicate", "high", "{connection} sent other content as interchange {reference}",
    "{connection} used the control reference {reference} for an interchange before, and now with other content. "
    "Nothing of it was done. {told}",
    None, "Have the partner send it under a new number, or take it: crossdock partner take {interchange}", None, 8,
)  # fmt: skip
EDI_REJECTED = Cause(
    "EDI-REJECTED-422", "parse", "high", "{connection} sent {what}, which cannot be taken",
    "{what} (interchange {reference} of {sender}) is refused and nothing of it is done: {detail}.",
    None, "Have the partner mend it and send it again", None, 8,
)  # fmt: skip
EDI_STRAY = Cause(
    "EDI-STRAY-404", "value", "medium", "{connection} answers what was never sent",
    "Interchange {reference} of {connection} has {detail}, which never left{as_test}. Either the partner mixes up "
    "systems or numbers, or another sender uses ours.",
    None, "Ask the partner what he answers", None, 24,
)  # fmt: skip
EDI_REFUSED = Cause(
    "EDI-REFUSED-422", "connection", "high", "{connection} refuses {kind} {number}",
    "{connection} refuses {kind} {number} (interchange {reference}): {detail}.",
    None, "Mend it and send it again", None, 4,
)  # fmt: skip
EDI_SILENT = Cause(
    "EDI-SILENT-408", "connection", "high", "{connection} has not answered {kind} {number}",
    "{kind} {number} (interchange {reference}) is {state} since {since}, and {expected} was expected by {due}.",
    None, "Ask the partner, or send it again", None, 4,
)  # fmt: skip
EDI_OWED = Cause(
    "EDI-OWED-408", "connection", "high", "The acknowledgement of {reference} has not left",
    "{connection} was owed an acknowledgement of interchange {reference} by {due}.",
    None, "See why its delivery waits", None, 2,
)  # fmt: skip
WAVE_FAILED = Cause(
    "WAVE-FAILED-001", "capacity", "high", "Waves fail: waiting work is not planned again",
    "A wave ended with {error}: {detail}. Waiting work stays as it is planned and is released when its time comes.",
    None, "Report it; `crossdock wave run --dry-run` shows it again", None, 8,
)  # fmt: skip
SEVERITIES = ("high", "medium", "low")
# All that stand above, so that none can be forgotten.
CAUSES: Mapping[str, Cause] = {each.code: each for each in list(globals().values()) if isinstance(each, Cause)}

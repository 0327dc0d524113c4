"""The files of a new connector as texts with places; `scaffold` fills them in."""

from __future__ import annotations

MANIFEST = """\
id: {connector}
label: {label}
kind: {kind}
api_version: "1" # TODO the version of the partner's interface
capabilities: [{capabilities}]

settings:
  - {{name: base_url, type: url, required: true, help: "Address of the interface, such as https://api.example.com."}}
  - {{name: api_key, type: text, secret: true, required: true, help: "API key."}}
  - {{name: webhook_secret, type: text, secret: true, required: true, help: "Key that signs the calls to the hub."}}

# TODO a harmless address that proves the key, such as /v1/me
# check: /v1/me
auth: {{scheme: bearer, secret: api_key}}
limits: {{rate: 5, burst: 10, concurrency: 4, timeout: 20, max_body: 2097152}}

# TODO how the partner signs; docs/connectors.md has every key.
webhook:
  scheme: hmac-sha256
  secret: webhook_secret
  header: X-Signature
  topic_header: X-Topic
  event_header: X-Event-Id

{documents}{codes}
# TODO what goes out: take the rows that apply, and add their verbs and find_by_reference to `capabilities`.
# requests:
{writes}
errors:
  rows: []

quality:
  maps: todo
  goldens: todo
"""
WRITE = """\
#   {verb}:
#     path: /v1/TODO
#     map: {verb}.out.yaml
#     idempotency_header: Idempotency-Key
#     reference: id
#     find: {{path: /v1/TODO, query: {{reference: "{{reference}}"}}, at: items, match: reference, reference: id}}
"""
README = """\
# {label}

## Purpose

TODO What goes in and out, in a sentence and a table.

## Scopes

TODO The permissions the key needs, and nothing else.

## Set-up

TODO Where the key and the webhook key are made, and where the hub's address is entered.

## Limits

TODO Requests a second, size of bodies, age of calls.

## Troubleshooting

TODO Error code, why, what to do.

## Removal

TODO What to delete and revoke at the partner, and then `crossdock connection remove NAME`.
"""

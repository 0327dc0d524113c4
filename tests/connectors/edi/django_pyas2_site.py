"""Runs in an environment of its own with django-pyas2 (GPL): a site of it in one folder, and its own commands.

python django_pyas2_site.py FOLDER COMMAND [ARGUMENT …], with COMMAND one of

- `set-up`: makes the database and both companies; the job comes as JSON on stdin
- `serve`: serves the site on a free port of loopback, which is printed first
- `send FILE` of the folder to the hub, by its command `sendas2message`
- `receipts`: sends the asynchronous receipts that are owed, by its command `manageas2server`
- `report`: prints messages and receipts as JSON
"""

import base64
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

folder, command, *arguments = sys.argv[1:]
search = re.search


def two_digits(pattern: Any, text: Any, *more: Any) -> Any:
    """oscrypto 1.3.0 reads only one digit of the last part of OpenSSL's version (oscrypto#78)."""
    if pattern == "\\b(\\d\\.\\d\\.\\d[a-z]*)\\b":
        pattern = "\\b(\\d\\.\\d\\.\\d+[a-z]*)\\b"
    return search(pattern, text, *more)


re.search = two_digits  # type: ignore[assignment]

import django  # type: ignore[import-not-found]  # noqa: E402
from django.conf import settings  # type: ignore[import-not-found]  # noqa: E402

settings.configure(
    SECRET_KEY="a test's",
    ALLOWED_HOSTS=["127.0.0.1"],
    DEBUG=False,
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
        "django.contrib.messages", "pyas2",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(folder) / "db.sqlite3")}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    MEDIA_ROOT=folder,
    USE_TZ=True,
    PYAS2={"MDN_URL": os.environ.get("MDN_URL", "")},
)  # fmt: skip
django.setup()

from django.core.management import call_command  # type: ignore[import-not-found]  # noqa: E402
from django.core.servers.basehttp import (  # type: ignore[import-not-found]  # noqa: E402
    ThreadedWSGIServer,
    WSGIRequestHandler,
)
from django.core.wsgi import get_wsgi_application  # type: ignore[import-not-found]  # noqa: E402
from django.urls import include, path  # type: ignore[import-not-found]  # noqa: E402

urlpatterns = [path("pyas2/", include("pyas2.urls"))]


def set_up(job: dict[str, Any]) -> None:
    """Make the database, acme's company and the hub as its partner."""
    from pyas2.models import (  # type: ignore[import-not-found]
        Organization,
        Partner,
        PrivateKey,
        PublicCertificate,
    )

    call_command("migrate", verbosity=0)
    key = PrivateKey.objects.create(name="acme.pem", key=base64.b64decode(job["key"]), key_pass=job["passphrase"])
    certificate = PublicCertificate.objects.create(
        name="hub.pem", certificate=base64.b64decode(job["certificate"]), verify_cert=False
    )
    Organization.objects.create(
        name="Acme", as2_name=job["ours"], email_address="edi@acme.example", encryption_key=key, signature_key=key
    )
    Partner.objects.create(
        name="Hub", as2_name=job["theirs"], target_url=job["url"], content_type="application/EDI-X12",
        encryption="aes_256_cbc", encryption_cert=certificate, signature="sha256", signature_cert=certificate,
        mdn=True, mdn_mode=job["receipt"], mdn_sign="sha256", compress=job["compress"],
    )  # fmt: skip


def serve() -> None:
    """Serve the site until the process is ended."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler, ipv6=False)
    server.set_app(get_wsgi_application())
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def report() -> dict[str, Any]:
    """Return what came and left, oldest first, and the receipts."""
    from pyas2.models import Mdn, Message

    messages = [
        {
            "id": each.message_id, "way": each.direction, "status": each.status, "said": each.detailed_status or "",
            "signed": each.signed, "encrypted": each.encrypted, "compressed": each.compressed,
            "payload": base64.b64encode(each.payload.read()).decode(),
        }
        for each in Message.objects.order_by("timestamp")
    ]  # fmt: skip
    receipts = [
        {"id": each.message.message_id, "status": each.status, "signed": each.signed} for each in Mdn.objects.all()
    ]
    return {"messages": messages, "receipts": receipts}


if command == "set-up":
    set_up(json.loads(sys.stdin.read()))
elif command == "serve":
    serve()
elif command == "send":
    from pyas2.models import Organization, Partner

    call_command("sendas2message", Organization.objects.get().as2_name, Partner.objects.get().as2_name, *arguments)
elif command == "receipts":
    call_command("manageas2server", "--async-mdns")
else:
    sys.stdout.write(json.dumps(report()) + "\n")

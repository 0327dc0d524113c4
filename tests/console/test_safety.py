"""What keeps the console safe: sign-in, sessions, tokens, headers, roles, and pages that work in trouble."""

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha384
from pathlib import Path

import pytest
from sqlalchemy import text

from console.web.assets import STATIC, Assets
from console.web.geo import Projection
from core.domain.ids import public_id
from tests.console.conftest import Site, form_token
from tests.console.reading import chunks, group
from tests.console.site import PASSWORD, USER

Get = Callable[..., str]
SCREENS = ("/", "/orders", "/exceptions", "/inventory", "/connections", "/messages", "/deliveries")


@pytest.mark.parametrize("path", [*SCREENS, "/orders.csv", "/search?q=1", "/live", "/live/since"])
def test_strangers_are_sent_to_the_form(reading: Site, path: str) -> None:
    answer = reading.client(None).get(path)
    assert answer.status_code == 302
    assert answer.location.startswith("/login")


def test_signing_in_goes_on_where_one_wanted_to_be_but_never_elsewhere(changing: Site) -> None:
    for wanted, reached in [
        ("/orders?tab=held", "/orders?tab=held"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ]:
        client = changing.client(None)
        token = form_token(client.get("/login").text)
        answer = client.post("/login", data={"email": USER, "password": PASSWORD, "csrf_token": token, "next": wanted})
        assert (answer.status_code, answer.location) == (303, reached)


def test_the_session_cookie_is_out_of_reach_and_only_its_hash_is_stored(changing: Site) -> None:
    client = changing.client()
    cookie = client.get_cookie("crossdock_session")
    assert cookie is not None
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    with changing.store.read() as conn:
        stored = conn.execute(text("SELECT token_hash FROM login_session")).scalars().all()
    assert cookie.value.encode() not in [bytes(one) for one in stored]


def test_wrong_passwords_say_nothing_about_users_and_lock_after_a_while(changing: Site) -> None:
    client = changing.client(None)

    def attempt(email: str, password: str) -> tuple[int, str]:
        token = form_token(client.get("/login").text)
        answer = client.post("/login", data={"email": email, "password": password, "csrf_token": token})
        return answer.status_code, re.sub(r'.*role="alert">.*?<span>([^<]*)</span>.*', r"\1", answer.text, flags=re.S)

    unknown, wrong = attempt("nobody@example.com", "x" * 12), attempt(USER, "x" * 12)
    assert unknown == wrong == (401, "This address and password do not go together.")
    for _ in range(3):
        assert attempt(USER, "x" * 12)[0] == 401
    # As if it had gone on for long: the first locks last so shortly that a slow machine sleeps through them.
    with changing.store.begin() as unit:
        unit.conn.execute(text("UPDATE user_account SET failed_logins = failed_logins + 8"))
    assert attempt(USER, "x" * 12)[0] == 401
    status, sentence = attempt(USER, PASSWORD)
    assert status == 429
    assert sentence.startswith("Too many wrong passwords: try again in ")
    assert client.get("/").status_code == 302


def test_signing_out_ends_the_session_for_good(changing: Site) -> None:
    client = changing.client()
    cookie = client.get_cookie("crossdock_session")
    assert cookie is not None
    client.post("/logout", data={"csrf_token": form_token(client.get("/").text)})
    client.set_cookie("crossdock_session", cookie.value)
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("age", ["seen_at = now() - interval '13 hours'", "expires_at = now() - interval '1 second'"])
def test_old_sessions_are_over(changing: Site, age: str) -> None:
    client = changing.client()
    assert client.get("/live/since").status_code == 200
    with changing.store.begin() as unit:
        unit.conn.execute(text(f"UPDATE login_session SET {age}"))
    assert client.get("/live/since").status_code == 302


def test_a_switched_off_user_is_out_at_once(changing: Site) -> None:
    client = changing.client()
    with changing.store.begin() as unit:
        unit.conn.execute(text("UPDATE user_account SET active = false"))
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_a_form_without_its_token_changes_nothing(changing: Site, token: str | None) -> None:
    client = changing.client()
    order = next(one for one in changing.company.orders if one["phase"] == "ready")
    page = f"/orders/{public_id('order', order['id'])}"
    data = {"reason": "test"} | ({} if token is None else {"csrf_token": token})
    answer = client.post(f"{page}/cancel", data=data)
    assert answer.status_code == 400
    with changing.store.read() as conn:
        state = conn.execute(text("SELECT state FROM orders WHERE id = :id"), {"id": order["id"]}).scalar_one()
    assert state == "accepted"


def test_who_may_only_look_sees_no_buttons_and_changes_nothing(changing: Site) -> None:
    client = changing.client("vera@example.com")
    order = next(one for one in changing.company.orders if one["phase"] == "held")
    path = f"/orders/{public_id('order', order['id'])}"
    page = client.get(path).text
    token = form_token(page)
    assert "Unmapped sku" in page
    assert "/release" not in page
    assert "Cancel order" not in page
    with changing.store.read() as conn:
        hold = conn.execute(text("SELECT id FROM hold WHERE order_id = :id"), {"id": order["id"]}).scalar_one()
    answer = client.post(f"{path}/holds/{public_id('hold', hold)}/release", data={"csrf_token": token})
    assert answer.status_code == 403
    with changing.store.read() as conn:
        assert conn.execute(text("SELECT state FROM hold WHERE id = :id"), {"id": hold}).scalar_one() == "active"
        assert (
            conn.execute(text("SELECT count(*) FROM audit_entry WHERE actor = 'user:vera@example.com'")).scalar() == 0
        )


@pytest.mark.parametrize("path", ["/login", *SCREENS, "/nowhere"])
def test_pages_allow_no_script_style_or_host_of_others(reading: Site, path: str) -> None:
    client = reading.client(None if path == "/login" else USER)
    first, second = client.get(path), client.get(path)
    policy = first.headers["Content-Security-Policy"]
    nonce = group(r"script-src 'nonce-([^']+)'", policy)
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert nonce not in second.headers["Content-Security-Policy"]
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["Cache-Control"] == "no-store"
    html = first.text
    assert set(re.findall(r'<script[^>]*nonce="([^"]+)"', html)) == {nonce}
    assert html.count("<script") == html.count("nonce=") == html.count('<script defer src="/assets/')
    assert not re.search(r"\son\w+=", html)
    assert " style=" not in html
    assert "<style" not in html
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)


def test_every_file_a_page_names_is_there_has_its_hash_and_may_be_kept_for_good(reading: Site) -> None:
    client = reading.client()
    html = client.get("/").text + client.get("/exceptions").text
    found = set(re.findall(r'(?:href|src)="(/assets/[^"#]+)', html))
    assert len(found) > 10
    for address in found:
        with client.get(address) as answer:
            assert answer.status_code == 200, address
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", address
    for address, integrity in re.findall(r'(?:href|src)="(/assets/[^"]+)" integrity="([^"]+)"', html):
        with client.get(address) as answer:
            assert integrity == "sha384-" + b64encode(sha384(answer.data).digest()).decode()
    with client.get("/assets/vendor/fonts.css") as answer:
        fonts = re.findall(r"url\(([^)]+)\)", answer.get_data(as_text=True))
    assert len(fonts) == 4
    for font in fonts:
        with client.get(f"/assets/vendor/{font}") as answer:
            assert answer.status_code == 200


def test_an_address_without_its_version_is_not_kept(reading: Site) -> None:
    with reading.client(None).get("/assets/css/base.css") as answer:
        assert answer.headers["Cache-Control"] == "no-cache, max-age=0"
    assert reading.client(None).get("/assets/../web/app.py").status_code == 404
    assert reading.client(None).get("/assets/%2e%2e/web/app.py").status_code == 404


def test_vendored_files_are_those_of_the_lock() -> None:
    assets = Assets()
    locked = {assets.vendored(*key) for key in assets._vendored}
    present = {path.relative_to(STATIC).as_posix() for path in (STATIC / "vendor").rglob("*") if path.is_file()}
    assert present - locked == {"vendor/fonts.css"}
    assert locked <= present
    assert sum((STATIC / path).stat().st_size for path in present) < 3_000_000


def test_every_icon_named_in_the_console_is_in_the_sprite() -> None:
    root = STATIC.parent
    assets = Assets()
    sprite = (STATIC / assets.vendored("@tabler/icons", "sprite.svg")).read_text()
    there = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    templates = "".join(path.read_text() for path in (root / "templates").rglob("*.html"))
    named = set(re.findall(r'assets\.icon\("([a-z0-9-]+)"', templates))
    named |= set(re.findall(r'ui\.empty\("([a-z0-9-]+)"', templates))
    kinds = (root / "web" / "kinds.py").read_text()
    for table in re.findall(r"ICONS = \{(.*?)\}", kinds, re.S):
        named |= set(re.findall(r': "([a-z0-9-]+)"', table))
    assert named
    assert named <= there


def test_the_map_is_drawn_with_the_projection_of_its_file() -> None:
    import json

    file: Path = next((STATIC / "vendor").glob("world-atlas@*")) / "projection.json"
    projection = Projection.load(file)
    for check in json.loads(file.read_text())["checks"].values():
        x, y = projection.place(*check["at"])
        assert (round(x, 3), round(y, 3)) == tuple(check["xy"])


def test_the_stream_says_what_changed_and_where_to_go_on(changing: Site) -> None:
    client = changing.client()
    last = client.get("/live/since").get_json()["last"]
    stream = client.get("/live?after=0", buffered=False)
    assert stream.mimetype == "text/event-stream"
    pieces = chunks(stream)
    assert next(pieces) == f'id: {last}\nevent: cd:change\ndata: {{"last":{last}}}\n\n'
    assert next(pieces).startswith(f"id: {last}\nevent: cd:state\n")
    stream.close()


def test_streams_beyond_the_places_are_told_to_poll(changing: Site) -> None:
    client = changing.client()
    streams = [client.get("/live", buffered=False) for _ in range(3)]
    assert [stream.status_code for stream in streams] == [200, 200, 503]
    for stream in streams:
        stream.close()
    again = client.get("/live", buffered=False)
    assert again.status_code == 200
    again.close()


def test_a_page_in_trouble_asks_the_database_nothing(changing: Site) -> None:
    client = changing.client()
    with changing.store.begin() as unit:
        unit.conn.execute(text("ALTER TABLE orders RENAME TO orders_away"))
    answer = client.get("/orders")
    assert answer.status_code == 503
    assert "The hub cannot answer now" in answer.text
    assert "orders_away" not in answer.text


def test_what_others_sent_is_shown_not_run(changing: Site) -> None:
    evil = "<script>alert(1)</script>"
    order = changing.company.orders[0]
    with changing.store.begin() as unit:
        unit.conn.execute(
            text(
                "UPDATE orders SET number = :evil, body = json_build_object('note', CAST(:evil AS text)) WHERE id = :id"
            ),
            {"evil": evil, "id": order["id"]},
        )
        unit.conn.execute(text("UPDATE exception_case SET title = :evil, sentence = :evil"), {"evil": evil})
        unit.conn.execute(text("UPDATE connection SET label = :evil"), {"evil": evil})
    client = changing.client()
    for path in (*SCREENS, f"/orders/{public_id('order', order['id'])}"):
        assert evil not in client.get(path).text, path


def test_a_tracking_address_that_is_no_web_address_is_no_link(changing: Site) -> None:
    order = next(one for one in changing.company.orders if one["phase"] == "shipped")
    with changing.store.begin() as unit:
        unit.conn.execute(text("UPDATE shipment SET tracking_url = 'javascript:alert(1)'"))
    page = changing.client().get(f"/orders/{public_id('order', order['id'])}").text
    assert "javascript:" not in page


def test_a_stream_ends_when_its_process_stops(changing: Site) -> None:
    stream = changing.client().get("/live", buffered=False)
    pieces = chunks(stream)
    next(pieces)
    changing.services.stopping.set()
    assert len(list(pieces)) <= 1
    stream.close()

"""The web side of a running service: health, metrics, lists and actions."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from kbsync.standin import Fault

from .place import Place, a_place
from .test_service import eventually, is_equal, log_of, quick, service, stop
from .webbing import is_ready, published, website

OLD = [f"old/{number}.md" for number in range(5)]
NAUGHTY = "<img src=x onerror=alert(1)>.md"


def paths(client: httpx.Client, **query: str) -> list[str]:
    told = client.get("/api/documents", params=query).raise_for_status().json()
    return [row["path"] for row in told["documents"]]


def page_by_page(client: httpx.Client) -> list[str]:
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        told = client.get("/api/documents", params={"limit": 2, "after": after}).json()
        found += [row["path"] for row in told["documents"]]
        after = told["after"]
    return found


def happened(client: httpx.Client) -> list[str]:
    told = client.get("/api/activity", params={"limit": 100}).raise_for_status().json()
    return [event["happened"] for event in told["events"]]


def act(client: httpx.Client, what: str, **told: object) -> httpx.Response:
    return client.post(f"/api/{what}", json=told)


def completed(client: httpx.Client) -> object:
    return client.get("/api/status").json()["folders"][0]["kinds"]["completed"]


def test_ready_when_all_is_indexed(tmp_path: Path) -> None:
    """Alive at once; ready only when everything is indexed, and until then with the reason."""
    with a_place(tmp_path) as place:
        quick(place)
        place.standin.faults.add(Fault("index-error", name="bad", times=None, text="no text layer"))
        place.write("bad.md", "a scan without a text layer, about newts")
        place.write("good.md", "a file about newts and toads")
        with website(place) as client:
            assert client.get("/healthz").text == "ok\n"
            eventually(lambda: client.get("/readyz").text == "docs: 1 failed\n", "it fails", place)
            assert client.get("/readyz").status_code == 503
            assert client.get("/api/status").json()["ready"] is False
            eventually(lambda: completed(client) == 1, "the other is indexed", place)
            place.standin.faults.clear()
            place.write("bad.md", "now it has one, about newts")
            eventually(lambda: is_ready(client), "it is ready", place)
            assert client.get("/api/status").json()["ready"] is True


def test_metrics(tmp_path: Path) -> None:
    """They parse, follow the rules of `promtool check metrics`, and count what happened."""
    with a_place(tmp_path) as place:
        quick(place)
        place.write("a.md", "a file about newts")
        with website(place) as client:
            eventually(lambda: is_ready(client), "it is ready", place)
            values = {}

            def is_counted() -> bool:
                answer = client.get("/metrics")
                for family in text_string_to_metric_families(answer.text):
                    lint(family.name, family.type, family.documentation, answer.text)
                    for sample in family.samples:
                        values[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
                return values.get(("kbsync_event_to_indexed_seconds_count", docs)) == 1

            docs = (("folder", "docs"),)
            eventually(is_counted, "the lag", place)
            check_with_promtool(client.get("/metrics").content)
            assert values["kbsync_documents", (*docs, ("state", "completed"))] == 1
            assert values["kbsync_requests_total", (("kind", "create"), ("status", "200"))] == 1
            assert values["kbsync_scans_total", (*docs, ("reason", "start"))] == 1
            assert values["kbsync_sent_bytes_total", ()] == len("a file about newts")
            assert values["kbsync_ready", ()] == values["kbsync_healthy", ()] == 1
            assert values["kbsync_last_success_timestamp_seconds", docs] > 0
            for name in ("oldest_pending_age_seconds", "held_deletions", "drift_findings"):
                assert values[f"kbsync_{name}", docs] == 0
            assert values["kbsync_lost_events_total", docs] == 0
            modern = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
            assert modern.text.endswith("# EOF\n")


def check_with_promtool(metrics: bytes) -> None:
    """Prometheus' own linter, where it is installed."""
    if promtool := shutil.which("promtool"):
        said = subprocess.run(
            [promtool, "check", "metrics"], input=metrics, capture_output=True, check=False
        )
        assert (said.returncode, said.stdout + said.stderr) == (0, b"")


def lint(name: str, kind: str, text: str, everything: str) -> None:
    """What promtool's linter asks of a metric."""
    assert text, name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
    assert not re.search(r"_(milliseconds|ms|minutes|hours|kilobytes|kb|counter|gauge)$", name)
    if kind == "counter":
        assert f"# TYPE {name}_total counter" in everything
    else:
        assert not name.endswith(("_total", "_count", "_sum", "_bucket")), name


def test_lists(tmp_path: Path) -> None:
    """All files, page by page, by kind, and by a part of the name, whatever it is made of."""
    with a_place(tmp_path) as place:
        quick(place)
        names = ["a_b.md", "axb.md", "deep/100%.md", "deep/Größe.md", NAUGHTY]
        for name in names:
            place.write(name, f"a file about newts by the name of {name}")
        place.write(b"caf\xe9.md".decode(errors="surrogateescape"), "a name that is not UTF-8")
        place.write("empty.md", "")
        with website(place) as client:
            eventually(lambda: is_ready(client), "it is ready", place)
            everything = paths(client)
            assert sorted(everything) == sorted([*names, "caf\\xe9.md", "empty.md"])
            assert paths(client, kind="skipped") == ["empty.md"]
            assert paths(client, q="a_b") == ["a_b.md"]
            assert paths(client, q="%", folder="docs", kind="completed,failed") == ["deep/100%.md"]
            assert paths(client, q="Größe") == ["deep/Größe.md"]
            assert paths(client, q="<IMG") == [NAUGHTY]
            assert page_by_page(client) == everything
            eventually(lambda: happened(client).count("indexed") == 6, "the history", place)
            row = client.get("/api/documents", params={"q": "caf"}).json()["documents"][0]
            told = client.get("/api/document", params={"folder": "docs", "id": row["id"]}).json()
            assert (told["path"], told["state"]) == ("caf\\xe9.md", "completed")
            assert told["segments"] >= 0
            assert [event["happened"] for event in told["events"]] == ["indexed", "sent"]
            activity = client.get("/api/activity", params={"limit": 3, "folder": "docs"}).json()
            assert len(activity["events"]) == 3
            assert client.get("/api/runs").json()["runs"][0]["counts"]["sent"] == 6
            plots = client.get("/api/plots").json()
            assert sum(plots["indexed"]) == 6
            assert max(filter(None, plots["worst"])) > 0


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/documents?kind=nonsense", 400),
        ("/api/documents?limit=0", 400),
        ("/api/documents?limit=99999", 400),
        pytest.param(f"/api/documents?limit={'9' * 5000}", 400, id="a number of 5,000 digits"),
        pytest.param(f"/api/documents?q={'a' * 5000}", 400, id="longer than any path"),
        ("/api/documents?reason=%FF", 400),
        ("/api/documents?reason=_w", 400),
        ("/api/documents?after=docs", 400),
        ("/api/documents?after=docs/!!!", 400),
        ("/api/documents?folder=other", 404),
        ("/api/document?folder=docs", 400),
        ("/api/document?folder=docs&id=%C3%A4", 400),
        ("/api/document?folder=docs&path=../../etc/passwd", 404),
        ("/api/held", 404),
        ("/api/retry", 405),
        ("/nowhere", 404),
        ("/static/../site.py", 404),
    ],
)
def test_what_is_asked_wrongly(client: httpx.Client, address: str, status: int) -> None:
    """Says what to change, or that there is nothing; as JSON where it is the API's."""
    answer = client.get(address)
    assert answer.status_code == status
    assert answer.json()["error"]
    if status == 405:
        assert answer.headers["Allow"] == "POST"


@pytest.fixture(scope="module")
def module_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with a_place(tmp_path_factory.mktemp("web")) as place:
        quick(place)
        place.standin.faults.add(Fault("index-error", name="bad", times=None, text="no text layer"))
        place.write("bad.md", "a scan without a text layer, about newts")
        yield place


@pytest.fixture(scope="module")
def client(module_place: Place) -> Iterator[httpx.Client]:
    with website(module_place) as client:
        eventually(lambda: "1 failed" in client.get("/readyz").text, "the first scan", module_place)
        yield client


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8377", "localhost.evil.example", "127.0.0.1.evil", ""]
)
def test_a_foreign_host_is_refused(client: httpx.Client, host: str) -> None:
    """A name of somebody else's that resolves to us reads nothing."""
    for address in ("/", "/healthz", "/api/status", "/metrics"):
        answer = client.get(address, headers={"Host": host})
        assert answer.status_code == 403
        assert "http.hosts" in answer.json()["error"]


@pytest.mark.parametrize("host", ["localhost", "LocalHost:1", "127.0.0.1:8377", "[::1]:80"])
def test_our_own_names_are_taken(client: httpx.Client, host: str) -> None:
    """This machine's names and any address are no trick."""
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_a_cross_site_post_does_nothing(client: httpx.Client, headers: dict[str, str]) -> None:
    """What a page of somebody else's can send is refused, and nothing happens."""
    before = client.get("/api/activity").json()
    for what in ("reconcile", "retry", "approve"):
        content = {"Content-Type": "application/json", **headers}
        answer = client.post(f"/api/{what}", content=b'{"folder": "docs"}', headers=content)
        assert answer.status_code == 403
    assert client.get("/api/activity").json() == before


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        pytest.param(b"[" * 60_000, id="60,000 deep"),
        b'{"folder": "other"}',
        b'{"folder": 7}',
        b'{"folder": "docs", "path": ["bad.md"]}',
        rb'{"folder": "docs", "path": "\ud800"}',
        b'{"folder": "docs", "reason": 7}',
        b'{"folder": "docs", "reason": "!!!"}',
    ],
)
def test_an_action_that_is_no_action(client: httpx.Client, body: bytes) -> None:
    """A body that is not understood is refused with the reason."""
    answer = client.post("/api/retry", content=body, headers={"Content-Type": "Application/JSON"})
    assert answer.status_code in {400, 404}
    assert answer.json()["error"]


def test_every_answer_is_armoured(client: httpx.Client) -> None:
    """No inline script, no framing, no sniffing, on pages, files and refusals alike."""
    for address in ("/", "/page.css", "/page.js", "/api/status", "/nowhere"):
        headers = client.get(address).headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] in {"no-store", "no-cache"}
    again = client.get("/", headers={"If-None-Match": client.get("/").headers["ETag"]})
    assert again.status_code == 304


def test_the_page_needs_nobody_else() -> None:
    """Nothing that is shipped refers to another server, or carries inline script or style."""
    static = Path(__file__).parents[2] / "kbsync" / "web" / "static"
    for file in static.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]", text), file
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text), file
    page = (static / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|style=|\son[a-z]+=|<script>", page)


def test_a_token_is_demanded(tmp_path: Path) -> None:
    """With a token, nothing but /healthz answers without it, or with a wrong one."""
    token = "a-token-of-some-length"
    (tmp_path / "token").write_text(f"{token}\n")
    with a_place(tmp_path) as place:
        quick(place)
        text = place.config.read_text()
        text = text.replace("[http]", f'[http]\ntoken_file = "{tmp_path / "token"}"')
        place.config.write_text(text)
        with website(place) as client:
            for address in ("/", "/readyz", "/metrics", "/api/status", "/api/events", "/page.js"):
                for shown in ("", "Bearer wrong", "Bearer", "Basic !", "Basic ä", "Basic //8="):
                    answer = client.get(address, headers={b"Authorization": shown.encode()})
                    assert answer.status_code == 401
                    assert answer.headers["WWW-Authenticate"].startswith("Basic")
            assert client.get("/healthz").status_code == 200
            assert client.get("/", auth=("anybody", token)).status_code == 200
            bearer = {"Authorization": f"Bearer {token}"}
            assert client.get("/api/status", headers=bearer).status_code == 200
            assert client.post("/api/retry", json={}).status_code == 401
            assert "demanded" in log_of(place)
            assert token not in log_of(place)


def test_a_retry(tmp_path: Path) -> None:
    """A failed file is sent again as it is, and the history tells who asked."""
    with a_place(tmp_path) as place:
        quick(place)
        place.standin.faults.add(Fault("index-error", name="bad", times=None, text="no text layer"))
        place.write("bad.md", "a scan without a text layer, about newts")
        with website(place) as client:
            eventually(lambda: paths(client, kind="failed") == ["bad.md"], "it fails", place)
            place.standin.faults.clear()
            assert act(client, "retry", folder="docs", path="bad.md").json() == {"count": 1}
            eventually(lambda: is_ready(client), "it is ready", place)
            assert act(client, "retry", folder="docs", path="bad.md").status_code == 409
            assert act(client, "retry").json() == {"count": 0}
            asked = "another try was asked for on the status page"
            eventually(
                lambda: asked in place.kbsync("history", "docs/bad.md").out, "it is told", place
            )


def test_an_approval_is_of_what_was_shown(tmp_path: Path) -> None:
    """What is held is shown; approving another set than that is refused; the right one goes."""
    with a_place(tmp_path) as place:
        place.configure(watch="off", settle="0s", max_delete_count=2)
        for path in (*OLD, "5.md", "6.md", "7.md"):
            place.write(path, f"the file {path} about newts and their tails")
        with website(place) as client:
            eventually(lambda: is_ready(client), "it is ready", place)
            (place.root / "old").rename(tmp_path / "elsewhere")
            act(client, "reconcile", folder="docs")
            eventually(lambda: "held" in client.get("/readyz").text, "the hold", place)
            held = client.get("/api/held", params={"folder": "docs"}).json()
            assert (held["count"], held["verb"]) == (5, "delete")
            assert held["paths"] == OLD
            (place.root / "5.md").unlink()
            eventually(
                lambda: client.get("/api/held?folder=docs").json()["count"] == 6, "more", place
            )
            refused = act(client, "approve", folder="docs", digest=held["digest"])
            assert refused.status_code == 409
            assert act(client, "approve", folder="docs").status_code == 409
            assert len(place.documents()) == 8
            held = client.get("/api/held", params={"folder": "docs"}).json()
            approved = act(client, "approve", folder="docs", digest=held["digest"])
            assert approved.json() == {"count": 6}
            eventually(lambda: is_equal(place), "the deletions", place)
            eventually(lambda: is_ready(client), "it is ready", place)
            assert act(client, "approve", folder="docs", digest="").status_code == 409


def test_a_scan_is_asked_for(tmp_path: Path) -> None:
    """A change that nothing watches for is found by a scan that was asked for."""
    with a_place(tmp_path) as place:
        place.configure(settle="0s", max_delay="1s", watch="off")
        with website(place) as client:
            eventually(lambda: is_ready(client), "it is ready", place)
            place.write("a.md", "a file about newts")
            assert act(client, "reconcile", folder="docs").json() == {"folders": ["docs"]}
            eventually(lambda: is_equal(place), "the scan", place)


def test_a_taken_port_does_not_stop_the_sync(tmp_path: Path) -> None:
    """The sync goes on without the page, says so, and has the page when the port is free."""
    with a_place(tmp_path) as place, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place.configure(
            settle="100ms", max_delay="5s", listen=f"127.0.0.1:{taken.getsockname()[1]}"
        )
        place.write("a.md", "a file about newts")
        with service(place) as process:
            eventually(lambda: is_equal(place), "the sync", place)
            eventually(lambda: "problem" in published(place), "it is told", place)
            assert "Address already in use" in str(published(place)["problem"])
            assert stop(process) == 0


def test_the_stream_tells_what_happens(tmp_path: Path) -> None:
    """Status first, then each event as it happens."""
    with a_place(tmp_path) as place:
        quick(place)
        with website(place) as client:
            eventually(lambda: is_ready(client), "it is ready", place)
            with client.stream("GET", "/api/events", timeout=30) as stream:
                lines = stream.iter_lines()
                assert next(lines) == "event: status"
                assert json.loads(next(lines).removeprefix("data: "))["folders"]
                place.write("a.md", "a file about newts")
                told = set[str]()
                while not {"sent", "indexed"} <= told:
                    line = next(lines)
                    if line.startswith("data: ["):
                        told |= {event["happened"] for event in json.loads(line[6:])}

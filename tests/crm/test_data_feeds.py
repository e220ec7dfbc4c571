"""Feeds out of a real folder and from a real HTTPS server, whose certificate an authority of ours signed."""

import csv
import io
import os
import re
import ssl
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from crm import tasks
from crm.models import Account, DataFeed, Import, Job, Notification, Schedule
from crm.selectors.import_reading_words import file_refusal_words
from crm.services.data_feeds import (
    edit_feed,
    fetch_now,
    note_fetched,
    start_due_feeds,
    start_feed,
    switch_off_feed,
    version_of,
)
from crm.templatetags.data_feeds import feed_problem_words
from tests import factories as f
from tests.importing import TASKS

pytestmark = pytest.mark.django_db
ALL_TASKS = {**TASKS, "crm.fetch_feed": tasks.fetch_feed, "crm.fetch_feeds": tasks.fetch_feeds}
ROW = {"external_id": "17", "name": "Amber", "customer_since": "2024-05-06", "size": "1.5"}


def csv_of(*rows, **changes) -> bytes:
    text = io.StringIO()
    written = [{**ROW, **changes, **row} for row in (rows or ({},))]
    writer = csv.DictWriter(text, list(written[0]))
    writer.writeheader()
    writer.writerows(written)
    return text.getvalue().encode()


def many(rows: int, **changes) -> bytes:
    """Return a file of accounts whose values are functions of the row's number."""
    return csv_of(*(
        {"external_id": str(n), "name": f"Account {n}", **{key: value(n) for key, value in changes.items()}}
        for n in range(rows)
    ))  # fmt: skip


def run(job) -> None:
    ALL_TASKS[job.task].run(job_id=job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.error


def work_off() -> None:
    """Do every job that waits and belongs to feeds or imports, as workers would."""
    waiting = Job.objects.filter(state=Job.State.QUEUED, task__in=ALL_TASKS).order_by("pk")
    while (job := waiting.first()) is not None:
        run(job)


def fetched(feed):
    """Fetch the feed, import what it brings, and say what the fetch came to."""
    job = fetch_now(feed=feed, by=None)
    work_off()
    job.refresh_from_db()
    feed.refresh_from_db()
    return job.result


def names() -> set[str]:
    return set(Account.objects.values_list("name", flat=True))


@pytest.fixture
def folder(settings, tmp_path):
    settings.FILES_ROOT = tmp_path / "files"
    settings.FEEDS_ROOT = tmp_path / "feeds"
    place = settings.FEEDS_ROOT / "erp"
    place.mkdir(parents=True)
    return place


@pytest.fixture
def feed(folder):
    return f.DataFeedFactory(address="erp")


def put(folder, name, content, *, minutes_ago=60):
    path = folder / name
    path.write_bytes(content)
    changed = (datetime.now(tz=UTC) - timedelta(minutes=minutes_ago)).timestamp()
    os.utime(path, (changed, changed))


def test_a_new_file_of_a_folder_is_imported_once(feed, folder):
    put(folder, "may.csv", csv_of())

    assert fetched(feed)["state"] == "imported"
    assert names() == {"Amber"}
    assert feed.state == "running"
    assert fetched(feed)["state"] == "nothing_new"
    put(folder, "copy.csv", csv_of())
    assert fetched(feed)["state"] == "nothing_new"
    put(folder, "may.csv", csv_of(name="Berry"))
    assert fetched(feed)["state"] == "imported"

    assert names() == {"Berry"}
    assert [made.state for made in Import.objects.all()] == ["done", "done"]
    assert feed.problem is None


def test_what_came_before_is_new_again_once_something_else_came(feed, folder):
    for name in ("Amber", "Berry", "Amber"):
        put(folder, "today.csv", csv_of(name=name))
        assert fetched(feed)["state"] == "imported"

    assert names() == {"Amber"}
    put(folder, "today.csv", csv_of(name="Amber"))
    assert fetched(feed)["state"] == "nothing_new"


def test_a_folder_with_a_file_a_day_may_say_the_same_on_two_days(feed, folder):
    for day, name in enumerate(("Amber", "Berry", "Amber")):
        put(folder, f"day-{day}.csv", csv_of(name=name), minutes_ago=60 - day)
    for _day in range(3):
        assert fetched(feed)["state"] == "imported"

    assert names() == {"Amber"}
    assert fetched(feed)["state"] == "nothing_new"


def test_a_file_that_only_got_another_name_brings_nothing_old_back(feed, folder):
    put(folder, "may.csv", csv_of(name="Amber"), minutes_ago=60)
    assert fetched(feed)["state"] == "imported"
    put(folder, "june.csv", csv_of(name="Berry"), minutes_ago=50)
    assert fetched(feed)["state"] == "imported"

    (folder / "may.csv").rename(folder / "may-done.csv")

    assert fetched(feed)["state"] == "nothing_new"
    assert names() == {"Berry"}


def test_a_copy_of_the_newest_file_is_old_when_another_one_came(feed, folder):
    put(folder, "may.csv", csv_of(name="Amber"))
    assert fetched(feed)["state"] == "imported"
    put(folder, "copy.csv", csv_of(name="Amber"), minutes_ago=50)
    assert fetched(feed)["state"] == "nothing_new"
    put(folder, "june.csv", csv_of(name="Berry"), minutes_ago=40)
    assert fetched(feed)["state"] == "imported"

    assert fetched(feed)["state"] == "nothing_new"
    assert names() == {"Berry"}


def test_files_come_one_at_a_time_the_oldest_first(feed, folder):
    put(folder, "new.csv", csv_of(name="Newer"), minutes_ago=10)
    put(folder, "old.csv", csv_of(name="Older"), minutes_ago=20)
    first = fetch_now(feed=feed, by=None)
    run(first)
    feed.refresh_from_db()
    due_again = feed.next_due_at <= datetime.now(tz=UTC)

    second = fetch_now(feed=feed, by=None)
    run(second)
    assert second.result == {"state": "waiting_for_import"}
    work_off()
    assert fetched(feed)["state"] == "imported"

    assert due_again
    assert [file.name for file in feed.files.order_by("pk")] == ["old.csv", "new.csv"]
    assert names() == {"Newer"}


def test_what_is_still_written_and_what_is_elsewhere_is_left_alone(feed, folder, tmp_path):
    put(folder, "young.csv", csv_of(), minutes_ago=0)
    put(folder, ".hidden.csv", csv_of())
    put(folder, "big.csv.part", csv_of())
    put(tmp_path, "secret.csv", csv_of())
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "sub").mkdir()

    assert fetched(feed) == {"state": "nothing_new"}
    DataFeed.objects.filter(pk=feed.pk).update(address="../..")
    assert fetched(feed)["code"] == "folder_not_allowed"
    DataFeed.objects.filter(pk=feed.pk).update(address="nowhere")
    assert fetched(feed)["code"] == "folder_unreadable"
    assert feed_problem_words(feed.problem) == "The folder can't be read (FileNotFoundError)."


@pytest.mark.parametrize("name", ["客户.csv".encode("gb18030"), b"new\nline.csv", "客户.csv".encode()])
def test_a_file_may_have_a_name_of_any_bytes(feed, folder, name):
    put(folder, os.fsdecode(name), csv_of())

    assert fetched(feed)["state"] == "imported"
    assert fetched(feed) == {"state": "nothing_new"}
    assert feed.files.get().name.endswith(".csv")


@pytest.fixture
def agreed(feed, folder):
    """A feed that has brought a hundred rows."""
    put(
        folder,
        "first.csv",
        many(100, size=lambda n: f"{n}.5", customer_since=lambda n: f"2024-05-{n % 28 + 1:02d}"),
    )
    assert fetched(feed)["state"] == "imported"
    return feed


def test_the_first_file_makes_the_contract(agreed):
    assert agreed.contract == {
        "columns": {"external_id": "number", "name": "text", "customer_since": "date", "size": "number"},
        "order": ["external_id", "name", "customer_since", "size"],
        "required": ["external_id", "name"],
    }
    assert agreed.mapping["name"] == {"field": "name"}
    assert agreed.mapping["size"] is None
    assert (agreed.reading["decimal"], agreed.reading["date_order"]) == (".", "ymd")


@pytest.mark.parametrize(
    ("content", "code", "column"),
    [
        (b"external_id,title,customer_since,size\n1,A,2024-05-06,1\n", "column_missing", "name"),
        (many(40, customer_since=lambda n: "soon"), "column_type", "customer_since"),
        (many(40, size=lambda n: "1,5"), "column_type", "size"),
        (many(40, name=lambda n: "" if n % 10 else "x"), "column_empty", "name"),
    ],
    ids=["column gone", "other type", "other locale", "empty"],
)
def test_a_file_that_breaks_the_contract_stops_the_feed(agreed, folder, content, code, column):
    administrator = f.UserFactory(role="administrator")
    put(folder, "second.csv", content)

    result = fetched(agreed)

    assert (result["state"], result["code"], result["data"]["column"]) == ("stopped", code, column)
    assert "value" not in result["data"]  # a cell of the file, which only the feed's own page shows
    assert agreed.state == "stopped"
    words = feed_problem_words(agreed.problem)
    assert f"“{column}”" in words
    assert words.endswith("File: second.csv.")
    assert Import.objects.count() == 1
    assert Notification.objects.get(user=administrator).kind == "feed.stopped"
    assert fetched(agreed) == {"state": "off"}


def test_new_columns_and_a_few_bad_cells_do_not_stop_it(agreed, folder):
    content = many(100, size=lambda n: "many" if n == 7 else "1", extra=lambda n: "new")
    put(folder, "second.csv", content)

    assert fetched(agreed)["state"] == "imported"


def late(rows: int, **changes) -> bytes:
    """Return a file whose first thousand rows keep the contract, and whose others don't."""
    plain = {
        "size": lambda n: "1",
        "customer_since": lambda n: "2024-05-06",
        "name": lambda n: f"Account {n}",
    }
    mixed = {name: (lambda n, name=name: (changes.get(name, plain[name]) if n >= 1_000 else plain[name])(n))
             for name in plain}  # fmt: skip
    return many(rows, **mixed)


@pytest.mark.parametrize(
    ("content", "code", "column"),
    [
        (late(1_200, size=lambda n: "large"), "column_type", "size"),
        (late(1_200, customer_since=lambda n: "soon"), "column_type", "customer_since"),
        (late(1_200, name=lambda n: ""), "column_empty", "name"),
        (late(1_000) + b"1,2\r\n" * 200, "rows_unreadable", None),
    ],
    ids=["number", "date", "empty", "ragged"],
)
def test_what_breaks_the_contract_late_in_the_file_stops_the_feed_too(agreed, folder, content, code, column):
    start_feed(feed=agreed)
    mapping = {**agreed.mapping, "size": {"attribute": {"key": "size", "label": "Size", "type": "number"}}}
    DataFeed.objects.filter(pk=agreed.pk).update(mapping=mapping)
    put(folder, "second.csv", content)

    fetched(agreed)

    assert agreed.state == "stopped"
    assert (agreed.problem["code"], agreed.problem["data"].get("column")) == (code, column)
    assert feed_problem_words(agreed.problem).endswith("File: second.csv.")
    made = Import.objects.latest("pk")
    assert (made.state, made.problem["code"]) == ("failed", "contract")
    assert f"“{agreed.name}”" in file_refusal_words(made.problem)
    assert Account.objects.count() == 100


def test_a_few_bad_cells_late_in_the_file_do_not_stop_it(agreed, folder):
    put(folder, "second.csv", late(1_200, customer_since=lambda n: "soon" if n < 1_050 else "2024-05-06"))

    assert fetched(agreed)["state"] == "imported"
    assert Import.objects.latest("pk").counts["rows"]["refuse"] == 50


def test_a_stopped_feed_starts_again_with_a_mended_file_or_a_new_contract(agreed, folder):
    other = b"external_id,name,size\n1,Cedar,large\n"
    put(folder, "second.csv", other)
    assert fetched(agreed)["state"] == "stopped"
    start_feed(feed=agreed)
    assert fetched(agreed)["code"] == "column_missing"

    start_feed(feed=agreed, learns_again=True)

    assert fetched(agreed)["state"] == "imported"
    assert agreed.contract["columns"] == {"external_id": "number", "name": "text", "size": "text"}
    assert "Cedar" in names()


def test_what_is_no_table_stops_the_feed_too(feed, folder):
    put(folder, "report.pdf", b"%PDF-1.7")

    assert fetched(feed)["code"] == "not_a_table"
    assert feed_problem_words(feed.problem).startswith("The file is no table")


def test_numbers_that_may_mean_two_things_are_asked_for(feed, folder):
    put(folder, "first.csv", csv_of(size="1.234"))
    assert fetched(feed)["code"] == "decimal_unclear"

    DataFeed.objects.filter(pk=feed.pk).update(reading={"decimal": ","})
    start_feed(feed=feed)

    assert fetched(feed)["state"] == "imported"


def test_columns_without_a_known_place_are_asked_for(feed, folder):
    put(folder, "first.csv", b"alpha,beta\nx,y\n")

    assert fetched(feed)["code"] == "mapping"


def test_a_failed_import_stops_the_feed_until_it_is_started_again(agreed, folder):
    Import.objects.update(state="failed")
    put(folder, "second.csv", csv_of(name="Later"))
    assert fetched(agreed) == {"state": "import_failed"}
    assert agreed.state == "stopped"

    start_feed(feed=agreed)

    assert fetched(agreed)["state"] == "imported"
    assert fetched(agreed)["state"] == "imported"
    assert "Later" in names()


def test_an_import_that_nobody_works_on_any_more_stops_the_feed(feed, folder):
    put(folder, "first.csv", csv_of())
    run(fetch_now(feed=feed, by=None))
    assert Import.objects.get().state == "uploaded"
    Job.objects.filter(task="crm.read_import").update(state="failed")  # its workers were lost

    assert fetched(feed) == {"state": "import_failed"}
    assert feed.state == "stopped"


def test_feeds_that_are_due_are_fetched_each_by_a_job_of_its_own(folder):
    due, later, off, stopped = (f.DataFeedFactory(every_minutes=30) for _ in range(4))
    DataFeed.objects.filter(pk=later.pk).update(next_due_at=datetime.now(tz=UTC) + timedelta(hours=1))
    DataFeed.objects.filter(pk=stopped.pk).update(state="stopped")
    switch_off_feed(feed=off)

    jobs = start_due_feeds()

    assert [job.params for job in jobs] == [{"feed": due.pk}]
    due.refresh_from_db()
    assert timedelta(minutes=29) < due.next_due_at - datetime.now(tz=UTC) <= timedelta(minutes=30)
    assert start_due_feeds() == []
    schedule = Schedule.objects.get(task="crm.fetch_feeds")
    assert (schedule.every_minutes, schedule.is_enabled) == (1, True)
    job = Job.objects.create(task="crm.fetch_feeds")
    run(job)
    assert job.result == {"started": 0}


# HTTPS


def certified(subject: str, *, signer=None):
    """Return key and certificate: of an authority, or of 127.0.0.1 signed by one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    signing_key, issuer = signer or (key, None)
    now = datetime.now(tz=UTC)
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(host, critical=False)
        .sign(signing_key, hashes.SHA256())
    )
    return key, made


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        self.server.answer(self)

    def log_message(self, *args):
        """Write no log."""


def answer(request, content=b"", *, status=200, **headers):
    request.send_response(status)
    headers.setdefault("Content_Length", str(len(content)))
    for name, value in headers.items():
        if value is not None:
            request.send_header(name.replace("_", "-"), value)
    request.send_header("Connection", "close")
    request.end_headers()
    request.wfile.write(content)
    request.close_connection = True


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    place = tmp_path_factory.mktemp("tls")
    key, root = certified("A test authority")
    server_key, server = certified("127.0.0.1", signer=(key, root))
    pem = serialization.Encoding.PEM
    (place / "ca.pem").write_bytes(root.public_bytes(pem))
    plain = serialization.NoEncryption()
    (place / "server.pem").write_bytes(
        server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + server.public_bytes(pem)
    )
    return place


@pytest.fixture
def start_server(authority):
    started = []

    def start(*, is_encrypted=True):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked, server.answer = [], partial(answer, content=csv_of())
        if is_encrypted:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority / "server.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.url = f"{'https' if is_encrypted else 'http'}://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture
def far(folder, server, authority, settings, monkeypatch):
    """A feed of the server, whose authority is known."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    settings.FEEDS_CA_FILE = str(authority / "ca.pem")
    return f.DataFeedFactory(via="https", address=f"{server.url}/out/may%20sales.csv?day=1")


def test_an_address_is_fetched_with_its_token_and_its_content_imported_once(far, server, monkeypatch):
    monkeypatch.setenv("SEXTANT_FEED_SHOP", "very-secret")
    DataFeed.objects.filter(pk=far.pk).update(token_variable="SEXTANT_FEED_SHOP")

    assert fetched(far)["state"] == "imported"
    assert fetched(far)["state"] == "nothing_new"

    path, headers = server.asked[0]
    assert (path, headers["Authorization"]) == ("/out/may%20sales.csv?day=1", "Bearer very-secret")
    assert far.files.get().name == "may sales.csv"
    assert names() == {"Amber"}
    assert Import.objects.get().state == "done"


def test_what_came_before_from_an_address_is_new_again_once_something_else_came(far, server):
    for name in ("Amber", "Berry", "Amber"):
        server.answer = partial(answer, content=csv_of(name=name))
        assert fetched(far)["state"] == "imported"

    assert names() == {"Amber"}
    assert fetched(far)["state"] == "nothing_new"


def versioned(request, *, content, etag, modified="Mon, 01 Jan 2024 00:00:00 GMT"):
    """Answer as a server that knows which state of the file somebody has."""
    if request.headers.get("If-None-Match") == etag:
        answer(request, status=304, ETag=etag, Content_Length=None)
    else:
        answer(request, content=content, ETag=etag, Last_Modified=modified)


def test_an_address_that_knows_its_states_is_asked_for_another_one(far, server):
    server.answer = partial(versioned, content=csv_of(), etag='"v1"')
    assert fetched(far)["state"] == "imported"
    assert fetched(far)["state"] == "nothing_new"

    _path, asked = server.asked[-1]
    assert (asked["If-None-Match"], asked["If-Modified-Since"]) == ('"v1"', "Mon, 01 Jan 2024 00:00:00 GMT")
    assert far.problem is None
    server.answer = partial(versioned, content=csv_of(), etag='"v2"')  # of the same content
    assert fetched(far)["state"] == "nothing_new"
    assert far.files.get().etag == '"v2"'
    server.answer = partial(versioned, content=csv_of(name="Berry"), etag='"v3"')
    assert fetched(far)["state"] == "imported"


def test_another_address_is_not_asked_with_what_the_first_one_said(far, server):
    server.answer = partial(versioned, content=csv_of(), etag='"v1"')
    assert fetched(far)["state"] == "imported"
    server.answer = partial(versioned, content=csv_of(name="Berry"), etag='"v1"')

    edit_feed(feed=far, version=version_of(far), changes={"address": f"{server.url}/other.csv"})
    far.refresh_from_db()

    assert fetched(far)["state"] == "imported"
    assert names() == {"Berry"}


def test_an_answer_that_nothing_changed_to_nobody_who_asked_is_no_answer(far, server):
    server.answer = partial(answer, status=304, Content_Length=None)

    assert fetched(far)["code"] == "http_status"


def test_who_does_not_prove_to_be_the_address_is_told_nothing(far, server, settings):
    settings.FEEDS_CA_FILE = ""

    assert fetched(far)["code"] == "certificate_refused"
    assert server.asked == []
    assert (far.state, far.is_enabled) == ("waiting", True)
    assert "doesn't prove who it is" in feed_problem_words(far.problem)


def test_no_other_variable_of_the_environment_is_sent(far, server, monkeypatch):
    monkeypatch.setenv("SOME_SECRET", "x")
    DataFeed.objects.filter(pk=far.pk).update(token_variable="SOME_SECRET")

    assert fetched(far)["code"] == "token_missing"
    assert server.asked == []


def test_redirects_stay_encrypted_and_take_no_token_elsewhere(far, server, start_server, monkeypatch):
    monkeypatch.setenv("SEXTANT_FEED_SHOP", "very-secret")
    DataFeed.objects.filter(pk=far.pk).update(token_variable="SEXTANT_FEED_SHOP")
    other, open_one = start_server(), start_server(is_encrypted=False)
    server.answer = partial(answer, status=302, Location=f"{open_one.url}/x.csv")
    assert fetched(far)["code"] == "redirect_not_https"
    assert open_one.asked == []

    server.answer = partial(answer, status=302, Location=f"{other.url}/x.csv")
    assert fetched(far)["state"] == "imported"

    assert "Authorization" not in other.asked[0][1]


@pytest.fixture
def tight(settings, monkeypatch):
    monkeypatch.setattr("crm.pipelines.feed_sources.TIMEOUT_SECONDS", 0.3)
    settings.IMPORT_MAX_BYTES = 2_000


@pytest.mark.usefixtures("tight")
@pytest.mark.parametrize(
    ("respond", "code"),
    [
        (partial(answer, status=503), "http_status"),
        (partial(answer, status=404), "http_status"),
        (partial(answer, content=b"x" * 3_000), "too_big"),
        (partial(answer, content=b"x" * 3_000, Content_Length=None), "too_big"),
        (partial(answer, content=b"a,b\n1,2\n", Content_Length="500"), "broke_off"),
        (lambda request: request.connection.close(), "unreachable"),
        (lambda request: threading.Event().wait(1), "unreachable"),
    ],
    ids=["503", "404", "too big", "too big unannounced", "breaks off", "hangs up", "says nothing"],
)
def test_what_cannot_be_fetched_is_tried_again(far, server, respond, code):
    well = server.answer
    server.answer = respond

    assert fetched(far)["code"] == code
    assert feed_problem_words(far.problem)
    assert Import.objects.count() == 0
    server.answer = well
    assert fetched(far)["state"] == "imported"
    assert far.problem is None


def drip(request):
    """Send a byte now and then: never so slowly that nothing comes."""
    request.send_response(200)
    request.send_header("Content-Length", "100000")
    request.end_headers()
    with suppress(OSError):
        for _ in range(200):
            request.wfile.write(b"x")
            time.sleep(0.05)


def test_an_address_that_drips_holds_no_worker_for_long(far, server, monkeypatch):
    monkeypatch.setattr("crm.pipelines.feed_sources.LONGEST_SECONDS", 0.5)
    server.answer = drip
    began = time.monotonic()

    assert fetched(far)["code"] == "took_too_long"
    assert time.monotonic() - began < 8


def test_a_name_in_an_address_may_hold_what_no_text_may(far, server):
    DataFeed.objects.filter(pk=far.pk).update(address=f"{server.url}/a%00b.csv")

    assert fetched(far)["state"] == "imported"


def test_an_address_without_encryption_is_never_asked(far, start_server):
    open_one = start_server(is_encrypted=False)
    DataFeed.objects.filter(pk=far.pk).update(address=f"{open_one.url}/x.csv")

    assert fetched(far)["code"] == "not_https"
    assert open_one.asked == []


# Pages


def entered(**changes):
    return {
        "name": "Shop", "book": f.BookFactory().pk, "layout": "orders", "source": "shop", "via": "folder",
        "address": "shop", "token_variable": "", "every_minutes": "15", "decimal": ",", "date_order": "",
        **changes,
    }  # fmt: skip


def test_a_feed_is_made_edited_switched_and_fetched_in_the_browser(admin_client_, folder):
    response = admin_client_.post("/data-feeds/new/", entered())
    feed = DataFeed.objects.get()
    assert response.url == f"/data-feeds/{feed.public_id}/"
    assert (feed.layout, feed.every_minutes, feed.reading["decimal"]) == ("orders", 15, ",")
    assert "Waiting for its first file" in admin_client_.get(response.url).text

    version = re.search('name="version" value="([^"]+)"', admin_client_.get(f"{response.url}edit/").text)[1]
    note_fetched(feed=feed)  # no edit
    changes = entered(address="other", book=feed.book_id, version=version)
    assert admin_client_.post(f"{response.url}edit/", changes).status_code == 302
    assert admin_client_.post(f"{response.url}edit/", changes).status_code == 422
    feed.refresh_from_db()
    assert feed.address == "other"

    admin_client_.post(f"{response.url}switch/", {"to": "off"})
    assert "Switched off" in admin_client_.get("/data-feeds/").text
    admin_client_.post(f"{response.url}switch/", {"to": "on"})
    job_page = admin_client_.post(f"{response.url}fetch/").url
    assert job_page == f"/jobs/{Job.objects.get(task='crm.fetch_feed').public_id}/"


def test_the_page_says_which_column_broke_the_contract_and_what_came(admin_client_, agreed, folder):
    put(folder, "second.csv", many(40, size=lambda n: "<b>large</b>"))
    fetched(agreed)

    page = admin_client_.get(agreed.get_absolute_url()).text

    assert "The column “size” should hold number, and holds “&lt;b&gt;large&lt;/b&gt;” for example." in page
    assert "first.csv" in page
    assert "Start with a new contract" in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"via": "https", "address": "http://example.com/x.csv"},
        {"via": "https", "address": "https://user:pw@example.com/x.csv"},
        {"via": "https", "address": "https://[bad"},
        {"address": "../outside"},
        {"address": "/etc"},
        {"token_variable": "SECRET_KEY"},
        {"every_minutes": "0"},
        {"layout": "nothing"},
    ],
    ids=str,
)
def test_what_no_feed_can_be_is_refused_in_the_form(admin_client_, folder, wrong):
    response = admin_client_.post("/data-feeds/new/", entered(**wrong))

    assert response.status_code == 422
    assert not DataFeed.objects.exists()

"""Providers that hang, trickle, answer nonsense or too much, refuse everybody for a while, or cannot be reached."""

import ssl
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sameness import parts

import pairwright
from pairwright.report import write_report
from pairwright.runs import manifest
from pairwright.samplers import _openai_link
from pairwright.schemas.errors import ModelError

pytestmark = pytest.mark.usefixtures("short_waits")

ODD = [
    *("hangs", "trickles", "garbage", "closes", "half_json", "html"),
    *("deep_json", "deep_error", "not_gzip", "in_circles"),
]


def test_odd_answers_cost_tries_and_no_row(own: Any, odd_server: Any) -> None:
    quiet = own(12, "quiet").build()
    odd_server.answered.clear()
    odd_server.odd.extend(ODD)
    outcome = own(12).build()
    assert not odd_server.odd
    assert outcome.counts.rejects == {}
    assert parts(outcome.folder) == parts(quiet.folder)
    assert set(odd_server.answered.values()) == {1}
    [spent] = outcome.ledger
    assert (spent.calls, spent.failed) == (12, 0)
    assert odd_server.asked >= 12 + 12 + len(ODD)


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ("hangs", "no answer (in time|within)"),
        ("trickles", "no answer (in time|within)"),
        ("garbage", "no connection"),
        ("html", "not JSON: <html>"),
        ("limited", "429"),
    ],
)
def test_a_provider_that_stays_odd_ends_the_run_which_can_go_on(
    odd: str, told: str, own: Any, odd_server: Any
) -> None:
    run = own(5, timeout_s=0.2 if "no answer" in told else 20, give_up_after_s=1)
    odd_server.always = odd
    with pytest.raises(ModelError, match=rf"nothing has succeeded for .*{told}.*it goes on from here"):
        run.build()
    odd_server.always = None
    assert own(5).build().counts.rejects == {}
    assert set(odd_server.answered.values()) == {1}


def test_a_storm_of_429_is_waited_out(own: Any, odd_server: Any) -> None:
    odd_server.odd.extend(["limited"] * 60)
    assert own(8).build().counts.rejects == {}
    assert (odd_server.asked, len(odd_server.answered)) == (68, 8)


def test_an_endless_answer_is_broken_off(own: Any, odd_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_openai_link, "_MOST_BYTES", 3 * 2**20)
    odd_server.odd.append("endless")
    assert own(4, timeout_s=60).build().counts.rejects == {}
    odd_server.always = "endless"
    with pytest.raises(ModelError, match=r"last: an answer of more than 3,145,728 bytes"):
        own(4, "other", timeout_s=60, give_up_after_s=0.1).build()


def test_text_that_is_hardly_text(own: Any, odd_server: Any, tmp_path: Path) -> None:
    odd_server.always = "tells_strange_text"
    run = own(4)
    folder = run.build().folder
    assert pairwright.validate(folder) == []
    rows = pq.read_table(folder / "data").to_pylist()
    assert {row["rejected_text"] for row in rows} == {"Half \ufffd, zero \x00, and \u202e more."}
    first = parts(folder)
    manifest.replace(folder, ())
    odd_server.always = "closes"
    assert parts(run.build().folder) == first
    write_report(folder)


def test_counts_of_tokens_that_nobody_can_mean_count_nothing(own: Any, odd_server: Any) -> None:
    odd_server.odd.extend(["tells_no_tokens"] * 2)
    [spent] = own(4).build().ledger
    assert (spent.prompt_tokens, spent.completion_tokens) == (20, 10)


def test_a_name_that_nobody_knows(own: Any) -> None:
    run = own(4, url="http://no-such-host.invalid/v1", give_up_after_s=0.1)
    with pytest.raises(ModelError, match=r"odd at no-such-host\.invalid: .*no connection: ConnectError"):
        run.build()


def test_https_where_there_is_none(own: Any, odd_server: Any) -> None:
    run = own(4, url=odd_server.url.replace("http:", "https:"), give_up_after_s=0.1)
    with pytest.raises(ModelError, match=r"no connection: ConnectError .*SSL"):
        run.build()


@pytest.fixture
def certified(odd_server: Any, tmp_path: Path) -> Path:
    """The certificate of the server, which speaks TLS now and signed it itself."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run([*command, *files], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("makes a certificate with openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    odd_server.socket = context.wrap_socket(odd_server.socket, server_side=True)
    return certificate


def test_a_certificate_that_nobody_trusts(
    certified: Path, own: Any, odd_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = own(4, url=odd_server.url.replace("http:", "https:"), give_up_after_s=5)
    with pytest.raises(ModelError, match=r"its certificate is not trusted .*Set SSL_CERT_FILE"):
        run.build()
    monkeypatch.setenv("SSL_CERT_FILE", str(certified))
    assert run.build().counts.rejects == {}

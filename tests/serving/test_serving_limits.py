"""Slow, silent, hostile and too many clients harm no other."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from served_runs import with_network
from server_process import Server, answer_of, binary_request, tensor

GET = "GET /v2 HTTP/1.1\nHost: localhost"
POST = "POST /v2/models/digits/infer HTTP/1.1\nHost: localhost"


@pytest.fixture(scope="module")
def guarded(digits_served):
    """A server with a token."""
    with Server(f"digits={digits_served.path}", env={"MLPLAB_TOKEN": "secret"}, token="secret") as running:
        yield running


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *[(name, 200) for name in ("localhost", "localhost:8000", "127.0.0.1", "[::1]:80", "LOCALHOST.")],
        *[(name, 421) for name in ("evil.example", "localhost.evil.example", "10.0.0.1", "", "[")],
    ],
)
def test_only_its_own_names_are_answered(server, host, status):
    found, answer = server.say(f"GET /v2 HTTP/1.1\nHost: {host}")
    assert found == status
    assert status == 200 or b"This server is not called" in answer


def test_a_request_without_a_name_or_with_two_is_refused(server):
    assert server.say("GET /v2 HTTP/1.1")[0] in (400, 421)
    assert server.say("GET /v2 HTTP/1.1\nHost: localhost\nHost: evil.example")[0] in (400, 421)


def test_pages_of_other_origins_are_refused_and_nobody_is_invited(server):
    own, other = (
        server.client.get("/v2", headers={"Origin": origin}) for origin in (server.url, "http://evil.example")
    )
    assert (own.status_code, other.status_code) == (200, 403)
    assert server.client.get("/v2", headers={"Origin": "null"}).status_code == 403
    preflight = server.client.options("/predict", headers={"Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 405
    for answer in (own, other, preflight):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_token_is_needed_where_there_is_one(guarded):
    assert guarded.client.get("/v2").status_code == 200
    for given in (None, "Bearer wrong", "Bearer", "secret", "Basic c2VjcmV0", "Basic !", "Bearer sécret"):
        headers = {} if given is None else {"Authorization": given.encode("latin-1")}
        for path in ("/v2", "/", "/metrics", "/docs", "/no"):
            answer = httpx.get(f"{guarded.url}{path}", headers=headers)
            assert answer.status_code == 401, (given, path)
            assert "Bearer" in answer.headers["www-authenticate"]
    assert httpx.get(f"{guarded.url}/v2/health/ready").status_code == 200
    assert httpx.get(f"{guarded.url}/", auth=("anybody", "secret")).status_code == 200


def test_a_long_body_is_refused_before_it_is_sent(server):
    head = f"{POST}\nContent-Length: {10**9}"
    status, answer = server.say(head, b"{")
    assert (status, b"expected at most 16,000,000 bytes" in answer) == (413, True)


def test_a_gigabyte_that_does_not_say_so_is_refused_on_the_way(server):
    block = b"%x\r\n" % 2**20 + bytes(2**20) + b"\r\n"
    sent = 0
    with server.connect() as connection:
        connection.sendall(POST.replace("\n", "\r\n").encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(1024):
                connection.sendall(block)
                sent += 1
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert 15 <= sent < 1024
    assert server.client.get("/v2").status_code == 200
    assert server.memory < 250e6


def test_a_client_that_sends_all_before_it_reads_is_told(server):
    answer = server.client.post("/v2/models/digits/infer", content=bytes(17_000_000))
    assert answer.status_code == 413


def test_json_that_would_take_much_memory_is_refused(server):
    for text in (b"[" + b"1," * 2**22 + b"1]", b"[" + b"[]," * 2**20 + b"1]"):
        answer = server.client.post("/v2/models/digits/infer", content=text)
        assert (answer.status_code, "more than 2,097,152 numbers" in answer.json()["error"]) == (413, True)
    body = b'{"inputs": [{"name": "input", "datatype": "UINT8", "shape": [1, 8, 8], "data": ["'
    body += b"x" * 8_000_000 + b'"' + b', ""' * 500_000 + b"]}]}"  # one long text beside many short ones
    assert server.client.post("/v2/models/digits/infer", content=body).status_code == 400
    assert server.memory < 300e6


def test_a_long_head_is_refused(server):
    with server.connect() as connection:
        lines = [b"GET /v2 HTTP/1.1", b"Host: localhost", *(b"X-%d: " % number + b"a" * 1000 for number in range(33))]
        connection.sendall(b"\r\n".join(lines))
        assert answer_of(connection)[0] == 431
    assert server.say("GET /\x01 HTTP/1.1\nHost: localhost")[0] == 400
    assert server.say("nonsense")[0] == 400


def test_idle_and_slow_connections_harm_nobody(server):
    slow = server.connect()
    slow.sendall(b"GET /v2 HTTP/1.1\r\nHost: loc")
    half = server.connect()
    half.sendall(f"{POST}\nContent-Length: 100\n\n".replace("\n", "\r\n").encode() + b"{")
    idle: list[socket.socket] = [server.connect() for _ in range(1000)]
    started = time.perf_counter()
    assert server.client.get("/v2").status_code == 200
    assert httpx.get(f"{server.url}/v2").status_code == 200
    assert time.perf_counter() - started < 5
    assert server.memory < 250e6
    for connection in (slow, half, *idle):
        connection.close()


@pytest.mark.slow
def test_a_head_that_comes_too_slowly_is_given_up(server):
    with server.connect() as connection:
        started = time.perf_counter()
        connection.sendall(b"GET /v2 HTTP/1.1\r\n")
        assert answer_of(connection)[0] == 408
        assert 9 < time.perf_counter() - started < 13


def test_a_client_that_vanishes_harms_nobody(server, digits):
    body = json.dumps({"inputs": [tensor(digits.test.images)]}).encode()
    for cut in (len(body), len(body) // 2):
        for _ in range(20):
            with server.connect() as connection:
                head = f"{POST}\nContent-Length: {len(body)}\n\n".replace("\n", "\r\n").encode()
                connection.sendall(head + body[:cut])
    answer = server.client.post("/v2/models/digits/infer", content=body)
    assert answer.json()["outputs"][0]["shape"] == [len(digits.test.images), 10]


@pytest.fixture(scope="module")
def slow_server(once):
    """A server with a large network, and room for four requests."""
    import mlplab

    def make(out):
        options = {"hidden": [1024, 1024], "epochs": 1, "batch_size": 1000, "validation": 0}
        run = mlplab.train("digits", out=out.with_name("slow-trained"), seed=0, verbose=0, **options)
        with_network(run, out, with_page=False)

    with Server(f"slow={once('slow-served', make)}", "--queue", 4) as running:
        yield running


def test_a_full_queue_is_said_and_what_is_accepted_is_right(slow_server, digits):
    rows = np.tile(digits.test.images, (8, 1, 1))
    request = binary_request(rows)
    alone = slow_server.client.post("/v2/models/slow/infer", **request)

    def send(_):
        return httpx.post(f"{slow_server.url}/v2/models/slow/infer", timeout=60, **request)

    with ThreadPoolExecutor(16) as pool:
        sent = pool.map(send, range(16))
        live = httpx.get(f"{slow_server.url}/v2/health/live", timeout=5)  # while it computes
        answers = list(sent)
    assert live.status_code == 200
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 503}
    assert codes.count(200) >= 4
    for answer in answers:
        if answer.status_code == 200:
            assert answer.content == alone.content
        else:
            assert answer.headers["retry-after"] == "1"
            assert "4 requests wait already" in answer.json()["error"]

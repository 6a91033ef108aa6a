#!/usr/bin/python3 -B
"""Python's httpx: many connections at once, and one that is kept for all; JSON, lines from a generator, gzip, HEAD, problems,
repeats, tokens in turn, names of all kinds; over TCP, TLS and a Unix socket."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

import candord

httpx = candord.need("httpx", "python3-httpx")

ITEMS = 300


async def play(client, pool):
    path = f"/v1/pools/{pool}"
    answer = await client.post("/v1/pools", json={"pool": pool})
    assert answer.status_code == 200, answer.text

    async def lines():
        for i in range(ITEMS):
            for name, value in (("ann", 0.9 if i % 2 else 0.1), ("bob", 0.5)):
                yield json.dumps({"item": f"q{i}", "labeler": name, "value": value}).encode() + b"\n"

    answer = await client.post(f"{path}/reports", content=lines(), headers={"Content-Type": "application/x-ndjson"})
    assert answer.json() == {"accepted": 2 * ITEMS, "duplicates": 0, "revised": 0, "rejected": []}, answer.text
    answers = await asyncio.gather(*(
        client.post(f"{path}/outcomes", json={"outcomes": [{"item": f"q{i}", "value": i % 2}]}) for i in range(ITEMS)))
    assert all(a.status_code == 200 and a.json()["accepted"] == 1 for a in answers)

    # The whole feed, in pages, and again as lines.
    rows, cursor, more = [], "", True
    while more:
        answer = await client.get(f"{path}/items", params={"limit": 70, "cursor": cursor})
        assert answer.headers["Content-Encoding"] == "gzip"
        page = answer.json()
        rows += page["items"]
        cursor, more = page["next"], page["more"]
    assert len(rows) == ITEMS
    answer = await client.get(f"{path}/items", params={"limit": 1000}, headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line) for line in answer.text.splitlines()] == rows
    labelers = (await client.get(f"{path}/labelers")).json()["labelers"]
    assert [row["name"] for row in labelers] == ["ann", "bob"]
    answer = await client.get(f"{path}/items/none")
    assert answer.status_code == 404 and answer.headers["Content-Type"] == "application/problem+json"


async def both(d):
    token = d.token("script", "admin")
    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(base_url=d.url, headers={"Authorization": f"Bearer {token}"}, timeout=30,
                                 limits=limits) as tcp:
        transport = httpx.AsyncHTTPTransport(uds=d.web, limits=limits)
        async with httpx.AsyncClient(base_url="http://localhost", transport=transport, timeout=30) as unix:
            await asyncio.gather(play(tcp, "tcp"), play(unix, "unix"))
            # What both were told is the same.
            paths = [f"/v1/pools/{pool}/labelers" for pool in ("tcp", "unix")]
            for path in paths:
                assert (await tcp.get(path)).content == (await unix.get(path)).content


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def is_problem(answer, status, code, *words):
    assert answer.status_code == status and answer.headers["Content-Type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == status and problem["code"] == code, problem
    assert all(word in problem["detail"] for word in words), problem


def problems(client):
    client.post("/v1/pools", json={"pool": "problems"})
    path = "/v1/pools/problems"
    is_problem(client.post("/v1/pools", json={"pool": "problems"}), 409, "ALREADY_EXISTS", "problems")
    is_problem(client.get("/v1/pools/none"), 404, "NOT_FOUND", "none")
    is_problem(client.get("/v1/nothing"), 404, "NOT_FOUND")
    is_problem(client.get(path, params={"lmit": 1}), 400, "INVALID_ARGUMENT", "lmit")
    report = {"item": "i", "labeler": "l", "value": "much"}
    answer = client.post(f"{path}/reports", json={"reports": [report]})
    is_problem(answer, 400, "INVALID_ARGUMENT", "reports[0].value", "string")
    is_problem(client.post(f"{path}/reports", content=b'{"reports":['), 415, "INVALID_ARGUMENT", "application/json")
    is_problem(client.post(f"{path}/reports", data={"item": "i"}), 415, "INVALID_ARGUMENT")
    answer = client.put(path, json={})
    is_problem(answer, 405, "INVALID_ARGUMENT")
    assert {"GET", "PATCH"} <= set(answer.headers["Allow"].replace(" ", "").split(",")), answer.headers
    is_problem(client.get(path, headers=bearer("candor_none")), 401, "UNAUTHENTICATED")
    # After all that it goes on as before.
    assert client.get(path).json()["open_items"] == 0


def repeats(client):
    """What is sent again is counted under duplicates, in batches and as lines, and changes nothing."""
    client.post("/v1/pools", json={"pool": "repeats"})
    path = "/v1/pools/repeats"
    rows = [{"item": f"q{i}", "labeler": "ann", "value": i / 100} for i in range(100)]

    def lines():
        for row in rows:
            yield json.dumps(row).encode() + b"\n"

    def post(**body):
        answer = client.post(f"{path}/reports", **body)
        assert answer.status_code == 200, answer.text
        return answer.json()["accepted"], answer.json()["duplicates"]

    ndjson = {"Content-Type": "application/x-ndjson"}
    assert post(json={"reports": rows}) == (100, 0)
    before = client.get(path).json()
    assert post(json={"reports": rows}) == (0, 100)
    assert post(content=lines(), headers=ndjson) == (0, 100)
    assert client.get(path).json() == before and before["open_items"] == 100
    for expected in ((1, 0), (0, 1)):
        answer = client.post(f"{path}/outcomes", json={"outcomes": [{"item": "q1", "value": 1}]}).json()
        assert (answer["accepted"], answer["duplicates"]) == expected
    # Lines with some that are wrong: each is named, and costs the others nothing.
    rows[10] = {"item": "q10", "labeler": "ann", "value": 7}
    rows[20] = []
    answer = client.post(f"{path}/reports", content=lines(), headers=ndjson).json()
    assert [row["line"] for row in answer["rejected"] if row["code"] == "invalid-argument"] == [11, 21], answer
    assert answer["duplicates"] + len(answer["rejected"]) == 100 and answer["accepted"] == 0, answer


def connections_of(how):
    """How many connections are made while how() is carried out."""
    count = []

    def seen(name, _):
        if name.startswith("connection.connect_") and name.endswith(".complete"):
            count.append(name)

    how({"trace": seen})
    return len(count)


def tokens_in_turn(d):
    """One connection, on which each request has its own token, or none."""
    d.candor("pool", "create", "turns")
    roles = {name: d.token(name, rights, "--pool", "turns") for name, rights in
             (("reader", "read"), ("platform", "report"), ("boss", "admin"))}
    body = {"reports": [{"item": "i", "labeler": "l", "value": 1}]}
    with httpx.Client(base_url=d.url, timeout=30) as client:
        def play(extensions):
            for _ in range(20):
                for name, (get, post) in {"reader": (200, 403), "platform": (403, 200), "boss": (200, 200)}.items():
                    headers = bearer(roles[name])
                    answer = client.get("/v1/pools/turns/items", headers=headers, extensions=extensions)
                    assert answer.status_code == get, (name, answer.text)
                    answer = client.post("/v1/pools/turns/reports", json=body, headers=headers, extensions=extensions)
                    assert answer.status_code == post, (name, answer.text)
                # Nobody inherits what another one of the same connection may.
                is_problem(client.get("/v1/pools/turns/items", extensions=extensions), 401, "UNAUTHENTICATED")

        assert connections_of(play) == 1


NAMES = ["a/b", "100%", "%2F", " ", "a b", "+", "?x=1&y#z", "\U0001f600", "\u00e9", "a:b", "items:close", "~", "'\"<>\\",
         "..a"]


def names(client):
    for pool in NAMES:
        path = "/v1/pools/" + urllib.parse.quote(pool, safe="")
        assert client.post("/v1/pools", json={"pool": pool}).status_code == 200, pool
        assert client.get(path).json()["name"] == pool
        rows = [{"item": name, "labeler": name, "value": 1} for name in NAMES]
        assert client.post(f"{path}/reports", json={"reports": rows}).json()["accepted"] == len(NAMES)
        for name in NAMES:
            quoted = urllib.parse.quote(name, safe="")
            assert client.get(f"{path}/items/{quoted}").json()["item"] == name
            assert client.get(f"{path}/labelers/{quoted}").json()["labeler"]["name"] == name
    for name in NAMES:
        answer = client.get("/v1/grants", params={"pool": name})
        assert answer.status_code == 200, answer.text


def representations(client):
    """HEAD has the headers of GET, and no body; what is compressed is the same."""
    client.post("/v1/pools", json={"pool": "long"})
    rows = [{"item": f"q{i}", "labeler": "ann", "value": 1} for i in range(500)]
    client.post("/v1/pools/long/reports", json={"reports": rows})
    client.post("/v1/pools/long/items:close", json={"items": [row["item"] for row in rows]})
    for path in ("/v1/pools/long", "/v1/pools/long/items?limit=500", "/v1/openapi.json", "/livez", "/v1/pools/none"):
        plain = client.get(path, headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        zipped = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert zipped.content == plain.content and zipped.status_code == plain.status_code
        long = len(plain.content) > 1024
        assert (zipped.headers.get("Content-Encoding") == "gzip") == long, path
        for coding, got in (("identity", plain), ("gzip", zipped)):
            head = client.head(path, headers={"Accept-Encoding": coding})
            assert head.status_code == got.status_code and head.content == b"", path
            for name in ("Content-Type", "Content-Encoding"):
                assert head.headers.get(name) == got.headers.get(name), (path, name, head.headers)
            if "Content-Length" in head.headers:
                assert head.headers["Content-Length"] == got.headers.get("Content-Length", ""), path


def everything(client):
    problems(client)
    repeats(client)
    names(client)
    representations(client)


def authority(folder):
    """A CA, and a certificate of it for the daemon."""
    def openssl(*args):
        done = subprocess.run(["openssl", *args], cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {args}: {done.stderr}")

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
    openssl("req", "-x509", *key, "-days", "30", "-subj", "/CN=a CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *key, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    with open(f"{folder}/ext", "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "30", "-extfile", "ext",
            "-out", "server.pem")


def over_tls():
    if not shutil.which("openssl"):
        candord.skip("there is no openssl here, which makes certificates")
    with tempfile.TemporaryDirectory(prefix="candor-") as folder:
        authority(folder)
        with candord.Daemon("--tls-cert", f"{folder}/server.pem", "--tls-key", f"{folder}/server.key") as d:
            url = d.url
            token = d.token("script", "admin")
            with httpx.Client(base_url=url, verify=f"{folder}/ca.pem", headers=bearer(token), timeout=30) as client:
                everything(client)
                assert client.get("/v1/pools").http_version == "HTTP/1.1"
            try:
                httpx.get(f"{url}/livez", timeout=30)
                raise AssertionError("a CA that nobody knows was trusted")
            except httpx.ConnectError as error:
                assert "CERTIFICATE_VERIFY_FAILED" in str(error), error
            # Who speaks no TLS to it gets no answer, and harms nobody.
            try:
                answer = httpx.get(f"http://127.0.0.1:{d.port}/livez", timeout=30)
                assert answer.status_code == 400, answer
            except httpx.TransportError:
                pass
            assert httpx.get(f"{url}/livez", verify=f"{folder}/ca.pem", timeout=30).status_code == 200


def main():
    with candord.Daemon() as d:
        asyncio.run(both(d))
        tokens_in_turn(d)
    with candord.Daemon() as d:
        with httpx.Client(base_url=d.url, headers=bearer(d.token("script", "admin")), timeout=30) as client:
            everything(client)
    with candord.Daemon() as d:
        with httpx.Client(base_url="http://localhost", transport=httpx.HTTPTransport(uds=d.web), timeout=30) as client:
            everything(client)
    over_tls()
    return 0


sys.exit(main())

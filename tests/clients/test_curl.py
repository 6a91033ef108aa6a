#!/usr/bin/python3 -B
"""curl, with what it does to a request: a file of 20,000 lines, Expect: 100-continue, HTTP/1.0, HEAD, gzip, a Unix socket, several
requests on one connection."""

import json
import shutil
import subprocess
import sys

import candord

LINES = 20000
NDJSON = ["-H", "Content-Type: application/x-ndjson"]


def curl(*args):
    """What it printed, and its account of headers and the connection."""
    done = subprocess.run(["curl", "--silent", "--show-error", "--verbose", "--max-time", "120", *args], capture_output=True)
    assert done.returncode == 0, f"curl {args}: {done.returncode}: {done.stderr.decode(errors='replace')[-1000:]}"
    return done.stdout, done.stderr.decode(errors="replace").replace("\r", "")


def post_lines(d, web, token):
    """The same file in all the ways there are: what was counted once is a duplicate ever after."""
    rows = f"{d.dir}/rows.ndjson"
    with open(rows, "w") as f:
        for i in range(LINES):
            f.write(json.dumps({"item": f"q{i % 1000}", "labeler": f"a-platform/labeler-{i // 1000}", "value": i % 11 / 10}) + "\n")
    first = {"accepted": LINES, "duplicates": 0, "revised": 0, "rejected": []}
    again = {"accepted": 0, "duplicates": LINES, "revised": 0, "rejected": []}
    path = "/v1/pools/chat/reports"
    bearer = ["-H", f"Authorization: Bearer {token}"]
    said, account = curl(*web, *NDJSON, "--data-binary", f"@{rows}", f"http://localhost{path}")
    assert json.loads(said) == first, said[:300]
    # More than a megabyte: curl asks first whether it may.
    assert "> Expect: 100-continue\n" in account and "< HTTP/1.1 100 " in account, account[-2000:]
    ways = {
        "without asking": [*web, "-H", "Expect:", "--data-binary", f"@{rows}", f"http://localhost{path}"],
        "in chunks": [*web, "-H", "Transfer-Encoding: chunked", "-X", "POST", "-T", rows, f"http://localhost{path}"],
        "by HTTP/1.0": [*web, "--http1.0", "--data-binary", f"@{rows}", f"http://localhost{path}"],
        "over TCP": [*bearer, "--data-binary", f"@{rows}", d.url + path],
    }
    for way, args in ways.items():
        said, account = curl(*NDJSON, *args)
        assert json.loads(said) == again, (way, said[:300])
        if way == "by HTTP/1.0":
            assert "Transfer-Encoding" not in account and "100 Continue" not in account, account[-2000:]
    # A body that is refused by its head alone is not asked for.
    said, account = curl("-H", "Authorization: Bearer candor_none", "-H", "Expect: 100-continue", *NDJSON, "--data-binary",
                         f"@{rows}", d.url + path)
    assert "< HTTP/1.1 401 " in account and json.loads(said)["code"] == "UNAUTHENTICATED", account[-2000:]


def long_json(web):
    """One document, which curl announces too; and one that is too long."""
    rows = [{"item": f"j{i}", "labeler": "ann", "value": 0.5} for i in range(20000)]
    for n, expected in ((20000, b" 200 "), (200000, b" 413 ")):
        body = json.dumps({"reports": rows * (n // 20000)})
        done = subprocess.run(["curl", "--silent", "--show-error", "--include", "--max-time", "120", *web, "-H",
                               "Content-Type: application/json", "-H", "Expect: 100-continue", "--data-binary", "@-",
                               "http://localhost/v1/pools/chat/reports"], input=body.encode(), capture_output=True)
        heads = [part for part in done.stdout.split(b"\r\n\r\n") if part.startswith(b"HTTP/1.1 ")]
        assert expected in heads[-1].split(b"\r\n")[0], (n, done.stdout[:600], done.stderr)


def shapes(web):
    plain, _ = curl(*web, "http://localhost/v1/pools/chat/labelers?limit=20")
    zipped, account = curl(*web, "--compressed", "http://localhost/v1/pools/chat/labelers?limit=20")
    assert zipped == plain and "< Content-Encoding: gzip\n" in account, account[-1000:]
    raw, _ = curl(*web, "-H", "Accept-Encoding: gzip", "http://localhost/v1/pools/chat/labelers?limit=20")
    assert raw[:2] == b"\x1f\x8b" and len(raw) < len(plain)

    head, _ = curl(*web, "-I", "http://localhost/v1/pools/chat/labelers?limit=20")
    full, _ = curl(*web, "-i", "http://localhost/v1/pools/chat/labelers?limit=20")
    lines = [text.split(b"\r\n\r\n")[0].split(b"\r\n") for text in (head, full)]
    assert lines[0][0] == lines[1][0] == b"HTTP/1.1 200 OK" and head.endswith(b"\r\n\r\n")
    kinds = [[line for line in part if line.lower().startswith(b"content-type:")] for part in lines]
    assert kinds[0] == kinds[1] == [b"Content-Type: application/json"], kinds

    # HTTP/1.0 knows no chunks: the end of the connection is that of the body.
    for target in ("labelers?limit=20", "items?limit=1000", "items/q1?reports=true"):
        new, _ = curl(*web, f"http://localhost/v1/pools/chat/{target}")
        old, account = curl(*web, "--http1.0", f"http://localhost/v1/pools/chat/{target}")
        assert old == new and "Transfer-Encoding" not in account and "closing connection" in account.lower(), account[-1000:]

    # Several on one connection, the bodies of which follow each other.
    urls = [f"http://localhost/v1/pools/chat/items/q{i}" for i in range(50)]
    said, account = curl(*web, *urls)
    assert [json.loads(line)["item"] for line in said.splitlines()] == [f"q{i}" for i in range(50)]
    assert account.count("Re-using existing connection") == 49, account[-1000:]


def main():
    if not shutil.which("curl"):
        candord.skip("there is no curl here")
    with candord.Daemon() as d:
        web = ["--unix-socket", d.web]
        d.candor("pool", "create", "chat")
        post_lines(d, web, d.token("script", "admin"))
        shapes(web)
        long_json(web)
    return 0


sys.exit(main())

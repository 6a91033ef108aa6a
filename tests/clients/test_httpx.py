#!/usr/bin/python3 -B
"""Python's httpx, one of many connections at once: JSON, lines from a generator, gzip, over TCP and a Unix socket."""

import asyncio
import json
import sys

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


def main():
    with candord.Daemon() as d:
        asyncio.run(both(d))
    return 0


sys.exit(main())

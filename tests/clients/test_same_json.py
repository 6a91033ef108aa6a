#!/usr/bin/python3 -B
"""`candor --json` and HTTP have the same bytes for the same: whole documents, or, where candor joins the pages of a list, its
rows."""

import sys

import candord

LINES = {"Accept": "application/x-ndjson"}


def main():
    bad = 0
    with candord.Daemon() as d:
        for pool in ("chat", "a/b", "\U0001f600"):
            d.candor("pool", "create", pool)
        names = ("ann", "bob/%", '"quoted" \\ \u00e9')
        rows = [{"item": f"q {i}", "labeler": name, "value": (7 * i + 3 * k) % 11 / 10}
                for i in range(30) for k, name in enumerate(names)]
        answer = d.ask("POST", "/v1/pools/chat/reports", {"reports": rows})
        assert answer.status == 200, str(answer)
        d.ask("POST", "/v1/pools/chat/outcomes", {"outcomes": [{"item": f"q {i}", "value": i % 2} for i in range(20)]})
        d.ask("POST", "/v1/pools/chat/items:close", {"items": ["q 20", "q 21"]})
        d.ask("POST", "/v1/pools/chat/items:void", {"items": ["q 22", "q 0"]})
        d.candor("token", "new", "lab", "platform", "--pool", "chat", "--labelers", "lab/")

        def compare(target, answer, *args, headers=None):
            """How candor's document and that of HTTP belong together: answer(candor's, HTTP's)."""
            nonlocal bad
            mine, theirs = d.candor("--json", *args), d.ask("GET", target, headers=headers).body.decode()
            if not answer(mine, theirs):
                print(f"candor {' '.join(args)}: {mine[:600]}\nGET {target}: {theirs[:600]}")
                bad += 1

        def same(mine, theirs):
            return mine == theirs

        # {"pools":[...]} of candor has all pages, and no cursor.
        def has_rows(mine, theirs):
            return mine.split("[", 1)[1].rsplit("]", 1)[0] in theirs

        def rows_of(mine, theirs):
            return theirs != "" and mine.startswith(theirs)

        def has(mine, theirs):
            return theirs.rstrip("\n") in mine

        compare("/v1/pools/chat", same, "pool", "show", "chat")
        compare("/v1/pools/a%2Fb", same, "pool", "show", "a/b")
        compare("/v1/pools", has_rows, "pool", "list")
        compare("/v1/pools/chat/labelers", has_rows, "labelers", "chat")
        compare("/v1/grants?pool=chat", has_rows, "grants", "list", "--pool", "chat")
        compare("/v1/pools/chat/items/q%201", has, "query", "chat", "q 1", "q 2")
        compare("/v1/pools/chat/items/q%201?reports=true", has, "query", "chat", "q 1", "q 2", "--reports")
        compare("/v1/pools/chat/items?limit=1000", rows_of, "feed", "chat", headers=LINES)
        compare("/v1/events?limit=1000", rows_of, "audit", headers=LINES)
        for row in rows[:2]:
            mine = d.candor("--json", "report", "chat", "q 25", row["labeler"], "0.25")
            posted = d.ask("POST", "/v1/pools/chat/reports",
                           {"reports": [{"item": "q 26", "labeler": row["labeler"], "value": 0.25}]}).body.decode()
            if mine != posted:
                print(f"candor report: {mine}\nHTTP: {posted}")
                bad += 1
    return 1 if bad else 0


sys.exit(main())

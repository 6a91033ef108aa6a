#!/usr/bin/python3 -B
"""Redocly's linter, by its recommended rules, has nothing to say about the daemon's OpenAPI document."""

import sys

import candord
import npm


def main():
    with candord.Daemon() as d:
        answer = d.ask("GET", "/v1/openapi.json")
        assert answer.status == 200, str(answer)
        with open(f"{d.dir}/openapi.json", "wb") as out:
            out.write(answer.body)
        return npm.run("lint.js", f"{d.dir}/openapi.json")


sys.exit(main())

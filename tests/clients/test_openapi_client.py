#!/usr/bin/python3 -B
"""A client that is made of the OpenAPI document (openapi-client-axios) plays a campaign over TCP with a token."""

import sys

import candord
import npm


def main():
    with candord.Daemon() as d:
        return npm.run("client.js", d.url, d.token("script", "admin"))


sys.exit(main())

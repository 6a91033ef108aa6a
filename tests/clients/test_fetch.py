#!/usr/bin/python3 -B
"""Node's fetch(): a stream of lines, many requests at once, HEAD, problems, the stream of events."""

import os
import shutil
import subprocess
import sys

import candord


def main():
    if not shutil.which("node"):
        candord.skip("there is no node here")
    with candord.Daemon() as d:
        script = os.path.join(os.path.dirname(__file__), "fetch.mjs")
        return subprocess.run(["node", script, d.url, d.token("script", "admin")], timeout=300).returncode


sys.exit(main())

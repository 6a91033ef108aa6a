"""Scripts for Node, with what tests/clients/install.sh brought of the npm registry."""

import os
import shutil
import subprocess

import candord

FOLDER = "build/npm"


def run(*args):
    """A script of this folder: its exit status, after what it said."""
    if not shutil.which("node"):
        candord.skip("there is no node here")
    if not os.path.exists(f"{FOLDER}/installed"):
        candord.skip(f"there is nothing of the npm registry in {FOLDER}: make deps-test installs it")
    env = dict(os.environ, NODE_PATH=os.path.abspath(f"{FOLDER}/node_modules"))
    script = os.path.join(os.path.dirname(__file__), args[0])
    return subprocess.run(["node", script, *args[1:]], env=env, timeout=300).returncode

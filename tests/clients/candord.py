"""A real candord for tests in Python: on Unix sockets and a TCP port in a directory of its own, gone at the end.

    with candord.Daemon() as d:
        d.ask("GET", "/v1/info")

Tests of this folder print what is wrong and end with 1, or with 77 where something is not here (a line says SKIPPED and
why). B is the build directory.
"""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

SILENCE_S = 30


def skip(why):
    print(f"SKIPPED {why}")
    sys.exit(77)


def need(name, debian):
    """A module of Debian's."""
    try:
        return __import__(name)
    except ImportError:
        skip(f"there is no {name} here: apt-get install {debian}")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=SILENCE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SILENCE_S)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.type = (response.getheader("Content-Type") or "").split(";")[0].strip()
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.type} {self.body[:300]!r}"


class Daemon:
    def __init__(self, *options):
        self.build = os.environ.get("B", "build/release")
        self.options = options

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="candor-")
        self.socket = f"unix:{self.dir}/s"
        self.web = f"{self.dir}/web"
        self.log = f"{self.dir}/log"
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.dir)
            raise
        return self

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [f"{self.build}/candord", "--db", f"{self.dir}/db", "--listen", self.socket,
                 "--listen", f"http+unix:{self.web}", "--listen", "http:127.0.0.1:0", *self.options],
                stdin=subprocess.DEVNULL, stderr=log)
        try:
            self.candor("ping", "--wait", "20")
            ports = re.findall(r"(https?):127\.0\.0\.1:(\d+)", self.said())
            scheme, self.port = ports[-1][0], int(ports[-1][1])
        except BaseException:
            self.process.kill()
            self.process.wait()
            print(self.said())
            raise
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.kept = None

    def stop(self):
        self.hang_up()
        self.process.terminate()
        return self.process.wait(60)

    def __exit__(self, kind, *_):
        status = self.stop()
        said = self.said()
        shutil.rmtree(self.dir)
        if kind is None and status != 0:
            print(said)
            raise SystemExit(f"candord ended with {status}")

    def said(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def candor(self, *args, text=""):
        """The command line, as the daemon's own user: its standard output."""
        done = subprocess.run([f"{self.build}/candor", "--server", self.socket, *args], input=text, text=True,
                              capture_output=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"candor {' '.join(args)}: {done.stderr}")
        return done.stdout

    def token(self, name, rights, *options):
        """A token with rights in all pools, or as options have it."""
        return self.candor("token", "new", name, *rights.split(","), *options).split()[-1]

    def hang_up(self):
        if self.kept:
            self.kept.close()
        self.kept = None

    def ask(self, method, target, body=None, headers=None, connection=None):
        """As the daemon's own user, over its Unix socket, on a connection that is kept. body: bytes, text, or what becomes JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        if connection is None:
            self.kept = self.kept or UnixConnection(self.web)
            connection = self.kept
        connection.request(method, target, body=body, headers=headers)
        return Answer(connection.getresponse())

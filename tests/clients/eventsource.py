"""Server-sent events as the WHATWG's HTML standard has them ("9.2 Server-sent events"), as a parser, and as a program.

    eventsource.py SOCKET PATH JOURNAL NOTE

The program follows PATH of the server at SOCKET for ever and connects again whenever it is cut off. It writes down what it
hears in JOURNAL, a line of JSON each: {"after": id} when it connects, then {"id", "event", "data"} of every event. In NOTE it keeps
the id that it goes on from, and it does so only now and then, as whoever does some work for each event would. It may be killed at
any moment."""

import codecs
import http.client
import json
import os
import re
import socket
import sys
import time

NOTE_EVERY = 7  # events
PATIENCE_S = 60


class Parser:
    """feed() takes the bytes as they come, and gives the events that they end: (event, data, id). What is not ended by an
    empty line is none."""

    def __init__(self, last_id=""):
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.last_id = self.id = last_id
        self.retry_ms = None
        self.comments = 0
        self.at_start = True
        self.was_cr = False
        self.line = ""
        self.clear()

    def clear(self):
        self.type, self.data = "", ""

    def feed(self, piece):
        text = self.decoder.decode(piece)
        if self.at_start and text:
            text, self.at_start = text.removeprefix("\ufeff"), False
        if self.was_cr and text:
            text, self.was_cr = text.removeprefix("\n"), False
        self.was_cr = self.was_cr or text.endswith("\r")
        lines = re.split("\r\n|\n|\r", self.line + text)
        self.line = lines.pop()
        events = [self.take(line) for line in lines]
        return [event for event in events if event]

    def take(self, line):
        if not line:
            self.last_id = self.id
            event = (self.type or "message", self.data.removesuffix("\n"), self.last_id) if self.data else None
            self.clear()
            return event
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "":
            self.comments += 1
        elif name == "event":
            self.type = value
        elif name == "data":
            self.data += value + "\n"
        elif name == "id" and "\0" not in value:
            self.id = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            self.retry_ms = int(value)
        return None


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def stream(connection, path, last_id):
    """The response to one request, which is a stream of events."""
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if last_id:
        headers["Last-Event-ID"] = last_id
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    kind = response.getheader("Content-Type", "").split(";")[0]
    if response.status != 200 or kind != "text/event-stream":
        raise ConnectionError(f"{response.status} {kind}: {response.read(300)!r}")
    return response


class Follower:
    def __init__(self, socket_path, path, journal, note):
        self.socket_path, self.path, self.note = socket_path, path, note
        self.journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(self.journal, b"\n")  # the line before it may have no end
        self.unnoted = 0
        self.last_id = ""
        if os.path.exists(note):
            with open(note) as f:
                self.last_id = f.read()

    def write(self, row):
        os.write(self.journal, json.dumps(row).encode() + b"\n")

    def keep(self):
        self.unnoted += 1
        if self.unnoted < NOTE_EVERY:
            return
        with open(self.note + ".new", "w") as f:
            f.write(self.last_id)
        os.rename(self.note + ".new", self.note)
        self.unnoted = 0

    def connect(self):
        connection = Connection(self.socket_path)
        try:
            parser = Parser(self.last_id)
            response = stream(connection, self.path, self.last_id)
            self.write({"after": self.last_id})
            while piece := response.read1(1 << 16):
                for event, data, id_ in parser.feed(piece):
                    self.write({"id": id_, "event": event, "data": data})
                    self.last_id = id_
                    self.keep()
        finally:
            connection.close()

    def follow(self):
        while True:
            try:
                self.connect()
            except (OSError, http.client.HTTPException):
                pass  # it is being restarted
            time.sleep(0.02)


if __name__ == "__main__":
    Follower(*sys.argv[1:]).follow()

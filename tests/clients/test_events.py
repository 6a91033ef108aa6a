#!/usr/bin/python3 -B
"""A reader of server-sent events, as EventSource is one, misses nothing and hears everything in order, whatever is killed: it is a
process of its own (eventsource.py), which gets SIGKILL again and again, wherever it is, and so does the daemon, while others close,
resolve and void items. A new reader goes on from the last id that the one before had noted, by Last-Event-ID.

CANDOR_TEST_SEED repeats a run; CANDOR_TEST_ROUNDS is how often the reader is killed (10; 100 where RELIABILITY=full)."""

import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time

import candord
import eventsource

SEED = int(os.environ.get("CANDOR_TEST_SEED", random.SystemRandom().randrange(10**9)))
ROUNDS = int(os.environ.get("CANDOR_TEST_ROUNDS", 100 if os.environ.get("RELIABILITY") == "full" else 10))
PATIENCE_S = 60
LOST = (OSError, http.client.HTTPException)
PATH = "/v1/pools/chat/changes"


class Failed(Exception):
    pass


def check_parser():
    """What the standard says, in pieces of every size."""
    cases = [
        (b"data: a\n\n", [("message", "a", "")]),
        (b"\xef\xbb\xbfdata:a\ndata: b\ndata\ndata:  c\n\n", [("message", "a\nb\n\n c", "")]),
        (b": x\n\ndata: a\r\rdata: b\r\n\r\ndata: c\n\n", [("message", x, "") for x in "abc"]),
        (b"id: 1\nevent: e\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", [("e", "a", "1"), ("message", "b", "1"), ("message", "c", "")]),
        (b"id: 1\n\nid: 2\x00\ndata: a\n\n", [("message", "a", "1")]),
        (b"retry: 10\nretry: x\nother: y\nevent: e\n\ndata:\n\ndata: last", [("message", "", "")]),
        ("data: \u00e9\U0001f600\n\n".encode(), [("message", "\u00e9\U0001f600", "")]),
    ]
    for text, events in cases:
        for size in range(1, len(text) + 1):
            parser = eventsource.Parser()
            got = [e for at in range(0, len(text), size) for e in parser.feed(text[at:at + size])]
            if got != events:
                raise Failed(f"{text!r} by {size} bytes: {got}, not {events}")


class Writer(threading.Thread):
    """Opens, closes, resolves and voids items, some at a time, until it is told to stop. What was not answered is repeated.
    self.states has what became of each item, in order."""

    def __init__(self, d, name, chance):
        super().__init__()
        self.d, self.name_, self.chance = d, name, chance
        self.over, self.fault, self.states = threading.Event(), None, {}

    def post(self, path, body):
        while True:
            connection = candord.UnixConnection(self.d.web)
            try:
                answer = self.d.ask("POST", f"/v1/pools/chat/{path}", body, connection=connection)
                if answer.status == 200:
                    return
                if answer.status != 503:
                    raise Failed(f"{path}: {answer}")
            except LOST:
                pass  # it is being restarted
            finally:
                connection.close()
            time.sleep(0.01)

    def change(self, path, body, items, state):
        if not items:
            return
        self.post(path, body)
        for item in items:
            if state == "resolved" and not self.states[item]:
                self.states[item].append("closed")  # an outcome closes what is open
            self.states[item].append(state)

    def play(self):
        first = len(self.states)
        items = [f"{self.name_}/{first + i}" for i in range(self.chance.randint(1, 12))]
        self.states.update((item, []) for item in items)
        self.post("reports", {"reports": [{"item": i, "labeler": self.name_, "value": 0.5} for i in items]})
        some = [i for i in items if self.chance.random() < 0.5]
        self.change("items:close", {"items": some}, some, "closed")
        some = [i for i in items if self.chance.random() < 0.5]
        self.change("outcomes", {"outcomes": [{"item": i, "value": 1} for i in some]}, some, "resolved")
        some = [i for i in items if "resolved" not in self.states[i] and self.chance.random() < 0.5]
        self.change("items:void", {"items": some}, some, "void")

    def run(self):
        try:
            while not self.over.is_set():
                self.play()
        except Exception as error:
            self.fault = error


class Reader:
    def __init__(self, d):
        self.d = d
        self.journal, self.note = f"{d.dir}/journal", f"{d.dir}/note"
        open(self.journal, "w").close()
        self.process, self.kills = None, 0

    def start(self):
        self.process = subprocess.Popen([sys.executable, "-B", eventsource.__file__, self.d.web, PATH, self.journal, self.note],
                                        stdin=subprocess.DEVNULL)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process, self.kills = None, self.kills + 1

    def length(self):
        return os.path.getsize(self.journal)

    def wait_for(self, n_bytes):
        """Until it has written down so much more."""
        until, end = self.length() + n_bytes, time.monotonic() + PATIENCE_S
        while self.length() < until:
            if self.process.poll() is not None:
                raise Failed(f"the reader ended by itself, with {self.process.returncode}")
            if time.monotonic() > end:
                raise Failed("the reader has heard nothing")
            time.sleep(0.005)

    def rows(self):
        with open(self.journal, "rb") as f:
            lines = f.read().split(b"\n")
        for line in filter(None, lines):
            try:
                yield json.loads(line)
            except ValueError:
                pass  # it was killed there

    def wait_for_id(self, last):
        end = time.monotonic() + PATIENCE_S
        while last not in (row.get("id") for row in self.rows()):
            if time.monotonic() > end:
                raise Failed("the reader has not come to the last change")
            time.sleep(0.05)


def all_changes(d):
    rows, cursor = [], ""
    while True:
        page = d.ask("GET", f"{PATH}?limit=1000&cursor={cursor}").json()
        if not page["items"]:
            return rows
        rows += page["items"]
        cursor = page["next"]


def check(rows, truth, writers):
    """Every connection went on right after the id it gave, one that had been heard of, and left nothing out. How often it
    connected."""
    at = {row["cursor"]: i for i, row in enumerate(truth)}
    heard, next_, connections = -1, 0, 0
    for row in rows:
        if "after" in row:
            connections += 1
            next_ = at[row["after"]] + 1 if row["after"] else 0
            if next_ > heard + 1:
                raise Failed(f"change {heard + 1} was never heard of: the reader went on at {next_}")
            continue
        change = json.loads(row["data"])
        if row["event"] == "error":
            if change["code"] != "UNAVAILABLE":
                raise Failed(f"the reader was told {change}")
            continue  # it is stopping, and ends the connection
        if next_ >= len(truth) or change["cursor"] != row["id"] or change["state"] != row["event"]:
            raise Failed(f"no change: {row}")
        if change != truth[next_]:
            raise Failed(f"change {next_} should be {truth[next_]}, not {change}")
        heard = max(heard, next_)
        next_ += 1
    if heard != len(truth) - 1:
        raise Failed(f"{len(truth) - 1 - heard} of {len(truth)} changes are missing at the end")
    # What was acknowledged is all there is.
    states = {}
    for row in truth:
        states.setdefault(row["item"], []).append(row["state"])
    for writer in writers:
        for item, expected in writer.states.items():
            if states.get(item, []) != expected:
                raise Failed(f"{item} became {states.get(item)}, not {expected}")
    return connections


def play_round(d, reader, chance, killed):
    """The daemon stops, is killed, or goes on; the reader is killed, wherever it is."""
    if not reader.process:
        reader.start()
    reader.wait_for(chance.choice([1, 100, 1000, 10000]) + chance.randrange(1000))
    what = chance.random()
    if what < 0.3:
        if chance.random() < 0.5:
            reader.kill()
        d.hang_up()
        if what < 0.2:
            d.process.kill()
            d.process.wait()
            killed["killed"] += 1
        elif d.stop() != 0:
            raise Failed("candord did not end well")
        else:
            killed["stopped"] += 1
        if chance.random() < 0.5:
            reader.kill()
        d.start()
    if chance.random() < 0.8:
        reader.kill()


def main():
    print(f"seed {SEED} (CANDOR_TEST_SEED sets another)")
    check_parser()
    chance, killed, rounds = random.Random(SEED), {"killed": 0, "stopped": 0}, 0
    with candord.Daemon() as d:
        assert d.ask("POST", "/v1/pools", {"pool": "chat"}).status == 200
        writers = [Writer(d, name, random.Random(SEED + i)) for i, name in enumerate(("ann", "bob"), 1)]
        reader = Reader(d)
        for writer in writers:
            writer.start()
        try:
            while reader.kills < ROUNDS:
                play_round(d, reader, chance, killed)
                rounds += 1
            if not reader.process:
                reader.start()
            for writer in writers:
                writer.over.set()
                writer.join()
                if writer.fault:
                    raise writer.fault
            truth = all_changes(d)
            reader.wait_for_id(truth[-1]["cursor"])
        finally:
            for writer in writers:
                writer.over.set()
            reader.kill()
            if d.process.poll() is not None:
                d.start()
            for writer in writers:
                writer.join()
        connections = check(reader.rows(), truth, writers)
        heard = sum("id" in row for row in reader.rows())
        print(f"{len(truth)} changes, {heard} events; in {rounds} rounds the reader was killed {ROUNDS} times and connected "
              f"{connections} times, the daemon was killed {killed['killed']} times and stopped {killed['stopped']} times")
        print(f"# proof: processes killed: {reader.kills + killed['killed']}")
        print(f"# proof: changes heard of by a reader that is killed: {len(truth)}")
    return 0


try:
    sys.exit(main())
except Failed as failed:
    sys.exit(f"failed: {failed}")

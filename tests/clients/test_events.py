#!/usr/bin/python3 -B
"""A reader of server-sent events, as EventSource is one, is cut off in the middle of events again and again, and comes back with
the last id that it has: over restarts and kills of the daemon it hears of every change, once and in order.

CANDOR_TEST_SEED repeats a run; CANDOR_TEST_ROUNDS is how often the reader comes (100)."""

import http.client
import json
import os
import random
import socket
import sys
import threading
import time

import candord

SEED = int(os.environ.get("CANDOR_TEST_SEED", random.SystemRandom().randrange(10**9)))
ROUNDS = int(os.environ.get("CANDOR_TEST_ROUNDS", 100))
RESTART_EVERY = 12  # rounds
LOST = (OSError, http.client.HTTPException)


class Writer(threading.Thread):
    """Opens, closes, resolves and voids items, one after the other, until it is told to stop. What was not answered is
    repeated."""

    def __init__(self, d, chance):
        super().__init__()
        self.d, self.chance, self.over, self.fault, self.n = d, chance, threading.Event(), None, 0

    def post(self, path, body):
        while True:
            connection = candord.UnixConnection(self.d.web)
            try:
                answer = self.d.ask("POST", f"/v1/pools/chat/{path}", body, connection=connection)
                if answer.status == 200:
                    return
                if answer.status != 503:
                    raise AssertionError(f"{path}: {answer}")
            except LOST:
                pass  # it is being restarted
            finally:
                connection.close()
            time.sleep(0.01)

    def run(self):
        try:
            while not self.over.is_set():
                item = f"q/{self.n}"
                self.n += 1
                self.post("reports", {"reports": [{"item": item, "labeler": "ann", "value": 0.5}]})
                fate = self.chance.choice(["close", "resolve", "void", "close and resolve", "close and void"])
                if "close" in fate:
                    self.post("items:close", {"items": [item]})
                if "resolve" in fate:
                    self.post("outcomes", {"outcomes": [{"item": item, "value": 1}]})
                if "void" in fate:
                    self.post("items:void", {"items": [item]})
        except AssertionError as error:
            self.fault = error


class Reader:
    def __init__(self, web, chance):
        self.web, self.chance = web, chance
        self.last, self.events = None, []

    def take(self, text):
        """One event, whole. Comments are none."""
        fields = dict(line.split(": ", 1) for line in text.split("\n") if line and not line.startswith(":"))
        if not fields:
            return
        row = json.loads(fields["data"])
        assert fields["event"] == row["state"], fields
        assert row["cursor"] == fields["id"], fields
        self.last = fields["id"]
        self.events.append((row["item"], row["state"], row["cursor"]))

    def come(self, most, patience_s):
        """Reads until it has so many bytes, or nothing has come for a while; and is gone, wherever it is."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(patience_s)
        got = b""
        try:
            connection.connect(self.web)
            after = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
            connection.sendall(b"GET /v1/pools/chat/changes HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
                               + after.encode() + b"\r\n")
            while len(got) < most:
                piece = connection.recv(min(4096, most - len(got)))
                if not piece:
                    break
                got += piece
        except OSError:
            pass
        finally:
            connection.close()
        head, found, body = got.partition(b"\r\n\r\n")
        if not found:
            return
        assert b" 200 " in head.split(b"\r\n")[0] and b"text/event-stream" in head, got
        text = b""
        while body:
            size, found, rest = body.partition(b"\r\n")
            if not found or len(rest) < int(size, 16) + 2:
                break
            text, body = text + rest[:int(size, 16)], rest[int(size, 16) + 2:]
        for event in text.decode(errors="replace").split("\n\n")[:-1]:  # what is behind the last one is incomplete
            self.take(event)


def all_changes(d):
    rows, cursor = [], ""
    while True:
        page = d.ask("GET", f"/v1/pools/chat/changes?limit=1000&cursor={cursor}").json()
        if not page["items"]:
            return [(row["item"], row["state"], row["cursor"]) for row in rows]
        rows += page["items"]
        cursor = page["next"]


def main():
    print(f"seed {SEED} (CANDOR_TEST_SEED sets another)")
    chance = random.Random(SEED)
    restarts = 0
    with candord.Daemon() as d:
        assert d.ask("POST", "/v1/pools", {"pool": "chat"}).status == 200
        writer, reader = Writer(d, random.Random(SEED + 1)), Reader(d.web, chance)
        writer.start()
        try:
            for i in range(ROUNDS):
                reader.come(chance.choice([200, 1000, 5000, 20000]) + chance.randrange(500), chance.uniform(0.01, 0.2))
                if i % RESTART_EVERY == RESTART_EVERY - 1:
                    d.hang_up()
                    if restarts % 2:
                        d.process.kill()
                        d.process.wait()
                    elif d.stop() != 0:
                        raise AssertionError("candord did not end well")
                    d.start()
                    restarts += 1
        finally:
            writer.over.set()
            writer.join()
        if writer.fault:
            raise writer.fault
        truth = all_changes(d)
        for _ in range(1000):
            if len(reader.events) >= len(truth):
                break
            reader.come(1 << 20, 1)
        if reader.events != truth:
            missed = [row for row in truth if row not in reader.events]
            twice = len(reader.events) - len(set(reader.events))
            print(f"of {len(truth)} changes the reader has {len(reader.events)}; missed: {missed[:5]}, twice: {twice}")
            return 1
        print(f"{len(truth)} changes of {writer.n} items, {ROUNDS} rounds, {restarts} restarts")
        return 0 if len(truth) > ROUNDS else 1


sys.exit(main())

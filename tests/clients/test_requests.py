#!/usr/bin/python3 -B
"""Random requests, made of the OpenAPI document: good ones, and ones with something wrong, for every operation. Whatever is
asked, there is an answer that the document describes; none is the daemon's fault, and its database is sound at the end.

CANDOR_TEST_SEED repeats a run; CANDOR_TEST_REQUESTS is how many are made for each operation (80)."""

import http.client
import json
import os
import random
import subprocess
import sys
import urllib.parse

import candord
import openapi

SEED = int(os.environ.get("CANDOR_TEST_SEED", random.SystemRandom().randrange(10**9)))
REQUESTS = int(os.environ.get("CANDOR_TEST_REQUESTS", 80))
chance = random.Random(SEED)

NAMES = ["p", "q", "i1", "i2", "ann", "a/b", "100%", "%2F", " ", "+", "?x=1&y#z", "\U0001f600", "é", "e\u0301", "..", ".",
         "items:close", "\\", '"', "x" * 255]
STRANGE_TEXTS = ["", "x" * 256, "\x00", "\x1b[31m", "\u2028", "\u202e", "\ufdd0", "x" * 5000, "token:lab", "uid:0",
                 "anonymous", "cert:CN=x"]
STRANGE_VALUES = [None, True, False, 0, -1, 1.5, 1e300, 2**53 + 1, 2**63, 2**64, 2**64 - 1, "", "x", [], {}, [[]], [None],
                  {"x": {}}, "\x00", "NaN", [1, "2", None]]
# Texts that are put in the place of a number.
STRANGE_NUMBERS = ["1e400", "-0", "-0.0", "1E2", "0x1", "01", "1.", ".5", "+1", "NaN", "Infinity", "9" * 200, "1e-400", "1" * 130]
# Raw, as they stand in a target.
STRANGE_SEGMENTS = ["%", "%0", "%zz", "%00", "%C0%AF", "%ff", "%ED%A0%80", "", ".", "..", "%2e%2e", "%252F", "a;b", "a:b", "*"]
STRANGE_BODIES = [b"", b"{", b"}", b"[]", b"null", b"1", b'"x"', b"{}{}", b"\xff\xfe", b"\x00", b'{"a":' * 5000, b"[" * 5000,
                  b'{"pool":"p"', b'{"pool":"p","pool":"q"}', b'\xef\xbb\xbf{}', b'{"reports":[{"item":"\\ud800"}]}',
                  b'{"reports":[' + b'{"item":"i","labeler":"l","value":1},' * 2000]
TYPES = ["application/json", "application/json; charset=utf-8", "application/x-ndjson", "text/plain",
         "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]


def some(things):
    return things[chance.randrange(len(things))]


class Maker:
    def __init__(self, document, spoil):
        self.document = document
        self.spoil = spoil  # the chance of something strange at each place

    def strange(self):
        return chance.random() < self.spoil

    def text(self, schema):
        if self.strange():
            return some(STRANGE_TEXTS)
        if schema.get("minLength", 0) == 0 and chance.random() < 0.5:
            return ""
        return some(NAMES)[:schema.get("maxLength", 255)]

    def number(self, schema):
        low, high = schema.get("minimum", 0), schema.get("maximum", 1000)
        if self.strange():
            return some([low - 1, high + 1, -high, 0.5, 1e18])
        if schema["type"] == "integer":
            return some([low, high, chance.randint(int(low), int(min(high, low + 1000)))])
        return some([low, high, chance.uniform(low, high)])

    def value(self, schema):
        schema = self.document.resolve(schema)
        if self.strange():
            return some(STRANGE_VALUES)
        kind = schema["type"]
        if "enum" in schema:
            return some(schema["enum"])
        if kind == "object":
            return self.object(schema)
        if kind == "array":
            low, high = schema.get("minItems", 0), schema.get("maxItems", 20)
            return [self.value(schema["items"]) for _ in range(chance.randint(low, min(high, 8)))]
        if kind in ("integer", "number"):
            return self.number(schema)
        if kind == "boolean":
            return some([True, False])
        return self.text(schema)

    def object(self, schema):
        needed = schema.get("required", [])
        out = {}
        for name, of in schema.get("properties", {}).items():
            if (name in needed and not self.strange()) or chance.random() < 0.5:
                out[name] = self.value(of)
        if self.strange():
            out[some(["labler", "x", "", "pool", "items", "\x00"])] = self.value({"type": "string"})
        return out

    def target(self, path, operation):
        query = []
        for parameter in operation["parameters"]:
            name, schema = parameter["name"], parameter["schema"]
            value = self.value(schema)
            if name == "wait_ms" and isinstance(value, int) and value > 0:
                value = some([1, 20, 60001])  # whoever may wait is answered later
            if parameter["in"] == "path":
                raw = some(STRANGE_SEGMENTS) if self.strange() else urllib.parse.quote(str(value), safe="")
                path = path.replace("{" + name + "}", raw)
            elif parameter["in"] == "query" and chance.random() < 0.6:
                if isinstance(value, list):
                    value = ",".join(map(str, value))
                value = json.dumps(value) if isinstance(value, (bool, dict)) or value is None else str(value)
                query.append((name, value))
        if self.strange():
            query.append(some([("lmit", "1"), ("", ""), ("limit", "1"), ("limit", "2"), ("pool", "p")]))
        text = "&".join(f"{n}={urllib.parse.quote(v, safe='', errors='replace')}" for n, v in query)
        if self.strange():
            text += some(["&", "&&", "=", "&a%", "&%00=1", "&limit", "&a=%C0%AF", "&sort=%zz"])
        return path + ("?" + text if text else "")

    def body(self, operation):
        """Bytes and their type."""
        content = operation["requestBody"]["content"]
        kind = some(list(content))
        if self.strange():
            return some(STRANGE_BODIES), some(TYPES)
        whole = self.value(content["application/json"]["schema"])
        if kind == "application/x-ndjson":
            rows = next(iter(whole.values()), []) if isinstance(whole, dict) else [whole]
            lines = [json.dumps(row) for row in (rows if isinstance(rows, list) else [rows])]
            if self.strange():
                lines.insert(0, some(["", "{", "null", "x" * 100000, "{}", "\r"]))
            text = some(["\n", "\r\n"]).join(lines) + some(["", "\n"])
        else:
            text = json.dumps(whole, ensure_ascii=some([True, False]))
            if self.strange():
                text = text.replace("1", some(STRANGE_NUMBERS), 1)
        if self.strange():
            cut = chance.randrange(len(text) + 1)
            text = text[:cut]
        return text.encode(errors="replace"), some(TYPES) if self.strange() else kind


def check(document, name, operation, answer):
    if answer.status >= 500:
        return "the daemon is at fault"
    if answer.status >= 400 and answer.type != "application/problem+json":
        return "it is no problem document"
    return document.fault_of_answer(operation, answer)


def main():
    print(f"seed {SEED} (CANDOR_TEST_SEED sets another)")
    statuses, bad = {}, 0
    with candord.Daemon() as d:
        document = openapi.Document(d).strict()
        for pool in ("p", "q", "a/b"):
            d.ask("POST", "/v1/pools", {"pool": pool})
        rows = [{"item": i, "labeler": l, "value": 0.5} for i in ("i1", "i2", "a/b") for l in ("ann", "100%")]
        d.ask("POST", "/v1/pools/p/reports", {"reports": rows})
        todo = [name for name in document.operations for _ in range(REQUESTS)]
        chance.shuffle(todo)
        for name in todo:
            method, path, operation = document.operations[name]
            maker = Maker(document, some([0, 0, 0.05, 0.3]))
            target = maker.target(path, operation)
            body, headers = None, {}
            if "requestBody" in operation:
                body, kind = maker.body(operation)
                if kind:
                    headers["Content-Type"] = kind
            elif maker.strange():
                body = b"{}"
            if maker.strange():
                headers["Accept"] = some(["application/x-ndjson", "text/html", "*/*", "application/json;q=0.1", "x"])
            try:
                answer = d.ask(method, target, body, headers)
                fault = check(document, name, operation, answer)
                if answer.headers.get("Connection", "").lower() == "close":
                    d.hang_up()
            except http.client.InvalidURL:
                continue
            except (OSError, http.client.HTTPException) as error:
                answer, fault = None, f"no answer: {error!r}"
                d.hang_up()
            statuses[answer.status if answer else 0] = statuses.get(answer.status if answer else 0, 0) + 1
            if fault:
                print(f"{method} {target}: {fault}\n    {headers} {(body or b'')[:300]!r}\n    {answer}")
                bad += 1
                if bad >= 10:
                    break
        d.stop()
        verified = subprocess.run([f"{d.build}/candord", "--verify", "--db", f"{d.dir}/db"], capture_output=True, text=True)
        if verified.returncode != 0:
            print(verified.stderr)
            bad += 1
        d.start()
    print("answers by status:", ", ".join(f"{n} of {status}" for status, n in sorted(statuses.items())))
    # The makers do their work: good requests are among them, and bad ones.
    if min(statuses.get(200, 0), statuses.get(400, 0), statuses.get(404, 0)) < REQUESTS // 2 and not bad:
        print("some kinds of answers are missing")
        bad += 1
    return 1 if bad else 0


sys.exit(main())

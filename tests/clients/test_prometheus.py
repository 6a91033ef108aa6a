#!/usr/bin/python3 -B
"""Debian's Prometheus scrapes a real candord and evaluates the rules of docs/monitoring; promtool holds the page and the rules
against its own; every figure that a rule or a panel of the dashboard names is one that is scraped; each alert has its section in
docs/operating.md."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import candord

MONITORING = "docs/monitoring"
RULES = f"{MONITORING}/candor.rules.yml"
PATIENCE_S = 60
# What Prometheus makes by itself.
ITS_OWN = {"up", "ALERTS"}
WORDS = {"and", "or", "unless", "by", "without", "ignoring", "on", "group_left", "group_right", "bool", "offset", "vector", "time"}


def run(*args, text=None):
    done = subprocess.run(args, input=text, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(args)}: {done.stdout}{done.stderr}"
    return done.stdout


def names_in(expression):
    """The series that an expression asks for."""
    expression = re.sub(r'"[^"]*"', '""', expression)
    expression = re.sub(r"\b(by|without|ignoring|on|group_left|group_right)\s*\([^)]*\)", " ", expression)
    expression = re.sub(r"\{[^}]*\}|\[[^]]*\]", " ", expression)
    found = re.findall(r"(?<![\w.$])([a-zA-Z_:][\w:]*)(?![\w:]*\s*\()", expression)
    return {name for name in found if name not in WORDS and not re.fullmatch(r"[eE]\d+", name)}


def expressions():
    """Of the rules, and of the dashboard's panels and variables: where each stands, and the expression."""
    with open(RULES) as f:
        rules = f.read()
    for alert, body in re.findall(r"- alert: (\w+)\n(.*?)(?=\n\s*- alert:|\Z)", rules, re.S):
        expr = re.search(r"expr: (>\n(?:\s{10}.*\n)+|.*\n)", body).group(1).lstrip(">")
        yield alert, expr
    with open(f"{MONITORING}/grafana-dashboard.json") as f:
        dashboard = json.load(f)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"]).group(1)


def check_sections():
    with open(RULES) as f:
        rules = f.read()
    with open("docs/operating.md") as f:
        text = f.read()
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert alerts and alerts == list(dict.fromkeys(alerts))
    sections = re.findall(r"^#### (Candor\w+)$", text, re.M)
    assert sorted(sections) == sorted(alerts), f"sections {sections}, alerts {alerts}"
    assert re.findall(r"runbook: docs/operating.md#(\w+)", rules) == [a.lower() for a in alerts]


def play(d):
    """A pool in which everything is that a page can have."""
    assert d.ask("POST", "/v1/pools", {"pool": 'birds "and" bees\\'}).status == 200
    path = "/v1/pools/" + urllib.parse.quote('birds "and" bees\\', safe="")
    rows = [{"item": f"q{i}", "labeler": name, "value": value if i % 2 else 1 - value}
            for i in range(12) for name, value in (("ann", 0.9), ("bob", 0.6), ("eve", 0.3))]
    assert d.ask("POST", f"{path}/reports", {"reports": rows}).json()["accepted"] == len(rows)
    outcomes = [{"item": f"q{i}", "value": i % 2} for i in range(8)]
    assert d.ask("POST", f"{path}/outcomes", {"outcomes": outcomes}).json()["accepted"] == 8
    assert d.ask("POST", f"{path}/items:close", {"items": ["q8", "q9"]}).json()["accepted"] == 2


def wait_for(what, look):
    until = time.monotonic() + PATIENCE_S
    while True:
        got = look()
        if got:
            return got
        assert time.monotonic() < until, f"{what} did not come in {PATIENCE_S} s"
        time.sleep(0.2)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus:
    """One that scrapes a daemon every second, as docs/monitoring has it but for the address."""

    def __init__(self, d, token):
        self.dir, self.port = d.dir, free_port()
        with open(f"{self.dir}/prometheus.token", "w") as f:
            f.write(token + "\n")
        shutil.copy(RULES, f"{self.dir}/candor.rules.yml")
        with open(f"{MONITORING}/prometheus.yml") as f:
            config = f.read()
        for old, new in (("/etc/prometheus/", f"{self.dir}/"), ("candor.example.org:7480", f"127.0.0.1:{d.port}"),
                         ("scheme: https", "scheme: http"), ("scrape_interval: 15s", "scrape_interval: 1s\n    scrape_timeout: 1s")):
            assert old in config, old
            config = config.replace(old, new)
        config = re.sub(r"    tls_config:\n.*\n", "", config)
        config += "\nglobal:\n  evaluation_interval: 1s\n"
        with open(f"{self.dir}/prometheus.yml", "w") as f:
            f.write(config)

    def __enter__(self):
        run("promtool", "check", "config", f"{self.dir}/prometheus.yml")
        self.log = open(f"{self.dir}/prometheus.log", "wb")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=self.dir)
        return self

    def __exit__(self, kind, *_):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()
        if kind:
            with open(f"{self.dir}/prometheus.log", errors="replace") as f:
                print(f.read()[-4000:])

    def ask(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?" + urllib.parse.urlencode(query)
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, ConnectionError):
            assert self.process.poll() is None, "prometheus has ended"
            return None

    def value(self, query):
        data = self.ask("query", query=query)
        return float(data["result"][0]["value"][1]) if data and data["result"] else None


def main():
    for program in ("prometheus", "promtool"):
        if not shutil.which(program):
            candord.skip(f"there is no {program} here: apt-get install prometheus")
    check_sections()
    run("promtool", "check", "rules", RULES)
    run("promtool", "test", "rules", "tests/clients/rules.yml")
    with candord.Daemon() as d:
        play(d)
        token = d.token("prometheus", "inspect")
        page = wait_for("a look at the labelers", lambda: (
            lambda text: text if "candor_pool_regret{" in text else None)(d.ask("GET", "/metrics").body.decode()))
        run("promtool", "check", "metrics", text=page)
        there = set(re.findall(r"^([a-zA-Z_:][\w:]*)(?=[{ ])", page, re.M))
        for where, expression in expressions():
            names = names_in(expression)
            assert names, f"{where}: {expression}"
            missing = names - there - ITS_OWN
            assert not missing, f"{where} asks for {', '.join(sorted(missing))}, which /metrics does not have"
        with Prometheus(d, token) as p:
            wait_for("the first scrape", lambda: p.value('up{job="candor"}') == 1)
            assert p.value("candor_reports_total{result=\"accepted\"}") == 36
            assert p.value('candor_pool_items{pool="birds \\"and\\" bees\\\\",state="closed"}') == 2
            # It asks for OpenMetrics, where a counter has the same name.
            assert p.value("count(candor_pool_settlements_total)") == 1
            groups = wait_for("an evaluation", lambda: [g for g in (p.ask("rules") or {"groups": []})["groups"] if all(
                r["health"] != "unknown" for r in g["rules"])])
            rules = groups[0]["rules"]
            with open(RULES) as f:
                assert len(rules) == f.read().count("- alert:")
            for rule in rules:
                assert rule["health"] == "ok", f"{rule['name']}: {rule.get('lastError')}"
                assert rule["state"] == "inactive", f"{rule['name']} is {rule['state']}"
            # Each panel's expression is one that it takes.
            for where, expression in expressions():
                for name, value in (("$__rate_interval", "1m"), ("$instance", ".*"), ("$pool", ".*")):
                    expression = expression.replace(name, value)
                data = p.ask("query", query=expression)
                assert data is not None and data["resultType"] in ("vector", "scalar"), f"{where}: {expression}"
            # A token that is revoked ends it.
            d.candor("token", "revoke", "prometheus")
            wait_for("the alert", lambda: p.value('ALERTS{alertname="CandorDown",alertstate="pending"}') == 1)
    print(f"{len(there)} names, {len(rules)} rules")
    return 0


sys.exit(main())

"""One exit, told by everything that tells of it: the report, the log, the metrics in Prometheus, the alert, the trace. All name
the same request and the same numbers.

    story.py SERVICE

Two replicas are under load. One is asked to leave while a request outlives its deadline. STORY_CONTROL=1 runs it without
`drain.scrape_wait`, where the last numbers must be missing in Prometheus: what the wait is for.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request

from stack import ROOT, Stack, eventually, free_port, get

REQUEST_ID = "order-42"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
CONTROL = os.environ.get("STORY_CONTROL") == "1"
LEAVES, STAYS = "orders-1", "orders-2"

# Panels that may have nothing to show in this story, and why.
MAY_BE_EMPTY = {}


class Replica:
    """One process of the service."""

    def __init__(self, binary, pod, folder, otlp):
        self.pod, self.folder = pod, folder
        self.http, self.admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
        keys = {
            "LISTEN__HTTP": self.http, "LISTEN__ADMIN": self.admin, "LISTEN__GRPC": "127.0.0.1:0",
            "SERVICE__NAME": "orders", "BENCH__ENABLED": "true",
            "LOG__FORMAT": "json", "TRACES__ENDPOINT": otlp, "TRACES__PROTOCOL": "http/protobuf", "TRACES__SAMPLE_RATIO": "0.1",
            "DRAIN__STRATEGY": "delay", "DRAIN__DELAY": "3s", "DRAIN__TIMEOUT": "2s", "DRAIN__GRACE_PERIOD": "30s",
            "DRAIN__FLUSH": "10s", "DRAIN__SCRAPE_WAIT": "0s" if CONTROL else "9s", "DRAIN__REPORT_FILE": str(folder / f"{pod}.json"),
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LAMEDUCK_", "OTEL_", "KUBERNETES_"))}
        environment = clean | {f"LAMEDUCK_{key}": value for key, value in keys.items()} | {"POD_NAME": pod, "POD_NAMESPACE": "shop", "CONTAINER_NAME": "orders"}
        with open(self.log_path(), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([binary], env=environment, stdout=log, stderr=subprocess.STDOUT)

    def log_path(self):
        return self.folder / f"{self.pod}.log"

    def log(self):
        return [json.loads(line) for line in self.log_path().read_text(encoding="utf-8").splitlines()]

    def report(self):
        return json.loads((self.folder / f"{self.pod}.json").read_text(encoding="utf-8"))

    def drain(self):
        return json.loads(get(f"http://{self.admin}/drain"))

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Load:
    """Asks both replicas, a connection for each request, until it is told to stop. Whoever refuses is left out once."""

    def __init__(self, replicas):
        self.urls = [f"http://{replica.http}/ping" for replica in replicas]
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(4)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        while not self.stopped.wait(0.02):
            number += 1
            try:
                urllib.request.urlopen(self.urls[number % 2], timeout=10).read()
            except OSError:
                pass

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


class Facts:
    """What was checked; the first that does not hold ends the story."""

    def __init__(self):
        self.count = 0

    def holds(self, what, yes, shown=""):
        if not yes:
            sys.exit(f"observe: NOT SO: {what}\n{shown}")
        self.count += 1
        print(f"  ok: {what}", flush=True)

    def same(self, what, left, right):
        self.holds(f"{what}: {left}", left == right, f"{left} is not {right}")


def ask_slowly(replica, seconds, headers):
    request = urllib.request.Request(f"http://{replica.http}/bench/slow?ms={seconds * 1000}", headers=headers)
    try:
        urllib.request.urlopen(request, timeout=90).read()
    except OSError:
        pass


def in_flight(replica):
    return {one["request_id"]: one for one in json.loads(get(f"http://{replica.admin}/requests"))["requests"]}


def from_prometheus(stack, metric):
    """The last value of each series of the replica that has left, summed by its distinguishing label."""
    return stack.query(f'last_over_time({metric}{{pod="{LEAVES}"}}[10m])')


def dashboards(stack, facts):
    """Every panel has something to show, while a pod leaves."""
    queries = subprocess.run([ROOT / "scripts/dashboards", "--queries"], check=True, capture_output=True, text=True).stdout.splitlines()
    for query in queries:
        query = re.sub(r"\$(namespace|job|route)\b", ".*", query).replace("$__rate_interval", "10s").replace("$__range", "5m")
        if query not in MAY_BE_EMPTY:
            eventually(f"an answer to {query}", lambda query=query: stack.query(query), timeout=30)
    facts.holds(f"all {len(queries)} queries of the dashboards have an answer", len(queries) > 10)


def exit_of(replica, facts):
    facts.same("the exit code", replica.process.wait(60), 3)
    report = replica.report()
    ledger = report["ledger"]
    facts.same("the report: aborted", ledger["aborted"], 1)
    facts.holds(f"the report: drained: {ledger['drained']}", ledger["drained"] >= 1, report["ledger_sentence"])
    facts.holds(f"the report: {ledger['late']} requests came after the signal", ledger["late"] >= 20, report["ledger_sentence"])
    named = [(left.get("request_id"), left.get("trace_id"), left["waits_for"]) for left in report["stragglers"] if left["what"] == "request"]
    facts.same("the report names the request", named, [(REQUEST_ID, TRACE_ID, "handler")])
    facts.same("the advice", report["advice"]["change"], "wait_longer")
    return report


def log_of(replica, report, facts):
    log = replica.log()
    (line,) = [line for line in log if line.get("request_id") == REQUEST_ID]
    facts.same("the log: outcome and trace of the request", (line["outcome"], line["trace_id"]), ("aborted", TRACE_ID))
    (last,) = [line for line in log if "exit_code" in line]
    facts.holds(f"the log: {last['message']}", last["exit_code"] == 3 and report["ledger_sentence"] in last["message"])
    (advice,) = [line for line in log if line["message"].startswith("advice:")]
    facts.same("the log and the report advise the same", advice["delay_seconds"], report["advice"]["delay_seconds"])


def metrics_of(stack, report, facts):
    ended = {}
    for labels, value in from_prometheus(stack, "lameduck_requests_ended_total"):
        ended[labels["outcome"]] = ended.get(labels["outcome"], 0) + value
    if CONTROL:
        facts.same("without drain.scrape_wait Prometheus does not know of the request", ended["aborted"], 0)
        return
    for outcome in ["completed", "drained", "late", "aborted"]:
        facts.same(f"Prometheus and the report agree on `{outcome}`", int(ended[outcome]), report["ledger"][outcome])
    ((_, advised),) = from_prometheus(stack, "lameduck_advised_delay_seconds")
    facts.same("Prometheus and the report advise the same", advised, report["advice"]["delay_seconds"])
    # Rules are evaluated once a second.
    eventually("the recording rule advises the same", lambda: stack.query(f"lameduck:advised_delay_seconds:max1d == {advised}"))
    facts.holds("the recording rule advises the same", True)
    eventually("the rule says that the wait was not too long", lambda: stack.query("lameduck:delay_spare_seconds:min1d < 0"))
    facts.holds("the rule for a wait that is too long says that it was not", True)


def alert_of(stack, facts):
    eventually("the alert is in Slack", lambda: "LameduckRequestsLost firing" in stack.slack.text())
    facts.holds("the alert names its runbook", "docs/runbooks/LameduckRequestsLost.md" in stack.slack.text())


def trace_of(stack, report, facts):
    spans = eventually("the spans are exported", lambda: (text := stack.spans()) and "lameduck.exit_code" in text and text)
    blocks = re.split(r"\nSpan #\d+\n", spans)
    named = {name: block for block in blocks for name in re.findall(r"^ *Name *: (.*)$", block, re.MULTILINE)}
    (request,) = [block for block in blocks if f"lameduck.request_id: Str({REQUEST_ID})" in block]
    facts.holds("the request's span: trace, route, outcome", all(text in request for text in [TRACE_ID, "GET /bench/slow", "lameduck.outcome: Str(aborted)"]), request)
    facts.holds("the exit is a trace with its phases", {"drain", "lame_duck", "draining", "releasing"} <= named.keys(), str(named.keys()))
    facts.holds("it is linked to the request that was cut", TRACE_ID in named["drain"].split("Links:")[-1], named["drain"])
    facts.holds("its sentence is that of the report", report["ledger_sentence"] in named["drain"], named["drain"])


def story(stack, replicas, facts):
    leaves = replicas[0]
    load = Load(replicas)
    eventually("Prometheus has seen both replicas serve", lambda: all(
        stack.query(f'sum(rate(http_server_request_duration_seconds_count{{pod="{replica.pod}"}}[10s])) > 1') for replica in replicas))
    # One that outlives the deadline, and one that is answered in the second before it.
    for seconds, headers in [(60, {"x-request-id": REQUEST_ID, "traceparent": TRACEPARENT}), (4, {"x-request-id": "order-41"})]:
        threading.Thread(target=ask_slowly, args=(leaves, seconds, headers), daemon=True).start()
    listed = eventually("/requests lists both requests", lambda: (both := in_flight(leaves)) and "order-41" in both and both.get(REQUEST_ID))
    facts.same("/requests: trace and what it waits for", (listed["trace_id"], listed["waits_for"]), (TRACE_ID, "handler"))

    leaves.process.send_signal(signal.SIGTERM)
    dashboards(stack, facts)
    report = exit_of(leaves, facts)
    load.stop()
    log_of(leaves, report, facts)
    metrics_of(stack, report, facts)
    if not CONTROL:
        alert_of(stack, facts)
        trace_of(stack, report, facts)


def main(binary):
    facts, replicas = Facts(), []
    with tempfile.TemporaryDirectory(prefix="observe.") as folder, Stack(folder) as stack:
        if not stack.otlp:
            sys.exit("observe: the collector (rotel) is missing: tests/observe/tools installs it")
        try:
            replicas = [Replica(binary, pod, stack.folder, stack.otlp) for pod in (LEAVES, STAYS)]
            stack.scrape([(replica.admin, replica.pod) for replica in replicas])
            for replica in replicas:
                eventually(f"{replica.pod} is ready", lambda replica=replica: get(f"http://{replica.admin}/readyz"))
            story(stack, replicas, facts)
        finally:
            for replica in replicas:
                replica.kill()
    print(f"observe: {facts.count} facts, one story")


if __name__ == "__main__":
    main(sys.argv[1])

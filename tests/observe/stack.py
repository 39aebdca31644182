"""What observes a service, as real processes on this machine: Prometheus with the chart's rules, Alertmanager, a collector of
spans, and a receiver that takes what Slack would take.

    stack.py ADMIN[,NAME]...     observes services by their admin addresses until Ctrl-C; `make observe` does it for port 8081

Used by story.py. Needs prometheus and alertmanager on PATH; rotel (PyPI) for spans. tests/observe/tools installs them.
"""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TIMEOUT = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what, holds, timeout=TIMEOUT):
    """The first true value of `holds`; an error of the network is a no."""
    until = time.monotonic() + timeout
    while True:
        with contextlib.suppress(OSError, urllib.error.URLError, ValueError):
            if value := holds():
                return value
        if time.monotonic() > until:
            sys.exit(f"observe: did not happen within {timeout} s: {what}")
        time.sleep(0.1)


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def find(*names):
    """The program under one of these names: distributions rename them."""
    return next((path for name in names if (path := shutil.which(name))), None)


def find_rotel():
    tools = pathlib.Path(os.environ.get("TOOLS", pathlib.Path.home() / ".cache/lameduck/tools"))
    agents = sorted(tools.glob("rotel-*/lib/python*/site-packages/rotel/rotel-agent"))
    return find("rotel-agent", "rotel") or (str(agents[-1]) if agents else None)


class Slack:
    """Takes what Slack's incoming webhooks take."""

    def __init__(self):
        self.messages = []
        slack = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                slack.messages.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T0/B0/x"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def text(self):
        return "\n".join(json.dumps(message) for message in list(self.messages))


class Stack:
    """The processes; ends them, by their ids, with the `with` block."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = []
        self.slack = Slack()
        self.otlp = None

    def __enter__(self):
        self.alertmanager()
        self.collector()
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()

    def start(self, name, *command):
        with open(self.folder / f"{name}.log", "w", encoding="utf-8") as log:
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder))

    def write(self, name, value):
        path = self.folder / name
        path.write_text(value if isinstance(value, str) else json.dumps(value, indent=1), encoding="utf-8")
        return path

    def alertmanager(self):
        port = free_port()
        self.alertmanager_address = f"127.0.0.1:{port}"
        parts = ["{{ .Labels.alertname }} {{ .Status }}: {{ .Annotations.summary }}", "{{ .Annotations.description }}", "{{ .Annotations.runbook_url }}"]
        text = "{{ range .Alerts }}" + " ".join(parts) + "\n{{ end }}"
        slack = {"api_url": self.slack.url, "send_resolved": True, "title": "{{ .CommonLabels.job }}", "text": text}
        config = {
            "route": {"receiver": "slack", "group_by": ["job"], "group_wait": "1s", "group_interval": "1s", "repeat_interval": "1h"},
            "receivers": [{"name": "slack", "slack_configs": [slack]}],
        }
        self.start(
            "alertmanager", find("prometheus-alertmanager", "alertmanager"), f"--config.file={self.write('alertmanager.yml', config)}",
            f"--storage.path={self.folder / 'alertmanager'}", f"--web.listen-address={self.alertmanager_address}", "--cluster.listen-address=",
        )
        eventually("Alertmanager is ready", lambda: get(f"http://{self.alertmanager_address}/-/ready"))

    def scrape(self, targets):
        """Starts Prometheus. `targets`: (admin address, pod) pairs."""
        self.address = f"127.0.0.1:{free_port()}"
        jobs = [{"targets": [address], "labels": {"job": "orders", "namespace": "shop", "pod": pod}} for address, pod in targets]
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(ROOT / "helm/lameduck/files/rules.yaml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [self.alertmanager_address]}]}]},
            "scrape_configs": [{"job_name": "orders", "static_configs": jobs}],
        }
        self.start(
            "prometheus", find("prometheus"), f"--config.file={self.write('prometheus.yml', config)}",
            f"--storage.tsdb.path={self.folder / 'prometheus'}", f"--web.listen-address={self.address}", "--enable-feature=exemplar-storage",
        )
        eventually("Prometheus is ready", lambda: get(f"http://{self.address}/-/ready"))

    def collector(self):
        if rotel := find_rotel():
            grpc, self.otlp = free_port(), f"http://127.0.0.1:{free_port()}"
            self.start(
                "collector", rotel, "start", "--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed",
                "--pid-file", str(self.folder / "collector.pid"), "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}",
                "--otlp-http-endpoint", self.otlp.removeprefix("http://"),
            )
            eventually("the collector listens", lambda: socket.create_connection(("127.0.0.1", grpc), 1).close() is None)

    def spans(self):
        """What the collector has got, as it prints it."""
        return (self.folder / "collector.log").read_text(encoding="utf-8", errors="replace")

    def query(self, promql):
        """The samples of an instant query: (labels, value) pairs."""
        url = f"http://{self.address}/api/v1/query?" + urllib.parse.urlencode({"query": promql})
        try:
            answer = json.loads(get(url))
        except urllib.error.HTTPError as error:
            sys.exit(f"observe: Prometheus refuses {promql}: {error.read().decode()}")
        result = answer["data"]["result"]
        return [({}, float(result[1]))] if answer["data"]["resultType"] == "scalar" else [(one["metric"], float(one["value"][1])) for one in result]


def main(arguments):
    targets = [(address, pod or "local") for address, _, pod in (argument.partition(",") for argument in arguments)]
    with tempfile.TemporaryDirectory() as folder, Stack(folder) as stack:
        stack.scrape(targets)
        print(f"Prometheus    http://{stack.address}/alerts\nAlertmanager  http://{stack.alertmanager_address}")
        if stack.otlp:
            print(f"spans         {stack.folder}/collector.log, of a service that is started with")
            print(f"              LAMEDUCK_TRACES__PROTOCOL=http/protobuf LAMEDUCK_TRACES__ENDPOINT={stack.otlp}")
        else:
            print("spans         no collector here: tests/observe/tools installs one")
        print("Ctrl-C ends all of it.", flush=True)
        seen = 0
        try:
            while True:
                time.sleep(1)
                for message in stack.slack.messages[seen:]:
                    print("alert:", message["attachments"][0]["text"].strip(), flush=True)
                    seen += 1
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main(sys.argv[1:])

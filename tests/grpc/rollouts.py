"""Restarts three replicas one after the other under foreign gRPC clients, and counts what each client lost.

    rollouts.py [--rollouts N] [--go CLIENT] SERVICE

Exits with 1 if a call was lost, a stream came in part, a replica lost work, or the control lost nothing.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import grpc

REPLICAS = 3
PORT = 19470
ADMIN_PORT = 19480
HTTP_PORT = 19490
WAIT = 60

PING = "/lameduck.sample.v1.Sample/Ping"
SLOW = "/lameduck.bench.v1.Bench/Slow"
COUNT = "/lameduck.bench.v1.Bench/Count"
SUM = "/lameduck.bench.v1.Bench/Sum"
ECHO = "/lameduck.bench.v1.Bench/Echo"

ROUND_ROBIN = {"loadBalancingConfig": [{"round_robin": {}}]}
HEALTH = ROUND_ROBIN | {"healthCheckConfig": {"serviceName": ""}}


def number(field, value):
    """A field of a message, as protobuf has it: these clients need no generated code."""
    out = bytes([field << 3])
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


class Replica:
    """A process at one of the addresses."""

    def __init__(self, service, place, folder):
        self.place = place
        self.report = pathlib.Path(folder, f"report-{place}")
        keys = {
            "LISTEN__GRPC": f"127.0.0.1:{PORT + place}",
            "LISTEN__ADMIN": f"127.0.0.1:{ADMIN_PORT + place}",
            "LISTEN__HTTP": f"127.0.0.1:{HTTP_PORT + place}",
            "DRAIN__STRATEGY": "delay",
            "DRAIN__DELAY": "1s",
            "DRAIN__REPORT_FILE": str(self.report),
            "BENCH__ENABLED": "true",
        }
        env = {name: value for name, value in os.environ.items() if not name.startswith("LAMEDUCK_")}
        env |= {f"LAMEDUCK_{key}": value for key, value in keys.items()}
        self.log = open(pathlib.Path(folder, f"log-{place}"), "ab")
        self.process = subprocess.Popen([service], env=env, stdout=self.log, stderr=self.log)

    def wait_ready(self):
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{ADMIN_PORT + self.place}/readyz") as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            if self.process.poll() is not None:
                sys.exit(f"replica {self.place} ended with {self.process.returncode}")
            time.sleep(0.02)
        sys.exit(f"replica {self.place} was not ready")

    def leave(self, how):
        """Ends it; what it says it has lost, and how long it took."""
        began = time.monotonic()
        self.process.send_signal(how)
        code = self.process.wait(WAIT)
        took = time.monotonic() - began
        if how == signal.SIGKILL:
            return 0, took
        report = json.loads(self.report.read_text())
        if code != 0:
            print(f"replica {self.place} ended with {code}: {json.dumps(report['ledger'])}", file=sys.stderr)
        return int(code != 0), took


class Client(threading.Thread):
    """One channel over all replicas, and calls until it is told to stop."""

    def __init__(self, name, config, call):
        super().__init__(daemon=True)
        self.name, self.call = name, call
        self.calls, self.lost, self.stop = 0, [], threading.Event()
        addresses = ",".join(f"127.0.0.1:{PORT + place}" for place in range(REPLICAS))
        # Nothing but what the library does by itself: no retry policy, no waiting for ready.
        options = [
            ("grpc.service_config", json.dumps(config)),
            # Otherwise the whole list, which no server may take for a host.
            ("grpc.default_authority", "replicas"),
            ("grpc.max_reconnect_backoff_ms", 500),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self.channel = grpc.insecure_channel(f"ipv4:{addresses}", options)
        grpc.channel_ready_future(self.channel).result(WAIT)

    def run(self):
        while not self.stop.is_set():
            self.calls += 1
            try:
                self.call(self.channel)
            except grpc.RpcError as error:
                self.lost.append(f"{error.code().name}: {error.details()}")
            except AssertionError as error:
                self.lost.append(f"not whole: {error}")

    def end(self):
        self.stop.set()
        self.join(WAIT)
        self.channel.close()


def ping(channel):
    assert channel.unary_unary(PING)(b"", timeout=20) == b"\n\x04pong"


def slow(channel):
    asked = number(1, 200)
    assert channel.unary_unary(SLOW)(asked, timeout=20) == asked


def count(channel):
    got = list(channel.unary_stream(COUNT)(number(1, 50) + number(2, 5), timeout=20))
    # The first number is zero, which protobuf leaves out.
    assert got == [b""] + [number(1, at) for at in range(1, 50)], f"{len(got)} of 50 messages"


def paced(messages):
    for message in messages:
        time.sleep(0.005)
        yield message


def add(channel):
    got = channel.stream_unary(SUM)(paced([number(1, 3)] * 50), timeout=20)
    assert got == number(1, 150) + number(2, 50), got


def echo(channel):
    sent = [b"\n\x01" + bytes([65 + at]) for at in range(50)]
    got = list(channel.stream_stream(ECHO)(paced(sent), timeout=20))
    assert got == sent, f"{len(got)} of 50 messages"


def go_clients(binary, folder):
    """The client in Go: a process that calls until its standard input ends, then says what it counted."""
    if not binary:
        return None
    addresses = [f"127.0.0.1:{PORT + place}" for place in range(REPLICAS)]
    errors = open(pathlib.Path(folder, "go"), "wb")
    return subprocess.Popen([binary, *addresses], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)


def run(options, rollouts, how, folder):
    """What was counted: calls and losses by client, replicas that lost work, the longest exit."""
    replicas = [Replica(options.service, place, folder) for place in range(REPLICAS)]
    try:
        for replica in replicas:
            replica.wait_ready()
        clients = [Client(f"python {call.__name__}", ROUND_ROBIN, call) for call in (ping, ping, slow, slow, count, add, echo)]
        clients += [Client(f"python {call.__name__}, health", HEALTH, call) for call in (ping, slow, count)]
        go = go_clients(options.go, folder)
        for client in clients:
            client.start()
        time.sleep(0.5)
        failed, longest = 0, 0.0
        for _ in range(rollouts):
            for place in range(REPLICAS):
                lost, took = replicas[place].leave(how)
                failed, longest = failed + lost, max(longest, took)
                replicas[place] = Replica(options.service, place, folder)
                replicas[place].wait_ready()
                time.sleep(1)  # Time for clients to find it before the next one goes.
        for client in clients:
            client.end()
        counted = [(client.name, client.calls, client.lost) for client in clients]
        if go:
            said = json.loads(go.communicate(timeout=WAIT)[0])
            counted += [(one["name"], one["calls"], one["lost"] or []) for one in said]
        return counted, failed, longest
    finally:
        for replica in replicas:
            replica.process.kill()
            replica.process.wait()


def by_reflection(service, folder):
    """What grpcurl finds without any file."""
    if not shutil.which("grpcurl"):
        print("left out: grpcurl, https://github.com/fullstorydev/grpcurl")
        return []
    replica = Replica(service, 0, folder)
    try:
        replica.wait_ready()
        address = f"127.0.0.1:{PORT}"
        grpcurl = lambda *more: subprocess.run(["grpcurl", "-plaintext", *more], capture_output=True, text=True)
        listed = grpcurl(address, "list")
        described = grpcurl(address, "describe", "lameduck.sample.v1.Sample.GetUser")
        data = '{"id": "7", "name": "Ann"}'
        called = grpcurl("-d", data, address, "lameduck.sample.v1.Sample/GetUser")
        expected = [
            (listed, "lameduck.sample.v1.Sample"),
            (listed, "grpc.health.v1.Health"),
            (described, "rpc GetUser"),
            (called, "Hello Ann (ID: 7)"),
        ]
        return [f"grpcurl: no {text!r} in {done.stdout}{done.stderr}" for done, text in expected if text not in done.stdout]
    finally:
        replica.process.kill()
        replica.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rollouts", type=int, default=3)
    parser.add_argument("--go")
    parser.add_argument("service")
    options = parser.parse_args()
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        faults += by_reflection(options.service, folder)
        counted, failed, longest = run(options, options.rollouts, signal.SIGTERM, folder)
        for name, calls, lost in counted:
            print(f"{name}: {len(lost)} of {calls} calls lost")
            faults += [f"{name}: {why}" for why in lost[:5]]
        if failed:
            faults.append(f"{failed} replicas lost work")
        restarts = options.rollouts * REPLICAS
        print(f"{restarts} restarts, the longest exit took {longest:.2f} s, 1 s of which is drain.delay")
        counted, _, _ = run(options, 1, signal.SIGKILL, folder)
        lost = sum(len(lost) for _, _, lost in counted)
        print(f"control (SIGKILL): {lost} of {sum(calls for _, calls, _ in counted)} calls lost")
        if lost == 0:
            faults.append("the control lost nothing: this load proves nothing")
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(faults))


main()

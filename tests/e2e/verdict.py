"""What the JSON document of a drill must say. Each check prints the sentence that held, or says what did not and fails.

verdict.py CHECK DOCUMENT [ARGUMENT...]

nothing-lost                 nothing was lost; or only what the service itself counted as raced, and so many are likely
ledgers-agree                every pod's ledger agrees with its clients, and there is one for every pod that left
lost                         something was lost: a control
lost-on-kept-alive           the same, and on connections that had carried answers before
lost-only VERDICT...         whatever was lost ended as one of these
as-reported [VERDICT...]     something was lost, and but for these verdicts it is to the number what the pods' own reports call lost
left COUNT                   so many pods left, each with exit code 0 or, if it lost work, 3
wait-end NAME...             every pod that left ended its wait so, and the report says it
took-at-most SECONDS         no pod took longer
faster OTHER TIMES           the median pod left so many times faster than the median pod of the document OTHER
shorter OTHER TIMES          the same for the whole: from the first deletion to the last exit
sums                         the sums of times, for people
"""

import json
import math
import statistics
import sys

# Rarer than this is not chance but a wrong expectation. The same as in tests/rollouts.rs.
CHANCE_LEAST = 0.001
# What a ledger calls a request that its client did not get a good answer to.
LOST_IN_LEDGER = ("aborted", "raced", "unserved", "rejected", "timed_out", "failed")


def require(holds, sentence):
    if not holds:
        sys.exit(sentence)


def subject(document):
    """The run that is judged: the first one; controls follow it. With what the names of verdicts mean."""
    return document["runs"][0] | {"meanings": document["verdicts"]}


def left(run):
    """The pods that left, or whose container did."""
    return [pod for pod in run["replicas"] if pod.get("exited_us") is not None]


def name(pod):
    return pod.get("pod") or pod.get("id")


def ledger(pod):
    return (pod.get("account") or {}).get("ledger") or {}


def losses(run):
    """Verdicts that count as lost, with their numbers."""
    return {kind: count for kind, count in run["verdicts"].items() if count and run["meanings"][kind]["lost"]}


def words(counts):
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"


def seconds(pod):
    return pod["took_us"] / 1e6


def took(run):
    found = sorted(seconds(pod) for pod in left(run) if pod.get("took_us") is not None)
    require(found, "no pod of this run left")
    return found


def spread(values):
    return f"{values[0]:.2f} / {statistics.median(values):.2f} / {values[-1]:.2f} s"


def whole(run):
    """From the first deletion to the last exit, in seconds."""
    pods = left(run)
    began = min(pod["exited_us"] - pod["took_us"] for pod in pods)
    return (max(pod["exited_us"] for pod in pods) - began) / 1e6


def at_least(count, mean):
    """The probability of at least `count` events when `mean` are expected (Poisson)."""
    term, below = math.exp(-mean), 0.0
    for k in range(count):
        below += term
        term *= mean / (k + 1)
    return 1.0 - below


# --- checks

def nothing_lost(run):
    lost, raced, expected = run["lost"], run["admitted_as_raced"], run["raced_expected"]
    require(lost == raced, f"{lost} of {run['requests']} lost ({words(losses(run))}), {raced} of them by a race that the service knows of")
    chance = at_least(raced, expected)
    require(chance >= CHANCE_LEAST, f"{raced} raced where {expected:.4f} were expected: a chance of {chance:.1g}")
    crossed = f", {raced} raced ({expected:.4f} expected)" if raced else ""
    return f"{lost} lost of {run['requests']}{crossed}, over {len(left(run))} exits"


def ledgers_agree(run):
    # Nobody outside knows which pod answered, so the sums are compared, and a difference is the run's.
    sums_differ = [text for text in run["broken"] if "ledger" in text]
    require(not sums_differ, "; ".join(sums_differ))
    without, agree = [], 0
    for pod in run["replicas"]:
        account = pod.get("account") or {}
        require(not account.get("differences"), f"{name(pod)}: {'; '.join(account.get('differences') or [])}")
        agree += bool(account.get("ledger"))
        if pod.get("exited_us") is not None and not account.get("ledger"):
            without.append(str(name(pod)))
    require(not without, f"no ledger of {', '.join(without)}, which left")
    require(agree, "there is no ledger at all")
    return f"{agree} ledgers agree with the clients"


def lost(run):
    require(run["lost"] > 0, f"nothing was lost of {run['requests']} requests: this control proves nothing")
    return f"control: {run['lost']} of {run['requests']} lost ({words(losses(run))})"


def lost_on_kept_alive(run):
    kept = run["lost_on_kept_alive"]
    require(kept > 0, f"nothing was lost on kept-alive connections ({words(losses(run))} lost): this load proves nothing")
    return f"{run['lost']} of {run['requests']} lost ({words(losses(run))}), {kept} on kept-alive connections, over {len(left(run))} exits"


def lost_only(run, *kinds):
    others = {kind: count for kind, count in losses(run).items() if kind not in kinds}
    require(not others, f"lost otherwise than as {' or '.join(kinds)}: {words(others)}")
    return f"{run['lost']} of {run['requests']} lost ({words(losses(run))})"


def as_reported(run, *besides):
    reported = {kind: sum(ledger(pod).get(kind, 0) for pod in left(run)) for kind in LOST_IN_LEDGER}
    total = sum(reported.values())
    unknown = sum(losses(run).get(kind, 0) for kind in besides)
    lost = run["lost"] - unknown
    require(lost > 0, "nothing was lost, so nothing was to be reported: the load is wrong for this case")
    require(lost == total, f"clients lost {run['lost']} ({words(losses(run))}), the reports say {total} ({words(reported)})")
    beside = f"; beside them {unknown} {' or '.join(besides)}, which never reached a pod" if unknown else ""
    return f"{lost} of {run['requests']} lost ({words(losses(run))}), and the reports say the same: {words({k: n for k, n in reported.items() if n})}{beside}"


def left_as(run, count):
    pods = left(run)
    require(len(pods) == int(count), f"{len(pods)} pods left, expected {count}")
    for pod in pods:
        code = (pod.get("exit") or {}).get("code")
        expected = 3 if any(ledger(pod).get(kind) for kind in ("aborted", "raced", "unserved")) else 0
        require(code == expected, f"{name(pod)} ended with exit code {code}, expected {expected}")
    return f"{count} left, each with the exit code of what it lost"


def wait_end(run, *names):
    for pod in left(run):
        require(pod.get("wait_end") in names, f"{name(pod)} ended its wait by {pod.get('wait_end')}, expected {' or '.join(names)}")
    return f"every wait ended by {' or '.join(names)}"


def took_at_most(run, most):
    times = took(run)
    require(times[-1] <= float(most), f"deletion to exit took {spread(times)}, at most {most} s expected")
    return f"deletion to exit {spread(times)}"


def faster(run, other, times):
    ours, theirs = took(run), took(subject(read(other)))
    ratio = statistics.median(theirs) / statistics.median(ours)
    require(ratio >= float(times), f"{spread(ours)} beside {spread(theirs)}: {ratio:.1f} times faster, expected {times}")
    return f"deletion to exit {spread(ours)} beside {spread(theirs)}: {ratio:.1f} times faster"


def shorter(run, other, times):
    ours, theirs = whole(run), whole(subject(read(other)))
    require(theirs / ours >= float(times), f"{ours:.1f} s beside {theirs:.1f} s: {theirs / ours:.1f} times shorter, expected {times}")
    return f"{sums(run)}, beside {theirs:.1f} s: {theirs / ours:.1f} times shorter"


def sums(run):
    return f"{whole(run):.1f} s from the first deletion to the last exit; the exits alone {sum(took(run)):.1f} s"


CHECKS = {
    "nothing-lost": nothing_lost,
    "ledgers-agree": ledgers_agree,
    "lost": lost,
    "lost-on-kept-alive": lost_on_kept_alive,
    "lost-only": lost_only,
    "as-reported": as_reported,
    "left": left_as,
    "wait-end": wait_end,
    "took-at-most": took_at_most,
    "faster": faster,
    "shorter": shorter,
    "sums": sums,
}


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main(check=None, path=None, *arguments):
    if check not in CHECKS or path is None:
        sys.exit(__doc__)
    print(CHECKS[check](subject(read(path)), *arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])

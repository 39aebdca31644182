"""The results of a suite: one line of JSON for each run of the drill.

results.py add RESULTS CASE RUN DOCUMENT        adds the lines of one document
results.py total RESULTS LEAST                  exit 0 if the runs sent at least so many requests together
results.py table RESULTS                        a Markdown table of them
"""

import collections
import json
import statistics
import sys

sys.dont_write_bytecode = True  # beside the sources is no place for it

import verdict  # noqa: E402


def line(case, run, told):
    pods = verdict.left(told)
    times = sorted(verdict.seconds(pod) for pod in pods if pod.get("took_us") is not None)
    ends = collections.Counter(str(pod["wait_end"]) for pod in pods if pod.get("wait_end"))
    return {
        "case": case,
        "run": run,
        "role": told["role"],
        "restarts": told["restarts"],
        "exits": len(pods),
        "requests": told["requests"],
        "lost": told["lost"],
        "lost_on_kept_alive": told["lost_on_kept_alive"],
        "raced": told["admitted_as_raced"],
        "raced_expected": told["raced_expected"],
        "took_seconds": [round(value, 2) for value in (times[0], statistics.median(times), times[-1])] if times else [],
        "wait_end": dict(ends),
        "verdicts": verdict.losses(told),
    }


def add(path, case, run, document):
    told = verdict.read(document)["runs"]
    with open(path, "a", encoding="utf-8") as file:
        for at, one in enumerate(told):
            label = run if at == 0 else f"{run}, {one['role']} {one['name']}"
            file.write(json.dumps(line(case, label, one)) + "\n")


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(text) for text in file]


def total(path, least):
    results = read(path)
    requests = sum(one["requests"] for one in results)
    sentence = f"{requests:,} requests in {len(results)} runs, {sum(one['exits'] for one in results)} exits"
    if requests < int(least):
        sys.exit(f"  FAILED: {sentence}; at least {int(least):,} were to be sent")
    print(f"  ok: {sentence}")


def table(path):
    print("| case | run | exits | requests | lost | raced: counted / expected | deletion to exit, s: least / median / most | `wait_end` |")
    print("|---|---|---|---|---|---|---|---|")
    for one in read(path):
        lost = f"{one['lost']} ({verdict.words(one['verdicts'])})" if one["lost"] else "**0**"
        raced = f"{one['raced']} / {one['raced_expected']:.4f}" if one["raced_expected"] or one["raced"] else ""
        took = " / ".join(f"{value:.1f}" for value in one["took_seconds"])
        ends = ", ".join(f"{name} {count}" for name, count in sorted(one["wait_end"].items()))
        cells = [one["case"], one["run"], one["exits"], f"{one['requests']:,}", lost, raced, took, ends]
        print("| " + " | ".join(str(cell) for cell in cells) + " |")


COMMANDS = {"add": (add, 4), "total": (total, 2), "table": (table, 1)}

if __name__ == "__main__":
    command, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if command not in COMMANDS or len(arguments) != COMMANDS[command][1]:
        sys.exit(__doc__)
    COMMANDS[command][0](*arguments)

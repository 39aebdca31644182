"""What one pod's end looks like from four sides: the watch of pods, its log, its Event, its termination message.

story.py ended PODS.TXT POD                 exit 0 once the watch has heard how the container ended
story.py message PODS.TXT POD               its termination message
story.py field PODS.TXT POD KEY             one value of it, as text
story.py seconds PODS.TXT POD               from the order to delete to the container's end
story.py same PODS.TXT POD LOG EVENT-NOTE   exit 0 if all tell the same; else says who does not
"""

import json
import sys


def heard(path, pod):
    """(time, deletion timestamp, rest) of each line about this pod."""
    for line in open(path, encoding="utf-8"):
        # The message comes last and may hold anything.
        at, name, *rest = line.rstrip("\n").split("|", 4)
        if name == pod:
            yield float(at), *(rest + ["", "", ""])[:3]


def end(path, pod):
    for at, _, code, message in heard(path, pod):
        if code not in ("", "<no value>"):
            return at, code, message
    return None


def message(path, pod):
    found = end(path, pod)
    if not found or not found[2]:
        sys.exit(f"{pod} left no termination message")
    return found[2]


def seconds(path, pod):
    """Both ends as the watch heard them: the deletion timestamp itself has whole seconds only."""
    told = [at for at, deleted, _, _ in heard(path, pod) if deleted not in ("", "<no value>")]
    return end(path, pod)[0] - told[0]


def same(path, pod, log, note):
    document = json.loads(message(path, pod))
    ledger = document["ledger_sentence"]
    last = ""
    for line in open(log, encoding="utf-8"):
        if ledger in line:
            last = line
    problems = []
    if not last:
        problems.append(f"the log of {pod} does not say: {ledger}")
    if ledger not in note:
        problems.append(f"the Event says {note!r}, the termination message {ledger!r}")
    if document.get("phase") != "exited":
        problems.append(f"the termination message is of the phase {document.get('phase')}")
    if str(document.get("exit_code", 0)) != end(path, pod)[1]:
        problems.append(f"the report says exit code {document.get('exit_code', 0)}, the kubelet {end(path, pod)[1]}")
    sys.exit("\n".join(problems) or 0)


def main(command, path, pod, *rest):
    if command == "ended":
        sys.exit(0 if end(path, pod) else 1)
    if command == "message":
        print(message(path, pod))
    elif command == "field":
        print(json.loads(message(path, pod)).get(rest[0], ""))
    elif command == "seconds":
        print(f"{seconds(path, pod):.1f}")
    elif command == "same":
        same(path, pod, *rest)
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])

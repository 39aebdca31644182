# What the cases share. Sourced.
# shellcheck shell=bash disable=SC2154 # work and namespace are the case's

IMAGE=${IMAGE:-lameduck:dev}
RELEASE=e2e
# The chart's fullname for this release.
NAME=e2e

die() {
    echo "e2e: $*" >&2
    exit 1
}
ok() { echo "  ok: $*"; }
say() { echo "  $*"; }
fail() {
    echo "  FAILED: $*" >&2
    exit 1
}
need() { command -v "$1" >/dev/null 2>&1 || die "$1 is missing: ${2:-install it, or put it on PATH}"; }

# Runs a command where the cluster's addresses can be reached.
inside() {
    # shellcheck disable=SC2086 # a command with its arguments
    ${E2E_EXEC:-} "$@"
}
k() { kubectl -n "$namespace" "$@"; }

# Installs or upgrades, and waits until all is ready: install ARGUMENT...
install() {
    # shellcheck disable=SC2086 # arguments of helm
    helm -n "$namespace" upgrade --install "$RELEASE" helm/lameduck --wait --timeout 120s \
        --set "image.repository=${IMAGE%:*}" --set "image.tag=${IMAGE##*:}" "$@" ${E2E_VALUES:-} >"$work/helm.log" 2>&1 ||
        { cat "$work/helm.log" >&2; fail "helm upgrade --install $*"; }
}

# Waits for a condition: until_true SECONDS WHAT COMMAND...
until_true() {
    local seconds=$1 what=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || fail "not within $seconds s: $what"
        sleep 0.1
    done
}

# A ready pod is not yet one that every node knows: the first answers prove little, twenty in a row do.
service_answers() {
    local url
    url=$(service_url)
    until_true 30 "$url answers" all_answer "$url"
}
all_answer() {
    local try
    for try in $(seq 20); do inside curl -sf --max-time 1 "$1" || return "$try"; done
}
service_url() { echo "http://$(k get service "$NAME" -o jsonpath='{.spec.clusterIP}')/ping"; }

pods() { k get pods -l "app.kubernetes.io/instance=$RELEASE,app.kubernetes.io/name=lameduck" -o jsonpath='{.items[*].metadata.name}'; }

# Writes down what happens to the pods from now on, each line with the time at which it was heard.
watch_pods() {
    # No tabs: kubectl would widen them into columns.
    local template='{{.metadata.name}}|{{.metadata.deletionTimestamp}}|'
    template+='{{range .status.containerStatuses}}{{with .state.terminated}}{{.exitCode}}|{{.message}}{{end}}{{end}}{{"\n"}}'
    k get pods -w -l app.kubernetes.io/name=lameduck -o go-template="$template" |
        while IFS= read -r line; do printf '%s|%s\n' "$(date +%s.%N)" "$line"; done >"$work/pods.txt" &
    started+=($!)
    until_true 10 "the watch of the pods" test -s "$work/pods.txt"
}

# Follows the logs of pods to their end: follow POD...
follow() {
    local pod
    for pod in "$@"; do
        k logs -f "$pod" >"$work/$pod.log" 2>&1 &
        started+=($!)
    done
    for pod in "$@"; do until_true 10 "the log of $pod" test -s "$work/$pod.log"; done
}

# exited POD: true once the watch has heard how its container ended.
exited() { python3 tests/e2e/story.py ended "$work/pods.txt" "$1"; }

# For a case that failed: what a person would look at first.
show_the_end() {
    k get pods -o wide 2>/dev/null | sed 's/^/  | /' >&2 || true
    k get events --sort-by=.lastTimestamp 2>/dev/null | tail -n 15 | sed 's/^/  | /' >&2 || true
    local log
    for log in "$work"/*.log; do
        if [[ -f $log ]]; then tail -n 8 "$log" | cut -c 1-300 | sed "s|^|  \| $(basename "$log"): |" >&2; fi
    done
}

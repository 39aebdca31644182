# What the cases of the suite `drill` share. Sourced by them.
# shellcheck shell=bash disable=SC2154 # work and namespace are the case's
#
# Settings, besides those of `run`:
#   DRILL         the program lameduck-drill; default: from PATH, else the newest in the target folder
#   DRILL_IMAGE   its image, for load pods and ephemeral containers       lameduck-drill:dev
#   PEER_IMAGE    image of the foreign server                             lameduck-axum-peer:dev
#   E2E_SMALL     not empty: fewer rollouts
#   E2E_RESULTS   where the lines of results.py go

DRILL_IMAGE=${DRILL_IMAGE:-lameduck-drill:dev}
PEER_IMAGE=${PEER_IMAGE:-lameduck-axum-peer:dev}
# The default mix but for slow, streamed and uploaded requests: nothing that takes 100 ms.
# shellcheck disable=SC2034 # of the cases
QUICK=(--only --clients 'hot=40@20/s,warm=60@2/s,cold=60@0.2/s,connect=20@5/s,h2c=4@50/s')

find_drill() {
    local target=${CARGO_TARGET_DIR:-target} candidate newest=
    for candidate in "${DRILL:-}" "$(command -v lameduck-drill || true)"; do
        if [[ -x $candidate ]]; then realpath "$candidate" && return; fi
    done
    for candidate in "$target"/{release,debug,*/release}/lameduck-drill; do
        if [[ -x $candidate && $candidate -nt $newest ]]; then newest=$candidate; fi
    done
    [[ -n $newest ]] || die "lameduck-drill is missing: cargo build --release -p lameduck-drill, or set DRILL"
    realpath "$newest"
}
DRILL=$(find_drill)
CONTEXT=$(kubectl config current-context)

# some MANY FEW: how often, by E2E_SMALL.
some() { if [[ -n ${E2E_SMALL:-} ]]; then echo "$2"; else echo "$1"; fi; }

# Installs or upgrades with the bench routes that the full mix of clients needs, and waits until exactly the wanted pods are there,
# and new connections reach one: serve PODS ARGUMENT...
serve() {
    local count=$1
    shift
    install --set "replicaCount=$count" --set config.bench.enabled=true "$@"
    settled "$count"
    service_connects
}

# Whoever left before a drill begins must not be in its numbers.
settled() { until_true 90 "$1 pods, and none that leaves" pods_number "$1"; }
pods_number() { [[ $(pods | wc -w) == "$1" ]]; }

# A ready pod is not yet one that every node knows. Connections only: a request would stand in the pods' ledgers, which
# must agree with what the drill's clients sent.
service_connects() { until_true 30 "the Service accepts connections" all_connect; }
all_connect() {
    local try address
    address=$(k get service "$NAME" -o jsonpath='{.spec.clusterIP}')
    for try in $(seq 20); do
        inside timeout 1 bash -c "exec 3<>/dev/tcp/$address/80" || return "$try"
    done
}

# One run of the drill; its document is $work/RUN.json: drill RUN WORKLOAD ARGUMENT...
# Fails if the run proves nothing. What was lost is for `judge` to say.
drill() { drill_by "" "$@"; }

# The same by a command that runs another one elsewhere, for a load from there: drill_by COMMAND RUN WORKLOAD ARGUMENT...
drill_by() {
    local by=$1 run=$2 status=0
    shift 2
    # Options first: what follows `--` belongs to the action.
    # shellcheck disable=SC2086 # a command with its arguments
    $by "$DRILL" cluster --context "$CONTEXT" --namespace "$namespace" --image "$DRILL_IMAGE" --bench-routes --progress none \
        --json "$work/$run.json" "$@" >"$work/$run.log" 2>&1 || status=$?
    sed 's/^/      /' "$work/$run.log"
    case $status in
    0 | 1) ;;
    2) fail "$run: the drill does not know what it was asked for" ;;
    *) fail "$run proves nothing (exit code $status)" ;;
    esac
    python3 tests/e2e/results.py add "$E2E_RESULTS" "$(basename "$case_file" .sh)" "$run" "$work/$run.json"
    if python3 tests/e2e/verdict.py lost "$work/$run.json" >/dev/null 2>&1; then forget; fi
}

# A request that was sent to a pod just gone leaves a half-open entry in the nodes' connection tracking for two minutes. A later
# connection with the same source port is sent to that dead pod, and would be counted against the next run.
forget() {
    if [[ -n ${E2E_FAULT:-} ]]; then
        $E2E_FAULT forget
    else
        say "E2E_FAULT is not set, so nothing forgets the half-open connections: the next run may lose a few more"
    fi
}

# judge RUN CHECK ARGUMENT...: see verdict.py.
judge() {
    local said
    said=$(python3 tests/e2e/verdict.py "$2" "$work/$1.json" "${@:3}" 2>&1) || fail "$1, $2: $said"
    ok "$1: $said"
}

# What nearly every case must show.
nothing_lost() {
    judge "$1" nothing-lost
    judge "$1" ledgers-agree
}

# --- for what happens while a drill looks on: `drill … --action command -- "${meanwhile[@]}" FUNCTION`
# shellcheck disable=SC2034 # of the cases
meanwhile=(bash -euo pipefail -c)
# The functions and settings of this case become those of that process.
share() {
    # shellcheck disable=SC2046 # names
    export -f $(declare -F | cut -d ' ' -f 3)
    export namespace work NAME RELEASE DRILL_IMAGE E2E_EXEC E2E_OUTSIDE E2E_FAULT
}

need_faults() { [[ -n ${E2E_FAULT:-} ]] || die "this case needs E2E_FAULT, a command that makes faults: see tests/e2e/run"; }
fault() { $E2E_FAULT "$@"; }

first_pod() { pods | cut -d ' ' -f 1; }
address_of() { k get pod "$1" -o jsonpath='{.status.podIP}'; }
node_of() { k get pod "$1" -o jsonpath='{.spec.nodeName}'; }

# What a process says of itself, without the API server: drain_says ADDRESS EXPRESSION-OF-d
drain_says() {
    inside curl -sf --max-time 1 "http://$1:8081/drain" | python3 -c "import json, sys; d = json.load(sys.stdin); sys.exit(not ($2))"
}
leaving() { drain_says "$1" "d['phase'] not in ('starting', 'ready')"; }
serving() { drain_says "$1" "d['phase'] == 'ready'"; }
gone() { ! inside curl -s -o /dev/null --max-time 1 "http://$1:8081/drain"; }
api_answers() { kubectl get --raw /readyz --request-timeout 1s; }
api_is_away() { ! api_answers; }

# After an outage some controllers come back late: garbage collection not for minutes.
api_back() {
    fault start apiserver
    until_true 60 "the API server is back" api_answers
    fault restart controller-manager
}

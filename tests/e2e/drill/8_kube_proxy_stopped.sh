# shellcheck shell=bash disable=SC2154
# kube-proxy of one node stands still for 5 s during a rollout: its node goes on sending to pods that leave, and they wait for it.
. tests/e2e/drill.sh
need_faults

roll_without_kube_proxy() {
    fault stop kube-proxy "$node"
    k rollout restart "deployment/$NAME"
    # The length of the fault, not a wait for anything.
    sleep 5
    fault start kube-proxy "$node"
    k rollout status "deployment/$NAME" --timeout 120s
}

serve 3
node=$(node_of "$(first_pod)")
export node
undo+=("$E2E_FAULT start kube-proxy $node")
share
drill kube-proxy "deployment/$NAME" --action command --exclusive -- "${meanwhile[@]}" roll_without_kube_proxy
# Whoever came to the end of its longest wait says so, and what was still sent to it found nobody.
judge kube-proxy lost-only refused connect_timed_out
judge kube-proxy ledgers-agree
judge kube-proxy left 3

# shellcheck shell=bash disable=SC2154
# The container runtime of a node crashes during a rollout and comes back: nothing is lost.
. tests/e2e/drill.sh
need_faults

roll_and_restart_containerd() {
    k rollout restart "deployment/$NAME"
    until_true 20 "a pod leaves" somebody_leaves
    fault restart containerd "$node"
    k rollout status "deployment/$NAME" --timeout 120s
}
somebody_leaves() { k get pods -o jsonpath='{.items[*].metadata.deletionTimestamp}' | grep .; }

serve 3
node=$(node_of "$(first_pod)")
export node
undo+=("$E2E_FAULT start containerd $node")
share
drill containerd "deployment/$NAME" --action command --exclusive -- "${meanwhile[@]}" roll_and_restart_containerd
nothing_lost containerd
judge containerd left 3

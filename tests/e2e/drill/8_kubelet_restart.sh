# shellcheck shell=bash disable=SC2154
# The kubelet is restarted while a pod leaves, and asks for SIGTERM again: it is counted, changes nothing, and nothing is lost.
. tests/e2e/drill.sh
need_faults

# Requests of 12 s keep the pod there until the kubelet is back.
delete_then_restart_kubelet() {
    local pod address node
    pod=$(first_pod) address=$(address_of "$pod") node=$(node_of "$pod")
    k delete pod "$pod" --wait=false
    until_true 10 "$pod leaves" leaving "$address"
    # A containerd that goes on running remembers that it has sent the signal, and sends no second one.
    fault restart containerd "$node"
    fault restart kubelet "$node"
    # The log comes by way of the kubelet: once it answers, to the end.
    until_true 20 "the kubelet is back" k logs "$pod" --tail 1
    k logs -f "$pod" >"$work/leaving.txt" || true
    until_true 40 "$pod has left" gone "$address"
}

serve 3
share
drill kubelet "deployment/$NAME" --action command --timeout 20s --slow-path '/bench/slow?ms=12000' --exclusive \
    -- "${meanwhile[@]}" delete_then_restart_kubelet
nothing_lost kubelet
judge kubelet left 1
again=$(grep -c 'already leaving: this signal changes nothing' "$work/leaving.txt") || fail "the log tells of no second SIGTERM"
ok "the log tells of $again more SIGTERM, which changed nothing"

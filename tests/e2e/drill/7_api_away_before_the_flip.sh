# shellcheck shell=bash disable=SC2154
# SIGTERM comes when the API server is away: nobody can be told. The pod leaves by its delay and says so; what kube-proxy still sent
# is counted, and nothing else is lost.
. tests/e2e/drill.sh
need_faults

crash_then_signal() {
    local pod address
    pod=$(first_pod)
    address=$(address_of "$pod")
    # Long enough for what follows; its user is the pod's.
    kubectl -n "$namespace" debug "$pod" --image "$DRILL_IMAGE" --image-pull-policy IfNotPresent --container signal \
        --target lameduck --profile restricted --arguments-only -- signal --after 8s
    until_true 20 "the signal is under way" signal_waits "$pod"
    fault stop apiserver
    serving "$address" || fail "$pod was told before the API server was away: this proves nothing"
    api_is_away || fail "the API server still answers"
    until_true 20 "$pod leaves" leaving "$address"
    # The kubelet starts the container again without asking anybody.
    until_true 40 "its container serves again" serving "$address"
    api_back
    # The kubelet has news for it, and takes its time.
    until_true 60 "the API server knows that the container was started again" started_again "$pod"
}
started_again() { [[ $(k get pod "$1" -o jsonpath='{.status.containerStatuses[?(@.name=="lameduck")].restartCount}') == 1 ]]; }
signal_waits() { k get pod "$1" -o jsonpath='{.status.ephemeralContainerStatuses[?(@.name=="signal")].state.running.startedAt}' | grep .; }

serve 3
undo+=("$E2E_FAULT start apiserver")
share
drill before-the-flip "deployment/$NAME" --action command --exclusive -- "${meanwhile[@]}" crash_then_signal
judge before-the-flip left 1
judge before-the-flip wait-end no_answer
judge before-the-flip lost-only refused connect_timed_out reset closed
judge before-the-flip ledgers-agree

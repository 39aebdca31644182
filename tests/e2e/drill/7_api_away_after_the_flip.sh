# shellcheck shell=bash disable=SC2154
# The API server crashes once the endpoint is seen to be gone: the pod leaves as if nothing had happened, and nothing is lost.
. tests/e2e/drill.sh
need_faults

delete_then_crash() {
    local pod address
    pod=$(first_pod)
    address=$(address_of "$pod")
    k delete pod "$pod" --wait=false
    until_true 10 "$pod has seen its endpoint go" drain_says "$address" "d['deregistered_after_ms'] is not None"
    fault stop apiserver
    drain_says "$address" "d['phase'] == 'lame_duck'" || fail "$pod was out of its wait before the API server was away: this proves nothing"
    api_is_away || fail "the API server still answers"
    until_true 40 "$pod has left" gone "$address"
    api_back
    until_true 60 "the API server knows that $pod is gone" bash -c "! kubectl -n $namespace get pod $pod"
}

# The wait after the flip is long enough for the API server to be stopped in it.
serve 3 --set drain.floor=10s,drain.delay_max=20s,drain.grace_period=60s
undo+=("$E2E_FAULT start apiserver")
share
drill after-the-flip "deployment/$NAME" --action command --exclusive -- "${meanwhile[@]}" delete_then_crash
nothing_lost after-the-flip
judge after-the-flip left 1
judge after-the-flip wait-end observed

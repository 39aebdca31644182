# shellcheck shell=bash disable=SC2154
# A second delete with less grace moves the deadline: the pod leaves by it, and says what that cost.
. tests/e2e/drill.sh

# Requests of 20 s: with the first grace, of 30 s, the pod could have waited for them.
delete_twice() {
    local pod address
    pod=$(first_pod)
    address=$(address_of "$pod")
    follow "$pod"
    k delete pod "$pod" --wait=false
    until_true 20 "$pod leaves" leaving "$address"
    drain_says "$address" "d['deadline_in_ms'] > 20000" || fail "the first deadline is not that of 30 s of grace"
    k delete pod "$pod" --grace-period 4 --wait=false
    # From the log: the pod has few seconds left, and may be gone before /drain is read again.
    until_true 30 "$pod has seen the shorter grace" grep -Eq '"grace_seconds": ?4\b' "$work/$pod.log"
    until_true 30 "$pod has left" gone "$address"
}

serve 3
share
drill second-delete "deployment/$NAME" --action command --timeout 25s --slow-path '/bench/slow?ms=20000' --exclusive \
    -- "${meanwhile[@]}" delete_twice
judge second-delete as-reported
judge second-delete ledgers-agree
judge second-delete left 1
judge second-delete took-at-most 8

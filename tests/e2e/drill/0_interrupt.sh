# shellcheck shell=bash disable=SC2154
# Ctrl-C in the middle of a node drain: what was measured is printed, and nothing is left: no Job, no cordon.
. tests/e2e/drill.sh

serve 3
node=$(node_of "$(first_pod)")
undo+=("kubectl uncordon $node")
"$DRILL" cluster "deployment/$NAME" --context "$CONTEXT" --namespace "$namespace" --image "$DRILL_IMAGE" --progress plain \
    --action node-drain --node "$node" >"$work/interrupted.log" 2>&1 &
drill=$!
started+=("$drill")
cordoned() { [[ $(kubectl get node "$node" -o jsonpath='{.spec.unschedulable}') == true ]]; }
until_true 60 "$node is cordoned" cordoned
[[ -n $(k get jobs -o name) ]] || fail "there is no Job of load to be cleaned up: this proves nothing"
kill -INT "$drill"
status=0
wait "$drill" || status=$?
[[ $status == 3 ]] || { cat "$work/interrupted.log" >&2; fail "it ended with $status, expected 3"; }
grep -q 'INVALID: .*interrupted before its end' "$work/interrupted.log" || fail "it does not say that it was interrupted"
grep -Eq '^node-drain +[1-9]' "$work/interrupted.log" || fail "what was measured is not printed"
! cordoned || fail "$node is still cordoned"
until_true 30 "the Job is gone" bash -c "[[ -z \$(kubectl -n $namespace get jobs -o name) ]]"
ok "after Ctrl-C: $(grep '^INVALID' "$work/interrupted.log"); no Job, no cordon"

# shellcheck shell=bash disable=SC2154
# With the Role that it prints, and nothing more, the drill does its work; without, it says what is missing and touches nothing.
. tests/e2e/drill.sh

serve 3
k create serviceaccount driller >/dev/null
as_driller="$work/driller.kubeconfig"
kubectl config view --minify --raw >"$as_driller"
kubectl --kubeconfig "$as_driller" config set-credentials driller --token "$(k create token driller)" >/dev/null
kubectl --kubeconfig "$as_driller" config set-context driller --cluster "$(kubectl config view --minify -o jsonpath='{.contexts[0].context.cluster}')" \
    --user driller >/dev/null

may() {
    "$DRILL" cluster "deployment/$NAME" --kubeconfig "$as_driller" --context driller --namespace "$namespace" --image "$DRILL_IMAGE" \
        --progress none "$@" >"$work/driller.log" 2>&1
}

before=$(pods)
status=0
may || status=$?
[[ $status == 2 ]] || fail "without a Role the drill ended with $status"
grep -q 'create jobs' "$work/driller.log" || fail "what is missing is not named: $(cat "$work/driller.log")"
[[ $(pods) == "$before" ]] || fail "it touched something all the same"
ok "without a Role: $(tail -n 1 "$work/driller.log" | cut -c 1-150)…"

may --print-role || fail "--print-role"
k apply -f "$work/driller.log" >/dev/null || fail "the Role is refused"
k create rolebinding driller --role lameduck-drill --serviceaccount "$namespace:driller" >/dev/null
may || { cat "$work/driller.log" >&2; fail "with its own Role the drill ended with $?"; }
ok "with it: $(grep '^held' "$work/driller.log")"

status=0
"$DRILL" cluster "deployment/$NAME" --kubeconfig "$as_driller" --namespace "$namespace" >"$work/driller.log" 2>&1 || status=$?
[[ $status == 2 ]] || fail "it took a context that nobody named"
grep -q -- '--context is missing' "$work/driller.log" || fail "it does not ask for the context"
ok "without --context it touches nothing: the current one is never guessed"

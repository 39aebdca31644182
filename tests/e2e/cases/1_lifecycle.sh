# shellcheck shell=bash disable=SC2154
# A release is installed, tested, upgraded, rolled back and removed, and leaves nothing.

install
ok "installed with defaults: $(pods | wc -w) pods ready"

helm -n "$namespace" test "$RELEASE" --logs --timeout 120s >"$work/helm-test.log" 2>&1 || fail "helm test"
grep -Eq '^ +[0-9.]+ s  passed' "$work/helm-test.log" || fail "helm test does not report that it passed"
sed -nE 's/^ *([0-9.]+ s  .*)/      \1/p' "$work/helm-test.log"
ok "helm test drained a pod"

before=$(pods)
install --set drain.delay_max=8s
k get configmap "$NAME" -o yaml | grep -q 'delay_max: 8s' || fail "the new budget is not in the ConfigMap"
# The old ones may still be leaving: only the ready ones count.
for pod in $before; do
    until_true 40 "$pod made way" bash -c "! kubectl -n $namespace get pod $pod"
done
ok "upgraded: the changed budget restarted every pod"

if helm -n "$namespace" upgrade "$RELEASE" helm/lameduck --reuse-values --set drain.grace_period=10s >"$work/refused.log" 2>&1; then
    fail "a budget that does not fit was installed"
fi
grep -q "too long: raise drain.grace_period" "$work/refused.log" || fail "refused, but without the sum"
[[ $(helm -n "$namespace" history "$RELEASE" -o json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))') == 2 ]] ||
    fail "the refused upgrade left a revision"
ok "an upgrade whose budget does not fit is refused, and changes nothing"

helm -n "$namespace" rollback "$RELEASE" 1 --wait --timeout 120s >"$work/rollback.log" 2>&1 || fail "rollback"
k get configmap "$NAME" -o yaml | grep -q 'delay_max: 10s' || fail "the old budget is not back"
ok "rolled back"

helm -n "$namespace" uninstall "$RELEASE" --wait --timeout 120s >"$work/uninstall.log" 2>&1 || fail "uninstall"
kinds=pods,replicasets,deployments,statefulsets,services,configmaps,secrets,serviceaccounts,roles,rolebindings
kinds+=,poddisruptionbudgets,horizontalpodautoscalers,networkpolicies,endpointslices,ingresses
until_true 60 "nothing is left" bash -c "! kubectl -n $namespace get $kinds -l app.kubernetes.io/instance=$RELEASE -o name | grep -q ."
ok "uninstalled: nothing is left"

# shellcheck shell=bash disable=SC2154
# Values that cannot work are refused, each with a sentence that says what to do; what is rendered by default is accepted.

scripts/chart-wrong-values || fail "wrong values"
ok "wrong values are refused"
# An API server has the last word on manifests.
kubectl apply --dry-run=server -k k8s >"$work/dry-run.log" 2>&1 || { cat "$work/dry-run.log" >&2; fail "k8s/ is refused"; }
accepted() {
    # Without the pod of `helm test`: nothing is made, so its service account is not there.
    helm template "$RELEASE" helm/lameduck -n "$namespace" --skip-tests "$@" >"$work/rendered.yaml"
    k apply --dry-run=server -f "$work/rendered.yaml" >"$work/dry-run.log" 2>&1 || { cat "$work/dry-run.log" >&2; fail "refused: $*"; }
}
for values in workload=StatefulSet autoscaling.enabled=true drain.pre_stop=3s hostNetwork=true pdb=null resources=null; do
    accepted --set "$values"
done
# What needs other APIs than those of Kubernetes is left out.
accepted --values helm/lameduck/tests/everything.yaml --set metrics.scrape=none,httpRoute.enabled=false
ok "the API server accepts k8s/ and the chart's variants"

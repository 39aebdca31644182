# shellcheck shell=bash disable=SC2154
# A rollout to a version that never becomes ready, and the rollback: the old pods are untouched, and nothing is lost.
. tests/e2e/drill.sh

upgrade_and_roll_back() {
    # A dependency that nobody answers for: 192.0.2.0/24 is for documents. The gate stays shut.
    helm -n "$namespace" upgrade "$RELEASE" helm/lameduck --reuse-values --set 'config.stages.dependencies={database}' \
        --set config.dependencies.database.tcp=192.0.2.1:5432
    until_true 30 "a new pod has started, and waits at its gate" one_waits
    # Not a wait for something: it must NOT come to an end, for much longer than a good one takes.
    if k rollout status "deployment/$NAME" --timeout 15s; then fail "the version that must not become ready did"; fi
    [[ $(ready_pods) == "$old" ]] || fail "the old pods are not as they were: $(ready_pods), before: $old"
    helm -n "$namespace" rollback "$RELEASE" 1 --wait --timeout 90s
}
one_waits() { k get pods -o jsonpath='{.items[*].status.containerStatuses[0]}' | grep -q '"ready":false.*"running"'; }
# Name, restarts.
ready_pods() {
    k get pods -l "app.kubernetes.io/instance=$RELEASE" --sort-by .metadata.name \
        -o jsonpath='{range .items[?(@.status.containerStatuses[0].ready==true)]}{.metadata.name}={.status.containerStatuses[0].restartCount} {end}'
}

serve 3
old=$(ready_pods)
export old
share
drill never-ready "deployment/$NAME" --action command --exclusive -- "${meanwhile[@]}" upgrade_and_roll_back
judge never-ready nothing-lost
[[ $(ready_pods) == "$old" ]] || fail "after the rollback there are $(ready_pods), before: $old"
ok "the old pods were never touched: $old"

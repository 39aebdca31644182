# shellcheck shell=bash disable=SC2154
# `kubectl drain` of a node that has several of the pods: the budget makes it wait, and nothing is lost.
. tests/e2e/drill.sh

drain_the_node() {
    # Only our pods: the load's own stay where they are.
    kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data --timeout 180s \
        --pod-selector "app.kubernetes.io/instance=$RELEASE" 2>&1 | tee "$work/kubectl-drain.txt"
    k rollout status "deployment/$NAME" --timeout 60s
}

serve 4 --set topologySpread.whenUnsatisfiable=ScheduleAnyway
# The fullest node: how four pods are spread is the scheduler's choice.
node=$(k get pods -l "app.kubernetes.io/instance=$RELEASE" -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}' |
    sort | uniq -c | sort -rn | awk 'NR == 1 {print $2}')
export node
before=$(k get pods -o wide --no-headers | grep -c " $node ")
((before >= 2)) || fail "$before pod on $node: the budget would not be asked for more than it allows"
undo+=("kubectl uncordon $node")
share
drill node-drain "deployment/$NAME" --action command --exclusive -- "${meanwhile[@]}" drain_the_node
kubectl uncordon "$node" >/dev/null
nothing_lost node-drain
judge node-drain left "$before"
grep -q "violate the pod's disruption budget" "$work/kubectl-drain.txt" || fail "the budget never said no: this case proves nothing about it"
ok "the budget refused $(grep -c "violate the pod's disruption budget" "$work/kubectl-drain.txt") evictions, which kubectl then tried again"

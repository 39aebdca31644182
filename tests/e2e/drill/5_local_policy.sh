# shellcheck shell=bash disable=SC2154
# externalTrafficPolicy: Local, one pod on each node, a client outside that follows the nodes' health checks: nothing is lost.
. tests/e2e/drill.sh

assign_an_address() {
    # What a cloud's controller would do; helm waits for it. A name, because kube-proxy would make rules for an address.
    until_true 60 "the Service" k patch service "$NAME" --subresource status --type merge \
        -p '{"status":{"loadBalancer":{"ingress":[{"hostname":"balancer.example"}]}}}'
}
assign_an_address &
started+=($!)
# Of each revision one pod a node, whatever the old ones occupy.
apart='affinity={"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname",
    "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": "'$RELEASE'"}}, "matchLabelKeys": ["pod-template-hash"]}]}}'
serve 2 --set drain.readiness=auto --set service.type=LoadBalancer --set service.externalTrafficPolicy=Local --set-json "$apart"

port=$(k get service "$NAME" -o jsonpath='{.spec.ports[0].nodePort}')
health=$(k get service "$NAME" -o jsonpath='{.spec.healthCheckNodePort}')
targets=()
for node in $(k get pods -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort -u); do
    address=$(kubectl get node "$node" -o jsonpath='{.status.addresses[?(@.type=="InternalIP")].address}')
    targets+=(--from-here "http://$address:$port" --health "http://$address:$health/healthz")
    # shellcheck disable=SC2086 # a command with its arguments
    until_true 30 "$node is healthy" ${E2E_OUTSIDE:-} curl -sf --max-time 1 "http://$address:$health/healthz"
done
((${#targets[@]} == 8)) || fail "the pods are not one on each of two nodes"
drill_by "${E2E_OUTSIDE:-}" local-policy "deployment/$NAME" "${targets[@]}" --rollouts "$(some 5 1)" --exclusive
nothing_lost local-policy

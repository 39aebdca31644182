# shellcheck shell=bash disable=SC2154
# Where the next pod waits for the one before, each exit is paid for: a StatefulSet and a node, beside the sleep of 10 s.
. tests/e2e/drill.sh

restart() { drill "$1" "statefulset/$NAME" "${QUICK[@]}" --exclusive; }
empty_the_node() { drill "$1" "deployment/$NAME" --action node-drain "${QUICK[@]}" --exclusive; }
sleep_10s=(--set drain.strategy=immediate --set drain.pre_stop=10s)

serve 3 --set workload=StatefulSet
restart statefulset
nothing_lost statefulset
serve 3 --set workload=StatefulSet "${sleep_10s[@]}"
restart statefulset-sleep-10s
judge statefulset shorter "$work/statefulset-sleep-10s.json" 1.5

helm -n "$namespace" uninstall "$RELEASE" --wait --timeout 120s >/dev/null
serve 4
empty_the_node node
nothing_lost node
serve 4 "${sleep_10s[@]}"
empty_the_node node-sleep-10s
judge node shorter "$work/node-sleep-10s.json" 1.5

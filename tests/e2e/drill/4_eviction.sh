# shellcheck shell=bash disable=SC2154
# Every pod is evicted, against a PodDisruptionBudget that lets one go at a time. Nothing is lost.
. tests/e2e/drill.sh

serve 3
[[ $(k get pdb "$NAME" -o jsonpath='{.status.disruptionsAllowed}') == 1 ]] || fail "the budget does not allow one disruption"
drill eviction "deployment/$NAME" --action evict --exclusive
nothing_lost eviction
judge eviction left 3

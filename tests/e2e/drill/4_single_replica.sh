# shellcheck shell=bash disable=SC2154
# A single replica, with one more during the rollout: nothing is lost.
. tests/e2e/drill.sh

serve 1
drill single-replica "deployment/$NAME" --rollouts "$(some 3 1)" --exclusive
nothing_lost single-replica
judge single-replica left "$(some 3 1)"

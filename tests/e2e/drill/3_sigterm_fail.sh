# shellcheck shell=bash disable=SC2154
# SIGTERM without a deletion: the endpoint stays until the readiness probe fails, and the pod waits for that. Nothing is lost.
. tests/e2e/drill.sh

serve 3
drill terminate "deployment/$NAME" --action terminate --rollouts "$(some 2 1)" --exclusive
nothing_lost terminate
judge terminate wait-end observed

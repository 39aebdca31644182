# shellcheck shell=bash disable=SC2154
# Control: if readiness never fails, nobody hears that the pod leaves. It waits its longest, says so, and still loses.
. tests/e2e/drill.sh

serve 3 --set drain.readiness=hold
drill terminate "deployment/$NAME" --action terminate --exclusive
judge terminate lost
judge terminate lost-only refused connect_timed_out reset closed
judge terminate wait-end ceiling

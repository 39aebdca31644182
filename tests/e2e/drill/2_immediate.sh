# shellcheck shell=bash disable=SC2154
# Control: the same service that leaves at once loses what kube-proxy still sends.
. tests/e2e/drill.sh

serve 3 --set drain.strategy=immediate
drill immediate "deployment/$NAME" --rollouts "$(some 3 1)" --exclusive
judge immediate lost
judge immediate ledgers-agree

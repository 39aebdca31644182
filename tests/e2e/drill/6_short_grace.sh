# shellcheck shell=bash disable=SC2154
# `kubectl delete --grace-period=3` while requests take longer than that: what is lost is exactly what the report says.
. tests/e2e/drill.sh

shortly() { drill "$1" "deployment/$NAME" --action delete --grace 3 --slow-path '/bench/slow?ms=6000' --exclusive "${@:2}"; }

serve 3
# No endpoint has changed for some seconds, so kube-proxy lets go within a tenth of one.
shortly one --pods 1
judge one as-reported
judge one ledgers-agree
judge one left 1

# One after the other, each has just been replaced, and kube-proxy needs up to 1.2 s: a pod that has to be gone by then cannot know of
# a connection that finds nobody. Everything that reached a pod is in its report all the same.
settled 3
shortly one-by-one
judge one-by-one as-reported refused
judge one-by-one ledgers-agree
judge one-by-one left 3
judge one-by-one took-at-most 4

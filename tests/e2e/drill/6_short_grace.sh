# shellcheck shell=bash disable=SC2154
# `kubectl delete --grace-period=3` while requests take longer than that: what reached a pod and is lost is exactly what the reports say.
. tests/e2e/drill.sh

serve 3
drill short-grace "deployment/$NAME" --action delete --grace 3 --slow-path '/bench/slow?ms=6000' --exclusive
# kube-proxy may need 1.2 s to let go of a pod. One that has to be gone by then cannot know of a connection that found nobody.
judge short-grace as-reported refused
judge short-grace ledgers-agree
judge short-grace left 3
judge short-grace took-at-most 4

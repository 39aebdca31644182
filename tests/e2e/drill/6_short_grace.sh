# shellcheck shell=bash disable=SC2154
# `kubectl delete --grace-period=3` while requests take longer than that: what is lost is exactly what the reports say.
. tests/e2e/drill.sh

serve 3
drill short-grace "deployment/$NAME" --action delete --grace 3 --slow-path '/bench/slow?ms=6000' --exclusive
judge short-grace as-reported
judge short-grace ledgers-agree
judge short-grace left 3
judge short-grace took-at-most 4

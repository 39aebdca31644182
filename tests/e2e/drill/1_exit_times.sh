# shellcheck shell=bash disable=SC2154
# From deletion to exit, beside the same service with the customary sleep of 10 s: at least two times faster, four without a hold.
. tests/e2e/drill.sh

# No request takes 100 ms, so that what is measured is the waiting.
measure() { drill "$1" "deployment/$NAME" --rollouts "$(some 3 1)" "${QUICK[@]}" --exclusive; }

# As everybody writes it: a sleep in the hook, then SIGTERM, no wait in the process, idle connections closed at once. A sleep with
# our hold behind it would be slower still; the harder comparison is the one that is asked for. Three exits alone are no measurement: a
# small run only asks whether it is faster.
serve 3 --set drain.strategy=immediate --set drain.pre_stop=10s --set drain.idle_hold=0s
measure sleep-10s

serve 3
measure defaults
nothing_lost defaults
judge defaults faster "$work/sleep-10s.json" "$(some 2 1)"

serve 3 --set drain.idle_hold=0s
measure without-hold
judge without-hold nothing-lost
judge without-hold faster "$work/sleep-10s.json" "$(some 4 2)"

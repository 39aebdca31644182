# shellcheck shell=bash disable=SC2154
# From deletion to exit, beside the same service with the customary sleep of 10 s: at least two times faster, four without a hold.
. tests/e2e/drill.sh

# No request takes 100 ms, so that what is measured is the waiting.
measure() { drill "$1" "deployment/$NAME" --rollouts "$(some 3 1)" "${QUICK[@]}" --exclusive; }

# As everybody writes it: a sleep in the hook, then SIGTERM, and no wait in the process.
sleep_10s=(--set drain.strategy=immediate --set drain.pre_stop=10s)

serve 3
measure defaults
nothing_lost defaults
serve 3 "${sleep_10s[@]}"
measure sleep-10s
judge defaults faster "$work/sleep-10s.json" 2

# The hold apart: it is what a connection that speaks every five seconds is given, sleep or not.
serve 3 --set drain.idle_hold=0s
measure without-hold
judge without-hold nothing-lost
serve 3 --set drain.idle_hold=0s "${sleep_10s[@]}"
measure sleep-10s-without-hold
judge without-hold faster "$work/sleep-10s-without-hold.json" 4

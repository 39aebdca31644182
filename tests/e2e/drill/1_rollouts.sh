# shellcheck shell=bash disable=SC2154
# Ten rolling restarts under the full mix of clients: nothing is lost. (The control under the same load is 2_immediate.)
. tests/e2e/drill.sh

serve 3
drill rollouts "deployment/$NAME" --rollouts "$(some 10 2)" --exclusive
nothing_lost rollouts
judge rollouts left "$((3 * $(some 10 2)))"
judge rollouts wait-end observed

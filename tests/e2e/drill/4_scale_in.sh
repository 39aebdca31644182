# shellcheck shell=bash disable=SC2154
# From five pods to one at a stroke: four leave together, and nothing is lost.
. tests/e2e/drill.sh

serve 5
drill scale-in "deployment/$NAME" --action scale-in --to 1 --exclusive
nothing_lost scale-in
judge scale-in left 4

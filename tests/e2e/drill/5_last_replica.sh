# shellcheck shell=bash disable=SC2154
# The only pod is deleted, and its replacement takes seconds: with `readiness: auto` it is served to the end; with `fail` it is not.
. tests/e2e/drill.sh

# The replacement's init container is the drill's own command that waits and then signals process 1, which is itself, and not
# impressed: there is no shell in these images.
slow_start='initContainers=[{"name": "slow-start", "image": "'$DRILL_IMAGE'", "imagePullPolicy": "IfNotPresent",
    "args": ["signal", "--after", "4s"]}]'
last_one_leaves() { drill "$1" "deployment/$NAME" --action delete --exclusive; }

serve 1 --set drain.readiness=auto --set-json "$slow_start"
last_one_leaves auto
nothing_lost auto
judge auto left 1

serve 1 --set drain.readiness=fail --set-json "$slow_start"
last_one_leaves fail
judge fail lost

# shellcheck shell=bash disable=SC2154
# Without its Role a pod falls back to the delay and says so; in a "restricted" namespace the chart installs.

kubectl label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted >/dev/null
# The control: the label does forbid something here.
if k run forbidden --image="$IMAGE" --privileged >"$work/control.log" 2>&1; then fail "a privileged pod was admitted"; fi
install
ok "installed where Pod Security enforces \"restricted\""
helm -n "$namespace" test "$RELEASE" --timeout 120s >"$work/helm-test.log" 2>&1 || fail "helm test"
ok "helm test passes there, too"

k delete rolebinding "$NAME" >/dev/null
pod=$(pods | cut -d ' ' -f 1)
watch_pods
follow "$pod"
k delete pod "$pod" --wait=false >/dev/null
until_true 60 "$pod ended" exited "$pod"
waited=$(python3 tests/e2e/story.py field "$work/pods.txt" "$pod" wait_end)
[[ $waited == forbidden ]] || fail "the report says that the wait ended by: $waited; expected: forbidden"
grep -q "Role must allow list and watch of endpointslices" "$work/$pod.log" || fail "the log does not say what the Role lacks"
took=$(python3 tests/e2e/story.py seconds "$work/pods.txt" "$pod")
python3 -c "import sys; sys.exit(float('$took') < 5)" || fail "it left after $took s, before the delay of 5 s"
ok "without the Role it left by the delay ($took s from deletion to exit), and says so in log and report"

# shellcheck shell=bash disable=SC2154
# A rolling restart under load loses nothing, and log, Event and termination message tell the same story.
need hey "https://github.com/rakyll/hey, or the package hey"
need wrk "https://github.com/wg/wrk, or the package wrk"

install --set replicaCount=3
service_answers
url=$(service_url)
old=$(pods)
watch_pods
# shellcheck disable=SC2086 # one argument a pod
follow $old

# A connection a request, and kept-alive connections. Neither of these two sends a request again.
inside hey -disable-keepalive -c 4 -q 20 -z 40s "$url" >"$work/hey.txt" 2>&1 &
hey=$!
inside wrk -t 1 -c 4 -d 40s --timeout 5s "$url" >"$work/wrk.txt" 2>&1 &
wrk=$!
started+=("$hey" "$wrk")
# The load must have begun before anybody leaves.
for pod in $old; do
    until_true 10 "$pod serves" bash -c "kubectl get --raw /api/v1/namespaces/$namespace/pods/$pod:8081/proxy/metrics | grep '^lameduck_requests_started_total.* [1-9]'"
done

k rollout restart "deployment/$NAME" >/dev/null
k rollout status "deployment/$NAME" --timeout 120s >/dev/null || fail "the rollout did not finish"
for pod in $old; do until_true 60 "$pod ended" exited "$pod"; done
wait "$hey" || fail "hey"
wait "$wrk" || fail "wrk"

grep -E 'Requests/sec|\[[0-9]{3}\].*responses' "$work/hey.txt" | sed 's/^ */      hey: /'
grep -E 'requests in|Socket|Non-2xx' "$work/wrk.txt" | sed 's/^ */      wrk: /'
# With "responses": hey's histogram has counts in such brackets, too.
grep -qE '\[200\]\s+[0-9]+ responses' "$work/hey.txt" || fail "hey got no answer"
if grep -qE 'Error distribution|\[[1345][0-9]{2}\]\s+[0-9]+ responses' "$work/hey.txt"; then
    sed -n '/Error distribution/,$p' "$work/hey.txt" >&2
    fail "hey lost requests"
fi
if grep -qE 'Socket errors|Non-2xx' "$work/wrk.txt"; then fail "wrk lost requests"; fi
ok "no request was lost"

event_note() {
    k get events --field-selector "involvedObject.name=$1,reason=DrainFinished" -o jsonpath='{.items[*].message}' | grep .
}
for pod in $old; do
    until_true 10 "an Event about the end of $pod" event_note "$pod"
    note=$(event_note "$pod")
    python3 tests/e2e/story.py same "$work/pods.txt" "$pod" "$work/$pod.log" "$note" || fail "the stories of $pod differ"
    waited=$(python3 tests/e2e/story.py field "$work/pods.txt" "$pod" wait_end)
    [[ $waited == observed ]] || fail "$pod stopped waiting because of: $waited; expected: observed"
    after=$(python3 tests/e2e/story.py field "$work/pods.txt" "$pod" deregistered_after_ms)
    say "$pod: deletion to exit $(python3 tests/e2e/story.py seconds "$work/pods.txt" "$pod") s, deregistered after $after ms; $note"
done
ok "log, Event and termination message agree, and the observed deregistration ended each wait"

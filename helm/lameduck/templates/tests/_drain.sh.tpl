{{/* `helm test`: deletes a pod and looks, from a client's place, how it leaves. */}}
{{- define "lameduck.test.script" -}}
set -eu
secrets=/var/run/secrets/kubernetes.io/serviceaccount
pods="https://kubernetes.default.svc/api/v1/namespaces/$NAMESPACE/pods"
say() { echo "$(date -u +%T) $*"; }
fail() { say "FAILED: $*"; exit 1; }
# By a name of its own: for curl's the API server would break its JSON into lines.
api() { curl -sS --fail-with-body --max-time 5 -A lameduck-test --cacert $secrets/ca.crt -H "Authorization: Bearer $(cat $secrets/token)" "$@"; }
# The value of the first such field; there is no jq here.
field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
service() { curl -sS --fail --max-time 5 "http://$SERVICE/ping" 2>&1; }

say "1. the Service answers"
# A ready pod is known to every node a second later.
tries=0
until service | grep -q pong; do
    tries=$((tries + 1))
    [ "$tries" -lt 10 ] || fail "no pong from http://$SERVICE/ping: does the Service have ready endpoints?"
    sleep 0.5
done

say "2. choose a pod"
list=$(api "$pods?labelSelector=$SELECTOR&fieldSelector=status.phase%3DRunning")
count=$(echo "$list" | grep -o '"podIP":"' | wc -l)
pod=$(echo "$list" | grep -o '"metadata":{"name":"[^"]*"' | head -n 1 | cut -d '"' -f 6)
[ -n "$pod" ] || fail "no running pod with the labels $SELECTOR"
ip=$(api "$pods/$pod" | field podIP)
admin="http://$ip:$ADMIN_PORT"
curl -sS --fail --max-time 5 "$admin/readyz" >/dev/null || fail "$pod is running, but its /readyz fails"
say "   $pod ($ip), one of $count"

say "3. delete it, and ask the Service all the time"
api -X DELETE "$pods/$pod" >/dev/null
asked=0 lost=0 seen='' late='' gone=''
end=$(($(date +%s) + GRACE_SECONDS + 15))
while [ "$(date +%s)" -lt "$end" ]; do
    if [ "$count" -gt 1 ]; then
        asked=$((asked + 1))
        answer=$(service) || { lost=$((lost + 1)); say "   lost: $answer"; }
    fi
    # The first of its phases is the current one; further down are the past ones.
    phase=$(curl -s --max-time 2 "$admin/drain" | tr -d ' \n' | field phase) || phase=''
    case "$seen" in *" $phase "*) ;; *) [ -z "$phase" ] || { seen="$seen $phase "; say "   it is $phase"; } ;; esac
    # While it is a lame duck it must still serve whoever has not heard of it.
    if [ "$phase" = lame_duck ] && [ -z "$late" ]; then
        curl -s --max-time 2 "http://$ip:$HTTP_PORT/ping" | grep -q pong && late=served
    fi
    api -o /dev/null "$pods/$pod" 2>/dev/null || { gone=yes; break; }
done

[ -n "$gone" ] || fail "$pod is still there after its grace period"
if [ "$STRATEGY" != immediate ]; then
    case "$seen" in *lame_duck*) ;; *) fail "nobody saw $pod as a lame duck: is drain.strategy right?" ;; esac
    [ "$late" = served ] || fail "$pod served nobody while it was a lame duck"
fi
[ "$lost" = 0 ] || fail "$lost of $asked requests through the Service were lost"
say "   gone; $asked requests through the Service, none lost"

say "4. the rest has taken over"
end=$(($(date +%s) + 60))
until service | grep -q pong; do
    [ "$(date +%s)" -lt "$end" ] || fail "the Service does not answer a minute later"
done
say "passed"
{{- end -}}

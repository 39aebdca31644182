# shellcheck shell=bash disable=SC2154
# A foreign server behind a preStop sleep of 10 s loses its few on kept-alive connections; ours, under the same load, none.
. tests/e2e/drill.sh

# Many connections that speak often, and a client that writes two milliseconds after its last look: in that time it cannot know that
# the other side has closed. At 900 requests a second on the connections of one pod, each pod's exit crosses about one of them: that nine
# exits cross none is no chance.
crossing=(--only --clients 'hot=120@20/s,warm=120@2/s,cold=60@0.2/s,connect=20@5/s' --look-to-write 2ms)

k apply -f - >/dev/null <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: { name: foreign }
spec:
  replicas: 3
  selector: { matchLabels: { app: foreign } }
  template:
    metadata: { labels: { app: foreign } }
    spec:
      containers:
        - name: foreign
          image: $PEER_IMAGE
          imagePullPolicy: IfNotPresent
          args: ["0.0.0.0:8080"]
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /, port: http }, periodSeconds: 1 }
          lifecycle: { preStop: { sleep: { seconds: 10 } } }
---
apiVersion: v1
kind: Service
metadata: { name: foreign }
spec:
  selector: { app: foreign }
  ports: [{ name: http, port: 80, targetPort: http }]
YAML
k rollout status deployment/foreign --timeout 60s >/dev/null || fail "the foreign server did not start"
drill foreign deployment/foreign --preset plain --path / --rollouts "$(some 4 3)" "${crossing[@]}"
judge foreign lost-on-kept-alive
k delete deployment,service foreign --wait=false >/dev/null

serve 3
drill ours "deployment/$NAME" --rollouts "$(some 4 3)" --exclusive "${crossing[@]}"
nothing_lost ours

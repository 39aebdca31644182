# shellcheck shell=bash disable=SC2154
# Prometheus finds every pod by the chart's annotations, and has the numbers of a pod's last seconds.
need prometheus "with Kubernetes service discovery: https://prometheus.io/download/"

install --set replicaCount=2 --set config.bench.enabled=true
service_answers
port=$((20000 + RANDOM % 10000))
cat >"$work/prometheus.yml" <<YAML
global: { scrape_interval: 500ms, scrape_timeout: 400ms }
scrape_configs:
  - job_name: pods
    kubernetes_sd_configs:
      - { role: pod, kubeconfig_file: "$KUBECONFIG", namespaces: { names: [$namespace] } }
    relabel_configs:
      - { source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: "true", action: keep }
      # A pod is found once for each of its ports: all become the annotated one, which is then one target.
      - { source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port], separator: ":", target_label: __address__ }
      - { source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path], target_label: __metrics_path__, regex: "(.+)" }
      - { source_labels: [__meta_kubernetes_pod_name], target_label: pod }
YAML
inside prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
    --web.listen-address="127.0.0.1:$port" >"$work/prometheus.log" 2>&1 &
started+=($!)

# query EXPRESSION: the value, or nothing.
query() {
    inside curl -s --max-time 5 "http://127.0.0.1:$port/api/v1/query" --data-urlencode "query=$1" |
        python3 -c 'import json,sys; r=json.load(sys.stdin)["data"]["result"]; print(r[0]["value"][1] if r else "")'
}
holds() { [[ -n $(query "$1") ]]; }

until_true 30 "every pod is scraped" holds 'count(up == 1) == 2'
ok "both pods are found and scraped"

leaving=$(pods | cut -d ' ' -f 1)
address=$(k get pod "$leaving" -o jsonpath='{.status.podIP}')
watch_pods
# Two in flight when the pod is told to leave: one ends while the other still holds it, and so is there for a scrape. (What ends
# together with the process is in its report, not in Prometheus.)
slow() { inside curl -sf --max-time 20 "http://$address:8080/bench/slow?ms=$1"; }
slow 5000 >"$work/slow.txt" &
sooner=$!
slow 9000 >"$work/slower.txt" &
later=$!
until_true 10 "two requests are in flight" holds "sum(lameduck_requests_in_flight{pod=\"$leaving\"}) == 2"
k delete pod "$leaving" --wait=false >/dev/null
wait "$sooner" || fail "the first request in flight was lost"
wait "$later" || fail "the second request in flight was lost"
until_true 60 "$leaving ended" exited "$leaving"

past() { query "sum(last_over_time($1[5m]))"; }
drained=$(past "lameduck_requests_ended_total{pod=\"$leaving\",outcome=\"drained\"}")
[[ -n $drained && $drained != 0 ]] || fail "no drained request of $leaving is known: ${drained:-nothing}"
in_flight=$(past "lameduck_requests_in_flight{pod=\"$leaving\"}")
[[ $in_flight == [01] ]] || fail "in flight at the last scrape: ${in_flight:-unknown}; at most the later one could be"
ok "the pod is gone; its last scrapes had $drained drained request and $in_flight in flight"
for phase in lame_duck draining; do
    [[ $(query "max(max_over_time(lameduck_phase{pod=\"$leaving\",phase=\"$phase\"}[5m]))") == 1 ]] || fail "no scrape saw it $phase"
done
ok "scrapes saw it as a lame duck and draining"

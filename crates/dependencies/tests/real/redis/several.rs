//! Redis as a cluster, behind sentinels, and behind a cache.

use super::{Instance, at, settings, up};
use crate::rig::{Server, failure, free_port, listening, start, until};
use lameduck_dependencies::cache::{Cache, CacheOptions};
use lameduck_dependencies::redis::Redis;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn cli(port: u16, arguments: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_used_by_url() {
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Instance::start(&["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]).await);
    }
    let addresses: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let create =
        [&["--cluster", "create"][..], &addresses.iter().map(String::as_str).collect::<Vec<_>>(), &["--cluster-yes"]];
    let created = cli(nodes[0].port, &create.concat());
    assert!(created.contains("All 16384 slots covered"), "{created}");
    let formed =
        || async { nodes.iter().all(|node| cli(node.port, &["cluster", "info"]).contains("cluster_state:ok")) };
    until("the cluster is formed", formed).await;
    let url = format!("redis-cluster://{}", addresses.join(","));
    let (engine, handles) = start::<Redis>(&settings(&url, &[("dependencies.it.command_timeout", "5s")]));
    let client = handles.ready(&engine).await;
    for number in 0..100 {
        client.set(&format!("key{number}"), number.to_string().as_bytes(), Duration::from_secs(60)).await.unwrap();
    }
    for number in 0..100 {
        assert_eq!(client.get(&format!("key{number}")).await.unwrap().unwrap(), number.to_string());
    }
    let sizes: Vec<_> = nodes.iter().map(|node| cli(node.port, &["dbsize"]).trim().parse::<u32>().unwrap()).collect();
    assert!(sizes.iter().all(|size| *size > 0) && sizes.iter().sum::<u32>() == 100, "{sizes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_lead_to_the_primary_after_a_failover_too() {
    let mut primary = Instance::start(&[]).await;
    let old = primary.port.to_string();
    let replica = Instance::start(&["--replicaof", "127.0.0.1", &old]).await;
    let linked = || async { cli(replica.port, &["info", "replication"]).contains("master_link_status:up") };
    until("the replica follows", linked).await;
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let lines = [
        format!("port {port}"),
        "bind 127.0.0.1".to_owned(),
        format!("sentinel monitor orders 127.0.0.1 {} 1", primary.port),
        "sentinel down-after-milliseconds orders 500".to_owned(),
        "sentinel failover-timeout orders 5000".to_owned(),
    ];
    let file = folder.path().join("sentinel.conf");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let mut command = Command::new("redis-server");
    let _sentinel = Server::start(command.arg(&file).arg("--sentinel").current_dir(folder.path()), folder.path());
    listening(port).await;
    until("the sentinel knows the replica", || async {
        cli(port, &["sentinel", "replicas", "orders"]).contains(&replica.port.to_string())
    })
    .await;
    let url = format!("redis-sentinel://127.0.0.1:{port}/orders");
    let (engine, handles) = start::<Redis>(&settings(&url, &[]));
    let client = handles.ready(&engine).await;
    up(&client).await;
    primary.server.kill();
    until("the client is led to the new primary", || async {
        client.set("after", b"1", Duration::from_secs(60)).await.is_ok()
    })
    .await;
    assert!(cli(replica.port, &["info", "replication"]).contains("role:master"));
    let unknown = format!("redis-sentinel://127.0.0.1:{port}/nobody");
    let (other, _) = start::<Redis>(&settings(&unknown, &[("stages.readiness_timeout", "2s")]));
    let cause = failure(other).await;
    assert!(cause.contains("no primary of this name"), "{cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_results_and_do_without_a_redis_that_is_lost() {
    let redis = Instance::start(&[]).await;
    let url = at(redis.port);
    let (engine, handles) = start::<Redis>(&settings(&url, &[]));
    let client = handles.ready(&engine).await;
    let options = CacheOptions {
        prefix: "orders:".to_owned(),
        fresh: Duration::from_secs(600),
        stale: Duration::from_secs(600),
        bytes_max: 1 << 20,
    };
    let replica = || Cache::with_store(options.clone(), client.clone());
    let loads = Arc::new(AtomicUsize::new(0));
    let load = || {
        let loads = Arc::clone(&loads);
        async move || {
            loads.fetch_add(1, Ordering::SeqCst);
            Ok::<_, String>(Some("value".into()))
        }
    };
    let first = replica();
    assert_eq!(first.get("key", load()).await.unwrap().unwrap(), "value");
    until("redis has it", || async { client.get("orders:key").await.is_ok_and(|value| value.is_some()) }).await;
    assert_eq!(replica().get("key", load()).await.unwrap().unwrap(), "value");
    assert_eq!(loads.load(Ordering::SeqCst), 1, "the second replica found it in redis");
    first.invalidate("key").await;
    assert_eq!(client.get("orders:key").await.unwrap(), None);
    replica().get("key", load()).await.unwrap();
    assert_eq!(loads.load(Ordering::SeqCst), 2, "what was invalidated is loaded again");
    redis.server.freeze();
    for number in 0..100 {
        let value = replica().get(&number.to_string(), load()).await;
        assert_eq!(value.unwrap().unwrap(), "value", "without redis it is loaded");
    }
    redis.server.thaw();
}

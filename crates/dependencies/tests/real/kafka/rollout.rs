//! Consumers as processes of their own: killed at random moments, and rolled out under load.

use super::broker::Broker;
use super::{counts, settings};
use crate::rig::{Server, sources, start, until};
use lameduck::{App, Service, anyhow};
use lameduck_dependencies::kafka::{ConsumerOptions, Kafka, KafkaClient, KafkaConsumer, Outgoing};
use lameduck_support::hash::{SplitMix64, random_seed};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Set for a process that is a consumer: the brokers, and the file for its effects.
const BROKERS: &str = "LAMEDUCK_TEST_BROKERS";
const EFFECTS: &str = "LAMEDUCK_TEST_EFFECTS";
/// Seconds after which a dead member is noticed.
const SESSION: &str = "LAMEDUCK_TEST_SESSION";

/// Not a test but a consumer, if the environment says so: each message is a line in a file.
#[test]
fn consumer_process() {
    let (Ok(brokers), Ok(effects)) = (std::env::var(BROKERS), std::env::var(EFFECTS)) else { return };
    let service = Service::new("test").dependency_kind::<Kafka>().routes(move |start| async move {
        let mut options = ConsumerOptions::new("projection", "orders");
        if let Ok(seconds) = std::env::var(SESSION) {
            options.session_timeout = Duration::from_secs(seconds.parse()?);
        }
        let consumer = KafkaConsumer::new(start.dependency::<Kafka>("it")?, options);
        start.worker("projection", move |worker| {
            consumer.run(worker, move |message| {
                let effects = effects.clone();
                async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    let line = format!("{}\n", String::from_utf8_lossy(message.value().unwrap()));
                    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(effects).unwrap();
                    file.write_all(line.as_bytes()).unwrap();
                    Ok(())
                }
            })
        });
        anyhow::Ok(App::new())
    });
    let loaded = service.load(&sources(&settings(&brokers, &[]))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = lameduck::Engine::builder(service, loaded).signals().start().unwrap();
        let report = engine.ended().await;
        assert_eq!(report.exit.code(), 0);
    });
}

/// A consumer in a process of its own; `session`: seconds after which it is taken for dead.
fn consumer(broker: &Broker, effects: &Path, session: u32) -> Server {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kafka::rollout::consumer_process", "--nocapture"]);
    command.env(BROKERS, broker.address()).env(EFFECTS, effects).env(SESSION, session.to_string());
    Server::start(&mut command, effects.parent().unwrap())
}

fn lines(effects: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(effects).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Sends numbers until told to stop; returns how many were acknowledged.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Load {
    fn start(client: KafkaClient) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&sent));
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::SeqCst) {
                let number = count.load(Ordering::SeqCst);
                let message = Outgoing::new("orders", number.to_string()).key((number % 100).to_string());
                if client.send(message).await.is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                }
            }
        });
        Self { stop, sent, task }
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    async fn end(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
        self.sent.load(Ordering::SeqCst)
    }
}

/// Waits until every number has its effect; says how many have more than one.
async fn none_is_lost(sent: usize, effects: &Path) -> usize {
    let missing = || {
        let seen = counts(lines(effects));
        (0..sent).filter(|number| !seen.contains_key(&number.to_string())).count()
    };
    until("every message has its effect", || async { missing() == 0 }).await;
    counts(lines(effects)).values().filter(|count| **count > 1).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_that_are_killed_lose_nothing() {
    let kills: usize = std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let seed = random_seed();
    println!("seed {seed}, {kills} kills");
    let mut random = SplitMix64::new(seed);
    let broker = Broker::start().await;
    let folder = tempfile::tempdir().unwrap();
    let effects: PathBuf = folder.path().join("effects");
    let (engine, handles) = start::<Kafka>(&settings(&broker.address(), &[]));
    let load = Load::start(handles.ready(&engine).await);
    for _ in 0..kills {
        let before = lines(&effects).len();
        let mut child = consumer(&broker, &effects, 3);
        // A dead member is noticed after its session: another group of partitions goes on meanwhile.
        until("it works", || async { lines(&effects).len() > before + 10 }).await;
        tokio::time::sleep(Duration::from_millis((random.unit() * 400.0) as u64)).await;
        child.kill();
    }
    let sent = load.end().await;
    let _last = consumer(&broker, &effects, 3);
    let doubles = none_is_lost(sent, &effects).await;
    println!("{sent} messages, {kills} kills: 0 lost, {doubles} worked on more than once");
    assert!(doubles < sent / 2, "only what was not committed is worked on again: {doubles} of {sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_of_three_consumers_loses_and_doubles_nothing() {
    let broker = Broker::start().await;
    let folder = tempfile::tempdir().unwrap();
    let effects: PathBuf = folder.path().join("effects");
    let (engine, handles) = start::<Kafka>(&settings(&broker.address(), &[]));
    let load = Load::start(handles.ready(&engine).await);
    until("the topic is there", || async { load.sent() > 0 }).await;
    let run = || consumer(&broker, &effects, 45);
    let mut replicas: Vec<_> = (0..3).map(|_| run()).collect();
    until("all are members", || async { broker.members("projection").await == 3 }).await;
    for _ in 0..3 {
        for replica in &mut replicas {
            let before = lines(&effects).len();
            let mut old = std::mem::replace(replica, run());
            until("the new one is a member", || async { broker.members("projection").await == 4 }).await;
            old.signal(libc::SIGTERM);
            assert!(old.wait().await, "it leaves in order");
            assert_eq!(broker.members("projection").await, 3, "the old one has left");
            until("the work goes on", || async { lines(&effects).len() > before }).await;
        }
    }
    let sent = load.end().await;
    let doubles = none_is_lost(sent, &effects).await;
    println!("{sent} messages, 9 replicas replaced: 0 lost, {doubles} worked on more than once");
    assert_eq!(doubles, 0, "who leaves in order commits what it has done");
}

//! Kafka: the real broker in KRaft mode, from the jars in `KAFKA_LIBS`.

mod broker;
mod rollout;

use crate::rig::{admin, certificates, failure, free_port, start, start_with, stranger, until};
use broker::{Broker, PASSWORD, USER};
use lameduck_dependencies::kafka::{ConsumerOptions, Failure, Kafka, KafkaClient, KafkaConsumer, KafkaError, Outgoing};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn settings<'a>(brokers: &'a str, more: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    let given = [("dependencies.it.kafka", brokers), ("dependencies.it.check_interval", "200ms")];
    given.into_iter().chain(more.iter().copied()).collect()
}

async fn send(client: &KafkaClient, topic: &str, key: &str, value: &str) {
    let message = || Outgoing::new(topic.to_owned(), value.to_owned()).key(key.to_owned());
    until("the message is sent", || async { client.send(message()).await.is_ok() }).await;
}

/// What handlers have seen, in order.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn add(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

// === At the start ===

#[tokio::test(flavor = "multi_thread")]
async fn the_start_waits_for_brokers_and_refuses_what_cannot_pass() {
    let web = stranger(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let web = format!("127.0.0.1:{web}");
    let (engine, _) = start::<Kafka>(&settings(&web, &[]));
    let cause = failure(engine).await;
    assert!(cause.contains("not as a Kafka broker does"), "{cause}");

    let folder = tempfile::tempdir().unwrap();
    certificates(&folder, "localhost");
    let ports = [free_port(), free_port(), free_port()];
    let plain = format!("127.0.0.1:{}", ports[0]);
    let (engine, handles) = start::<Kafka>(&settings(&plain, &[("stages.readiness_timeout", "100s")]));
    until("the reason is shown", || async { admin(&engine, "/readyz").await.contains("kafka") }).await;
    let _broker = Broker::start_at(ports, Some(&folder)).await;
    let client = handles.ready(&engine).await;
    send(&client, "orders", "key", "value").await;
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);

    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (right, wrong) = (file("right", PASSWORD), file("wrong", "not-the-password"));
    let ca = folder.path().join("ca.pem").to_str().unwrap().to_owned();
    let secure = format!("localhost:{}", ports[2]);
    let other_name = format!("127.0.0.1:{}", ports[2]);
    let with = |password: &str, more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        let given = [
            ("dependencies.it.user", USER),
            ("dependencies.it.password_file", password),
            ("dependencies.it.tls", "true"),
            ("dependencies.it.ca_file", &ca),
        ];
        given.iter().chain(more).map(|(key, value)| (*key, (*value).to_owned())).collect()
    };
    let scram = with(&right, &[]);
    let borrowed: Vec<_> = scram.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let (engine, handles) = start::<Kafka>(&settings(&secure, &borrowed));
    let client = handles.ready(&engine).await;
    send(&client, "orders", "key", "by TLS and SCRAM").await;
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);

    for (brokers, more, reason) in [
        (&secure, with(&wrong, &[]), "refused the login"),
        (&secure, with(&right, &[("dependencies.it.sasl", "scram-sha-256")]), "refused the login"),
        (&other_name, with(&right, &[]), "cannot be trusted"),
        (&secure, vec![], "not as a Kafka broker does"),
    ] {
        let more: Vec<_> = more.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let (engine, _) = start::<Kafka>(&settings(brokers, &more));
        let cause = failure(engine).await;
        assert!(cause.contains(reason) && !cause.contains("not-the-password"), "{reason}: {cause}");
    }
}

// === While serving ===

#[tokio::test(flavor = "multi_thread")]
async fn each_message_is_worked_on_in_order_or_buried() {
    let broker = Broker::start().await;
    let brokers = broker.address();
    let (seen, tries) = (Seen::default(), Arc::new(AtomicUsize::new(0)));
    let (noted, counted) = (seen.clone(), Arc::clone(&tries));
    let (engine, handles) = start_with::<Kafka, _>(&settings(&brokers, &[]), move |start, client| {
        let dead = KafkaConsumer::new(client.clone(), ConsumerOptions::new("undertaker", "orders.dead"));
        let graves = noted.clone();
        start.worker("undertaker", |worker| {
            dead.run(worker, move |message| {
                let text = |bytes: &bytes::Bytes| String::from_utf8_lossy(bytes).into_owned();
                let reason = message.header("dead-letter-reason").map(text).unwrap_or_default();
                graves.add(format!("{} is dead: {reason}", message.value().map(text).unwrap_or_default()));
                async { Ok(()) }
            })
        });
        let consumer = KafkaConsumer::new(client, ConsumerOptions::new("projection", "orders"));
        start.registry().register(Box::new(consumer.metrics()))?;
        start.worker("projection", move |worker| {
            consumer.run(worker, move |message| {
                let (noted, counted) = (noted.clone(), Arc::clone(&counted));
                async move {
                    let text = String::from_utf8_lossy(message.value().unwrap()).into_owned();
                    match text.as_str() {
                        "poison" => return Err(Failure::Poison("it is poison".to_owned())),
                        "never" => return Err(Failure::Retry("it never works".to_owned())),
                        "panics" => panic!("of this message"),
                        "third" if counted.fetch_add(1, Ordering::SeqCst) < 2 => {
                            return Err(Failure::Retry("not yet".to_owned()));
                        }
                        _ => {}
                    }
                    noted.add(text);
                    Ok(())
                }
            })
        });
        Ok(())
    });
    let client = handles.ready(&engine).await;
    let values = ["1", "poison", "2", "never", "3", "third", "4", "panics", "5"];
    for value in values {
        send(&client, "orders", "same", value).await;
    }
    until("all is worked on", || async { seen.all().len() == values.len() }).await;
    let (dead, done): (Vec<_>, Vec<_>) = seen.all().into_iter().partition(|text| text.contains("is dead"));
    assert_eq!(done, ["1", "2", "3", "third", "4", "5"], "in their order");
    let expected =
        ["poison is dead: it is poison", "never is dead: it never works", "panics is dead: the handler panicked"];
    assert_eq!(dead, expected);
    until("nothing is left", || async {
        let metrics = admin(&engine, "/metrics").await;
        metrics.contains("lameduck_kafka_lag{group=\"projection\",name=\"it\",topic=\"orders\"} 0")
    })
    .await;
    let metrics = admin(&engine, "/metrics").await;
    for (end, count) in [("done", 6), ("dead", 3), ("retried", 2 + 4 + 4)] {
        let line = format!("lameduck_kafka_messages_total{{end=\"{end}\",group=\"projection\",name=\"it\"}} {count}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_frozen_or_killed_loses_nothing() {
    let mut broker = Broker::start().await;
    let brokers = broker.address();
    let seen = Seen::default();
    let noted = seen.clone();
    let (engine, handles) = start_with::<Kafka, _>(&settings(&brokers, &[]), move |start, client| {
        let consumer = KafkaConsumer::new(client, ConsumerOptions::new("projection", "orders"));
        start.worker("projection", move |worker| {
            consumer.run(worker, move |message| {
                noted.add(String::from_utf8_lossy(message.value().unwrap()).into_owned());
                async { Ok(()) }
            })
        });
        Ok(())
    });
    let client = handles.ready(&engine).await;
    send(&client, "orders", "key", "before").await;
    broker.server.freeze();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.send(Outgoing::new("orders", "while frozen").key("key")).await }
    });
    tokio::time::sleep(Duration::from_secs(2)).await;
    broker.server.thaw();
    waiting.await.unwrap().unwrap();
    broker.kill();
    let refused = client.send(Outgoing::new("orders", "while dead").key("key"));
    let refused = tokio::time::timeout(Duration::from_secs(2), refused).await;
    assert!(!matches!(refused, Ok(Ok(_))), "nobody can have it: {refused:?}");
    broker.restart().await;
    send(&client, "orders", "key", "after").await;
    until("all is worked on", || async { seen.all().iter().any(|text| text == "after") }).await;
    let mut once = seen.all();
    once.dedup();
    assert_eq!(
        once.iter().filter(|text| *text != "while dead").collect::<Vec<_>>(),
        ["before", "while frozen", "after"]
    );
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_brokers_refuse_is_said() {
    let broker = Broker::start().await;
    let (engine, handles) = start::<Kafka>(&settings(&broker.address(), &[]));
    let client = handles.ready(&engine).await;
    let large = client.send(Outgoing::new("orders", vec![0; 8 << 20])).await;
    assert!(matches!(large, Err(KafkaError::Refused(_))), "{large:?}");
    let name = client.send(Outgoing::new("no such/topic", "value")).await;
    assert!(matches!(name, Err(KafkaError::Refused(_))), "{name:?}");
    let unknown = tokio::time::timeout(Duration::from_secs(1), client.send(Outgoing::new("unknown", "value"))).await;
    assert!(!matches!(unknown, Ok(Ok(_))), "no topic is made by a mistake in its name");
}

// === In the drain ===

#[tokio::test(flavor = "multi_thread")]
async fn at_the_notice_a_consumer_finishes_commits_and_leaves() {
    let broker = Broker::start().await;
    let brokers = broker.address();
    let begun = Arc::new(tokio::sync::Notify::new());
    let seen = Seen::default();
    let run = |member: Option<&'static str>| {
        let (noted, begun) = (seen.clone(), Arc::clone(&begun));
        let more = [("dependencies.it.membership", member.unwrap_or("dynamic"))];
        start_with::<Kafka, _>(&settings(&brokers, &more), move |start, client| {
            let consumer = KafkaConsumer::new(client, ConsumerOptions::new("projection", "orders"));
            start.worker("projection", move |worker| {
                consumer.run(worker, move |message| {
                    let (noted, begun) = (noted.clone(), Arc::clone(&begun));
                    async move {
                        begun.notify_one();
                        tokio::time::sleep(Duration::from_millis(700)).await;
                        noted.add(String::from_utf8_lossy(message.value().unwrap()).into_owned());
                        Ok(())
                    }
                })
            });
            Ok(())
        })
    };
    let (engine, handles) = run(None);
    let client = handles.ready(&engine).await;
    for number in 0..5 {
        send(&client, "orders", "same", &number.to_string()).await;
    }
    begun.notified().await;
    engine.shutdown();
    let report = engine.ended().await;
    assert_eq!(report.exit.code(), 0);
    let done = seen.all().len();
    assert!((1..5).contains(&done), "what was begun is finished, the rest is not begun: {done}");
    assert_eq!(broker.members("projection").await, 0, "it has left the group");
    assert_eq!(broker.committed("projection", "orders").await, i64::try_from(done).unwrap());
    let (engine, handles) = run(None);
    handles.ready(&engine).await;
    until("the next one goes on", || async { seen.all().len() == 5 }).await;
    assert_eq!(seen.all(), ["0", "1", "2", "3", "4"], "each once, in order");
    engine.shutdown();
    engine.ended().await;
    // A static member stays one: nothing is rebalanced while it is away.
    let (engine, handles) = run(Some("static"));
    let client = handles.ready(&engine).await;
    until("it is a member", || async { broker.members("projection").await == 1 }).await;
    send(&client, "orders", "same", "5").await;
    until("it has partitions", || async { seen.all().len() == 6 }).await;
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
    assert_eq!(broker.members("projection").await, 1, "it stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_broker_or_a_stuck_handler_does_not_hold_the_exit() {
    for stuck in [false, true] {
        let broker = Broker::start().await;
        let begun = Arc::new(tokio::sync::Notify::new());
        let noted = Arc::clone(&begun);
        let more = [("drain.timeout", "6s"), ("drain.release", "6s")];
        let (engine, handles) = start_with::<Kafka, _>(&settings(&broker.address(), &more), move |start, client| {
            let consumer = KafkaConsumer::new(client, ConsumerOptions::new("projection", "orders"));
            start.worker("projection", move |worker| {
                consumer.run(worker, move |_| {
                    noted.notify_one();
                    async move {
                        if stuck {
                            std::future::pending::<()>().await;
                        }
                        Ok(())
                    }
                })
            });
            Ok(())
        });
        let client = handles.ready(&engine).await;
        send(&client, "orders", "key", "value").await;
        begun.notified().await;
        if !stuck {
            broker.server.freeze();
        }
        engine.shutdown();
        let ended = tokio::time::timeout(Duration::from_secs(60), engine.ended()).await;
        assert!(ended.is_ok(), "stuck: {stuck}");
        if stuck {
            assert_eq!(broker.members("projection").await, 0, "it has left the group all the same");
        } else {
            broker.server.thaw();
        }
    }
}

/// Counts of equal texts.
fn counts(texts: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    texts.into_iter().for_each(|text| *counts.entry(text).or_default() += 1);
    counts
}

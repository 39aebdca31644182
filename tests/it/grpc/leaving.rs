//! How calls end when the process leaves.

use super::frames::{Frame, Frames};
use super::generated::bench::{CountRequest, EchoRequest, SlowRequest};
use super::{bench, channel, start};
use futures_util::{StreamExt as _, future, stream};
use lameduck_testing::eventually;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// `SlowRequest { milliseconds: 300 }`.
const SLOW_300: &[u8] = &[0x08, 0xac, 0x02];

const SLOW: &str = "/lameduck.bench.v1.Bench/Slow";
const WATCH: &str = "/grpc.health.v1.Health/Watch";

fn in_flight(service: &lameduck_testing::Service, count: u64) {
    eventually("the calls are in flight", || (service.drain()["ledger"]["in_flight"] == count).then_some(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_learns_that_the_process_leaves_and_holds_no_exit() {
    let (service, address) = start(&[("drain.strategy", "delay"), ("drain.delay", "500ms")]);
    let mut client = HealthClient::new(channel(address).await);
    let mut watches = Vec::new();
    for (name, first) in [("", ServingStatus::Serving), ("a.B", ServingStatus::ServiceUnknown)] {
        let watch = client.watch(HealthCheckRequest { service: name.to_owned() }).await.unwrap();
        let mut watch = watch.into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), first);
        watches.push(watch);
    }
    // One whose client never looks.
    let mut silent = Frames::connect(address);
    silent.call(1, WATCH, &[]);
    in_flight(&service, 3);

    service.signal(libc::SIGTERM);
    let [known, unknown] = &mut watches[..] else { panic!("two") };
    assert_eq!(known.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    let mut client = HealthClient::new(channel(address).await);
    let check = client.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(check.status(), ServingStatus::NotServing, "it still serves, and says that it leaves");
    assert_eq!(known.message().await.unwrap(), None, "ended in order");
    assert_eq!(unknown.message().await.unwrap(), None, "ended in order");
    drop((client, watches));
    let ended = service.wait();
    ended.assert_code(0);
    assert_eq!(ended.report["ledger"]["drained"], 3, "{:#}", ended.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_comes_whole_with_its_trailers() {
    let (service, address) = start(&[]);
    let client = bench(address).await;
    let asked = CountRequest { messages: 50, interval_milliseconds: 10, subscription: false };
    let counts = (0..10).map(|_| {
        let mut client = client.clone();
        async move {
            let numbers = client.count(asked).await.expect("a head").into_inner();
            // An error would be a stream without its trailers.
            numbers.map(|one| one.expect("a whole stream").number).collect::<Vec<_>>().await
        }
    });
    let slow = (0..50).map(|_| {
        let mut client = client.clone();
        async move { client.slow(SlowRequest { milliseconds: 400 }).await.expect("an answer") }
    });
    let (counts, slow) = (tokio::spawn(future::join_all(counts)), tokio::spawn(future::join_all(slow)));
    in_flight(&service, 60);
    service.signal(libc::SIGTERM);
    assert!(counts.await.unwrap().iter().all(|numbers| *numbers == (0..50).collect::<Vec<_>>()));
    assert_eq!(slow.await.unwrap().len(), 50);
    drop(client);
    let ended = service.wait();
    ended.assert_code(0);
    assert_eq!(ended.report["ledger"]["drained"], 60, "{:#}", ended.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_ended_between_two_messages() {
    let (service, address) = start(&[("drain.goodbye", "0s")]);
    let mut client = bench(address).await;
    let asked = CountRequest { messages: 1_000_000, interval_milliseconds: 5, subscription: true };
    let mut numbers = client.count(asked).await.unwrap().into_inner();
    assert_eq!(numbers.message().await.unwrap().unwrap().number, 0);
    service.signal(libc::SIGTERM);
    let mut next = 1;
    let end = loop {
        match numbers.message().await {
            Ok(Some(message)) => {
                assert_eq!(message.number, next, "no message is missing");
                next += 1;
            }
            Ok(None) => panic!("it has not come to its end"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unavailable, "{end}");
    let pushback: u64 = end.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap().parse().unwrap();
    assert!((100..1000).contains(&pushback), "{pushback}");
    drop(client);
    let ended = service.wait();
    ended.assert_code(0);
    assert_eq!(ended.report["ledger"]["drained"], 1, "{:#}", ended.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_never_ends_is_cut_at_the_deadline_and_named() {
    let (service, address) = start(&[("drain.timeout", "1s")]);
    let mut client = bench(address).await;
    let endless = stream::once(future::ready(EchoRequest::default())).chain(stream::pending());
    let mut echoed = client.echo(endless).await.unwrap().into_inner();
    echoed.message().await.unwrap();
    let ended = service.stop();
    ended.assert_code(3);
    assert_eq!(ended.report["ledger"]["aborted"], 1, "{:#}", ended.report);
    assert!(ended.log.contains("/lameduck.bench.v1.Bench/Echo"), "{}", ended.log);
    assert!(echoed.message().await.is_err(), "a cut is no end");
}

#[test]
fn a_connection_is_announced_to_end_then_ends_behind_its_last_call() {
    let (service, address) = start(&[]);
    let mut frames = Frames::connect(address);
    frames.call(1, SLOW, SLOW_300);
    in_flight(&service, 1);
    service.signal(libc::SIGTERM);
    let going = |frame: &Frame| matches!(frame, Frame::GoAway(_));
    assert_eq!(frames.until(going), Frame::GoAway(0x7fff_ffff), "nothing is refused yet");
    // A call that crosses the first notice is served.
    frames.call(3, SLOW, SLOW_300);
    let Frame::Ping { payload } = frames.until(|frame| matches!(frame, Frame::Ping { .. })) else { panic!("a PING") };
    frames.pong(payload);
    assert_eq!(frames.until(going), Frame::GoAway(3), "the last one that is served");
    for _ in 0..2 {
        frames.until(|frame| *frame == Frame::Headers { end: true });
    }
    while frames.next().is_some() {}
    let ended = service.wait();
    ended.assert_code(0);
    assert_eq!(ended.report["ledger"]["lost"].as_u64().unwrap_or(0), 0, "{:#}", ended.report);
}

#[test]
fn a_peer_that_answers_no_ping_is_reaped() {
    let (service, address) = start(&[]);
    let mut frames = Frames::connect(address);
    frames.call(1, SLOW, &[]);
    frames.until(|frame| *frame == Frame::Headers { end: true });
    // From here on it says nothing, and stays.
    let ended = service.stop();
    ended.assert_code(0);
    let closed = ended.report["connections"].to_string();
    assert!(closed.contains("keep_alive_timeout"), "{:#}", ended.report);
    while frames.next().is_some() {}
}

//! Traces against a collector of the tests: what arrives, and how long a flush takes when nothing does.

mod collector;

use super::*;
use crate::context::Trace;
use collector::{Behaviour, Collector};
use http::HeaderMap;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::time::{Duration, SystemTime};

/// Longer than any test: what ends earlier was ended by the flush's bound.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3600);

fn traces(endpoint: &str, protocol: Protocol, sample_ratio: f64) -> Traces {
    let keys = TraceKeys {
        endpoint: Some(endpoint.to_owned()),
        protocol: Some(protocol),
        sample_ratio: Some(sample_ratio),
        timeout: Some(EXPORT_TIMEOUT),
        service_name_default: "orders".to_owned(),
        ..TraceKeys::default()
    };
    let options = TraceOptions::resolve(&keys, |name| (name == "POD_NAME").then(|| "orders-7".to_owned()));
    Traces::start(options.unwrap().unwrap()).unwrap()
}

fn end(route: Option<&str>) -> RequestEnd<'_> {
    RequestEnd {
        method: "GET",
        route,
        status: Some(200),
        grpc_status: None,
        grpc: false,
        http_version: "1.1",
        duration: Duration::from_millis(3),
        peer: "127.0.0.1:9".parse().unwrap(),
        request_id: "r-1",
        outcome: "completed",
        failed: false,
    }
}

fn request(traces: &Traces, parent: Option<Trace>, end: &RequestEnd<'_>) -> Trace {
    let trace = traces.begin(parent.as_ref());
    let headers = HeaderMap::from_iter([(http::header::HOST, "orders:8080".parse().unwrap())]);
    let uri = "/orders/7?token=s3cret".parse().unwrap();
    RequestSpan::begin(trace.clone(), parent, &uri, &headers).end(traces, end);
    trace
}

/// On a control thread of its own, as in the engine.
fn flush(traces: &Traces, within: Duration) -> Flushed {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(traces.flush(Instant::now() + within))
}

fn dropped(traces: &Traces) -> u64 {
    traces.dropped().into_iter().map(|(_, count)| count).sum()
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::ArrayValue(_) | Value::KvlistValue(_) | Value::BytesValue(_) | Value::StringValueStrindex(_) => {
            panic!("{name} is not a scalar")
        }
    })
}

#[test]
fn a_request_arrives_with_its_parent_and_the_conventions_by_both_protocols() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let collector = Collector::start(protocol, Behaviour::Takes);
        let traces = traces(&collector.endpoint, protocol, 0.0);
        let parent = Trace { trace_id: 0xa, span_id: 0xb, sampled: true, state: Some("v=1".parse().unwrap()) };
        let trace = request(&traces, Some(parent), &end(Some("/orders/{id}")));
        assert_eq!((trace.trace_id, trace.sampled), (0xa, true));
        assert_ne!(trace.span_id, 0xb);
        assert_eq!(flush(&traces, Duration::from_secs(60)), Flushed { exported: 1, lost: 0 });

        let spans = collector.spans();
        let span = &spans[0];
        assert_eq!(span.name, "GET /orders/{id}");
        assert_eq!(span.trace_id, 0xa_u128.to_be_bytes());
        assert_eq!(
            (&span.parent_span_id[..], &span.span_id[..]),
            (&0xb_u64.to_be_bytes()[..], &trace.span_id.to_be_bytes()[..])
        );
        assert_eq!(span.trace_state, "v=1");
        for (name, expected) in [
            ("http.request.method", "GET"),
            ("http.route", "/orders/{id}"),
            ("http.response.status_code", "200"),
            ("url.path", "/orders/7"),
            ("url.query", "token=REDACTED"),
            ("server.address", "orders"),
            ("server.port", "8080"),
            ("lameduck.request_id", "r-1"),
        ] {
            assert_eq!(attribute(span, name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(collector.resource("k8s.pod.name").as_deref(), Some("orders-7"));
        assert_eq!(collector.resource("service.name").as_deref(), Some("orders"));
    }
}

#[test]
fn a_call_is_a_child_of_its_request_and_only_of_a_recorded_one() {
    let collector = Collector::start(Protocol::HttpProtobuf, Behaviour::Takes);
    let traces = traces(&collector.endpoint, Protocol::HttpProtobuf, 1.0);
    let parent = Trace { trace_id: 0xa, span_id: 0xb, sampled: true, state: None };
    let mut call = CallSpan::begin(&traces, &parent, "SELECT orders".into()).unwrap();
    call.attribute("db.system.name", "postgresql");
    call.attribute("server.port", 5432);
    let own = call.trace().clone();
    assert_eq!((own.trace_id, own.sampled), (0xa, true));
    call.end(Some("timeout".into()));
    let not_recorded = Trace { sampled: false, ..parent };
    assert!(CallSpan::begin(&traces, &not_recorded, "SELECT orders".into()).is_none());
    assert_eq!(flush(&traces, Duration::from_secs(60)), Flushed { exported: 1, lost: 0 });

    let spans = collector.spans();
    let span = &spans[0];
    assert_eq!((span.name.as_str(), span.kind), ("SELECT orders", 3), "a client's");
    assert_eq!(span.parent_span_id, 0xb_u64.to_be_bytes());
    assert_eq!(span.span_id, own.span_id.to_be_bytes());
    for (name, expected) in [("db.system.name", "postgresql"), ("server.port", "5432"), ("error.type", "timeout")] {
        assert_eq!(attribute(span, name).as_deref(), Some(expected), "{name}");
    }
}

#[test]
fn calls_of_grpc_have_the_conventions_for_rpc() {
    let collector = Collector::start(Protocol::HttpProtobuf, Behaviour::Takes);
    let traces = traces(&collector.endpoint, Protocol::HttpProtobuf, 1.0);
    let call = RequestEnd { grpc: true, grpc_status: Some(14), method: "POST", ..end(Some("/sample.v1.Sample/Ping")) };
    request(&traces, None, &call);
    request(&traces, None, &RequestEnd { route: None, ..call });
    flush(&traces, Duration::from_secs(60));
    let spans = collector.spans();
    assert_eq!((spans[0].name.as_str(), spans[1].name.as_str()), ("sample.v1.Sample/Ping", "grpc"));
    assert_eq!(attribute(&spans[0], "rpc.response.status_code").as_deref(), Some("UNAVAILABLE"));
    assert_eq!(attribute(&spans[0], "error.type").as_deref(), Some("UNAVAILABLE"));
    assert_eq!(attribute(&spans[1], "rpc.method").as_deref(), Some("_OTHER"), "not what a client made up");
}

#[test]
fn what_is_not_sampled_keeps_its_parent() {
    let traces = traces("http://127.0.0.1:9", Protocol::Grpc, 0.0);
    let parent = Trace { trace_id: 0xa, span_id: 0xb, sampled: false, state: None };
    assert_eq!(traces.begin(Some(&parent)), parent);
    let fresh = traces.begin(None);
    assert!(!fresh.sampled && fresh.trace_id != 0 && fresh.span_id != 0);
}

#[test]
fn the_exit_is_a_trace() {
    let collector = Collector::start(Protocol::HttpProtobuf, Behaviour::Takes);
    let traces = traces(&collector.endpoint, Protocol::HttpProtobuf, 0.0);
    let now = SystemTime::now();
    let mut drain = DrainTrace::begin(traces.clone(), now);
    drain.progress("two requests in flight".to_owned(), vec![("lameduck.in_flight", 2.into())]);
    drain.phase(PhaseSpan { name: "draining", began: now, ended: now, evidence: vec![], cut: true });
    let cut = Trace { trace_id: 0xa, span_id: 0xb, sampled: false, state: None };
    drain.end(vec![("lameduck.lost", 1.into())], std::slice::from_ref(&cut), Some("1 lost".to_owned()));
    assert_eq!(flush(&traces, Duration::from_secs(60)), Flushed { exported: 2, lost: 0 });

    let spans = collector.spans();
    let (phase, root) = (&spans[0], &spans[1]);
    assert_eq!((phase.name.as_str(), root.name.as_str()), ("draining", "drain"));
    assert_eq!((&phase.trace_id, &phase.parent_span_id), (&root.trace_id, &root.span_id));
    assert_eq!(phase.events[0].name, "two requests in flight");
    assert_eq!(attribute(phase, "lameduck.cut").as_deref(), Some("true"));
    assert_eq!(root.links[0].trace_id, 0xa_u128.to_be_bytes());
    assert_eq!(root.status.as_ref().unwrap().message, "1 lost");
}

/// One way in which spans do not arrive.
struct Case {
    name: &'static str,
    behaviour: Behaviour,
    /// `https` to a collector that does not speak it.
    encrypted: bool,
    spans: u64,
    around: fn(&mut dyn FnMut()),
}

fn plainly(run: &mut dyn FnMut()) {
    run();
}

/// Every thread that serves requests is blocked meanwhile.
fn with_work_threads_blocked(run: &mut dyn FnMut()) {
    let work = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (blocked, blocking) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    work.spawn(async move {
        blocked.send(()).unwrap();
        let _ = released.recv();
    });
    blocking.recv().unwrap();
    let _entered = work.enter();
    run();
    drop(release);
}

/// Everything runs on one core, which another thread keeps busy.
#[cfg(target_os = "linux")]
fn on_one_core(run: &mut dyn FnMut()) {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    fn pin(to: Option<libc::cpu_set_t>) -> libc::cpu_set_t {
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: both calls get a set that lives as long as they do.
        unsafe {
            let mut before: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(0, size, &raw mut before);
            let first = (0..libc::CPU_SETSIZE as usize).find(|&cpu| libc::CPU_ISSET(cpu, &before)).unwrap_or(0);
            let mut one: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(first, &mut one);
            libc::sched_setaffinity(0, size, &raw const *to.as_ref().unwrap_or(&one));
            before
        }
    }
    let stop = AtomicBool::new(false);
    let before = pin(None);
    std::thread::scope(|scope| {
        // Threads inherit the core of the one that starts them.
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                std::hint::spin_loop();
            }
        });
        run();
        stop.store(true, Relaxed);
    });
    pin(Some(before));
}

#[cfg(not(target_os = "linux"))]
fn on_one_core(run: &mut dyn FnMut()) {
    run();
}

#[test]
fn a_flush_ends_at_its_bound_and_every_span_is_exported_or_counted() {
    let full = queue::SPANS_MAX as u64 + 1000;
    let hole = Behaviour::NeverAnswers;
    let cases = [
        Case { name: "collector dead", behaviour: Behaviour::Closed, encrypted: false, spans: 10, around: plainly },
        Case { name: "black hole", behaviour: hole, encrypted: false, spans: 10, around: plainly },
        Case { name: "slow", behaviour: Behaviour::AnswersLate, encrypted: false, spans: 1500, around: plainly },
        Case { name: "refusing", behaviour: Behaviour::Refuses, encrypted: false, spans: 10, around: plainly },
        Case { name: "TLS wrong", behaviour: Behaviour::Takes, encrypted: true, spans: 10, around: plainly },
        Case {
            name: "work threads blocked",
            behaviour: hole,
            encrypted: false,
            spans: 10,
            around: with_work_threads_blocked,
        },
        Case { name: "one core", behaviour: hole, encrypted: false, spans: 10, around: on_one_core },
        Case { name: "queue full", behaviour: hole, encrypted: false, spans: full, around: plainly },
    ];
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        for case in &cases {
            (case.around)(&mut || check(protocol, case));
        }
    }
}

fn check(protocol: Protocol, case: &Case) {
    let within = Duration::from_millis(200);
    let collector = Collector::start(protocol, case.behaviour);
    let endpoint =
        if case.encrypted { collector.endpoint.replace("http:", "https:") } else { collector.endpoint.clone() };
    let traces = traces(&endpoint, protocol, 1.0);
    for _ in 0..case.spans {
        request(&traces, None, &end(Some("/ping")));
    }
    // An export is given an hour: that this returns is the bound's doing.
    let began = Instant::now();
    let flushed = flush(&traces, within);
    println!(
        "{protocol:?} {:20} flush of {within:?} took {:?}: {flushed:?} {:?}",
        case.name,
        began.elapsed(),
        traces.dropped()
    );
    let name = case.name;
    assert_eq!(flushed.exported + dropped(&traces), case.spans, "{name}: each span is exported or counted");
    assert!(flushed.exported < case.spans, "{name}: not all of them arrived");
    request(&traces, None, &end(None));
    assert_eq!(flushed.exported + dropped(&traces), case.spans + 1, "{name}: a span that comes later is counted, too");
}

#[test]
fn a_collector_that_comes_back_gets_what_waited() {
    let collector = Collector::start(Protocol::HttpProtobuf, Behaviour::RefusesOnce);
    let traces = traces(&collector.endpoint, Protocol::HttpProtobuf, 1.0);
    request(&traces, None, &end(None));
    collector.until_asked(2);
    assert_eq!(flush(&traces, Duration::from_secs(60)).lost, 0);
    assert_eq!((collector.spans().len(), dropped(&traces)), (1, 0));
}

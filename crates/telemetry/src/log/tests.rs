//! Lines as they come out.

use super::*;
use crate::{ACCESS, Context, Trace};
use serde_json::Value;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing::{debug, error, info, info_span, warn};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What comes out of what `says` says.
fn written(options: &Options, terminal: bool, says: impl FnOnce()) -> String {
    written_with(options, terminal, |_| says())
}

fn written_with(options: &Options, terminal: bool, says: impl FnOnce(&Guard)) -> String {
    let page = Page::default();
    let (layer, guard) = layer(options, terminal, page.clone()).unwrap();
    tracing::subscriber::with_default(Registry::default().with(layer), || says(&guard));
    assert!(guard.flush(Duration::from_secs(60)));
    String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
}

/// Each line as an object: every line in a JSON format is JSON.
fn objects(text: &str) -> Vec<Value> {
    let object = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(object).collect()
}

fn json(level: &str) -> Options {
    Options {
        service: "orders".to_owned(),
        format: Format::Json,
        level: level.to_owned(),
        rate: 0,
        ..Options::default()
    }
}

fn ecs() -> Options {
    let (service_version, instance) = ("1.2.3".to_owned(), "orders-7".to_owned());
    Options { format: Format::Ecs, service_version, instance, ..json("info") }
}

fn context() -> Context {
    let trace = Trace { trace_id: 0xa, span_id: 0xb, sampled: true, state: None };
    Context { request_id: Some("r-1".parse().unwrap()), trace: Some(trace), deadline: None }
}

#[test]
fn json_is_an_object_a_line_whatever_is_said() {
    let text = written(&json("info"), false, || {
        info!(target: "orders::mail", count = 3, ratio = 0.5, good = true, name = "a\"b\nc", "sent {}", "it");
        warn!(level = "mine", service = "theirs", "names that are taken");
        error!(error = ?std::io::ErrorKind::NotFound, "\u{1b}[31mred\n");
    });
    let lines = objects(&text);
    assert_eq!(lines.len(), 3, "{text}");
    let first = &lines[0];
    for (field, expected) in [
        ("level", Value::from("info")),
        ("service", "orders".into()),
        ("target", "orders::mail".into()),
        ("message", "sent it".into()),
        ("count", 3.into()),
        ("ratio", 0.5.into()),
        ("good", true.into()),
        ("name", "a\"b\nc".into()),
    ] {
        assert_eq!(first[field], expected, "{field}: {text}");
    }
    let timestamp = first["timestamp"].as_str().unwrap();
    assert!(timestamp.ends_with('Z') && timestamp.as_bytes()[10] == b'T', "{timestamp}");
    assert_eq!((&lines[1]["level"], &lines[1]["level_"]), (&"warn".into(), &"mine".into()));
    assert_eq!((&lines[1]["service"], &lines[1]["service_"]), (&"orders".into(), &"theirs".into()));
    assert_eq!((&lines[2]["error"], &lines[2]["message"]), (&"NotFound".into(), &"\u{1b}[31mred\n".into()));
    assert!(!text.contains('\u{1b}'), "an escape sequence got through");
}

#[test]
fn the_level_is_for_all_or_by_part() {
    let says = || {
        info!(target: "orders", "one");
        debug!(target: "orders", "two");
        debug!(target: "lameduck_server::accept", "three");
    };
    let messages = |level| {
        let text = written(&json(level), false, says);
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].clone());
        lines.map(|message| message.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(messages("info"), ["one"]);
    assert_eq!(messages("info,lameduck_server=debug"), ["one", "three"]);
    assert_eq!(messages("lameduck_server=debug"), ["three"]);
    assert_eq!(messages("debug"), ["one", "two", "three"]);
    assert!(messages("off").is_empty());
}

#[test]
fn people_get_short_lines_and_colour_on_a_terminal_alone() {
    let pretty =
        |format, terminal| written(&Options { format, ..json("info") }, terminal, || info!(count = 3, "hello"));
    let plain = pretty(Format::Pretty, false);
    assert!(plain.ends_with(" INFO hello count=3\n"), "{plain}");
    assert_eq!(plain.split(' ').next().unwrap().len(), "12:34:56.789".len(), "{plain}");
    assert!(pretty(Format::Auto, true).contains('\u{1b}'), "no colour on a terminal");
    assert!(pretty(Format::Auto, false).starts_with('{'), "JSON where there is no terminal");
}

#[test]
fn what_is_no_filter_is_refused() {
    for (text, good) in [
        ("info", true),
        ("off", true),
        ("info,lameduck_server=debug,orders::mail=trace", true),
        ("orders=debug", true),
        ("INFO,orders=Warning", true),
        ("", false),
        ("inof", false),
        ("info,warn", false),
        ("info,", false),
        ("orders=", false),
        ("=info", false),
        ("orders[span]=info", false),
    ] {
        assert_eq!(crate::is_filter(text), good, "{text}");
        if good {
            assert!(Level::new(text).is_ok(), "{text}");
        }
    }
}

#[test]
fn a_line_of_a_request_has_its_ids() {
    let text = written(&json("info"), false, || {
        info!("before");
        context().enter(|| {
            info!("inside");
            info!(request_id = "mine", trace_id = "mine", "named by the line");
        });
    });
    let lines = objects(&text);
    assert!(lines[0].get("request_id").is_none() && lines[0].get("trace_id").is_none(), "{text}");
    assert_eq!(lines[1]["request_id"], "r-1");
    assert_eq!(lines[1]["trace_id"], "0000000000000000000000000000000a");
    assert_eq!(lines[1]["span_id"], "000000000000000b");
    assert_eq!((&lines[2]["request_id"], &lines[2]["trace_id"]), (&"mine".into(), &"mine".into()));
    assert_eq!(text.matches("request_id").count(), 2, "no name twice: {text}");

    let pretty = written(&Options { format: Format::Pretty, ..json("info") }, false, || {
        context().enter(|| info!(count = 3, "hello"));
    });
    assert!(pretty.ends_with(" INFO hello count=3 request_id=r-1\n"), "{pretty}");
}

#[test]
fn fields_of_spans_are_in_the_line() {
    let text = written(&json("info"), false, || {
        let outer = info_span!("job", id = 3, name = "a\"b").entered();
        info_span!("step").in_scope(|| info!("inside"));
        drop(outer);
    });
    let spans = &objects(&text)[0]["spans"];
    assert_eq!((&spans[0]["span"], &spans[0]["name"]), (&"job".into(), &"a\"b".into()), "{text}");
    assert_eq!((&spans[0]["id"], &spans[1]["span"]), (&3.into(), &"step".into()), "{text}");
}

#[test]
fn ecs_lines_have_the_names_of_the_schema() {
    let text = written(&ecs(), false, || {
        context().enter(|| {
            info!(
                target: ACCESS, method = %"GET", route = "/ping", status = 200, duration_ms = 1.5, peer = %"[::1]:9",
                protocol = ?format_args!("http2"), outcome = %"completed", request_id = "r-2", "GET /ping 200",
            );
        });
        error!(target: "orders::mail", error = "refused", status = "late", orders.id = 7, "cannot send");
        warn!(target: "lameduck_server::accept", error = "too many", class = "resource", "cannot accept");
    });
    let lines = objects(&text);
    for line in &lines {
        assert!(line["@timestamp"].is_string() && line["log.level"].is_string() && line["message"].is_string());
        assert_eq!((&line["ecs.version"], &line["service.name"]), (&"8.17.0".into(), &"orders".into()));
        assert_eq!((&line["service.version"], &line["service.node.name"]), (&"1.2.3".into(), &"orders-7".into()));
    }
    for (field, expected) in [
        ("http.request.method", Value::from("GET")),
        ("http.route", "/ping".into()),
        ("http.response.status_code", 200.into()),
        ("http.version", "2".into()),
        ("http.request.id", "r-2".into()),
        ("client.address", "[::1]:9".into()),
        ("event.duration", 1_500_000.into()),
        ("trace.id", "0000000000000000000000000000000a".into()),
        ("span.id", "000000000000000b".into()),
        ("lameduck.outcome", "completed".into()),
    ] {
        assert_eq!(lines[0][field], expected, "{field}: {text}");
    }
    assert_eq!((&lines[1]["error.message"], &lines[1]["app.status"]), (&"refused".into(), &"late".into()), "{text}");
    assert_eq!(lines[1]["orders.id"], 7, "a dotted name is the writer's choice");
    assert_eq!((&lines[2]["lameduck.class"], &lines[2]["error.message"]), (&"resource".into(), &"too many".into()));
}

#[test]
fn a_flood_of_warnings_and_access_lines_is_summed_up_and_other_lines_are_not() {
    for format in [Format::Json, Format::Ecs, Format::Pretty] {
        let options = Options { format, rate: 10, ..json("info") };
        let text = written(&options, false, || {
            for _ in 0..3000 {
                warn!(target: ACCESS, "GET / 503 rejected");
                info!(target: "orders", "not bounded");
            }
            warn!(target: "orders", "alone");
        });
        // The flood may last longer than a second: each second has its share and its summary.
        let written = text.matches("GET / 503 rejected").count();
        assert!((10..3000).contains(&written), "{written}");
        assert_eq!(text.matches("not bounded").count(), 3000);
        assert_eq!(text.matches("alone").count(), 1);
        let held: u64 = text.lines().filter_map(|line| held(format, line)).sum();
        assert_eq!(written as u64 + held, 3000, "every line is written or counted");
    }
}

/// The number of lines that `line` sums up, if it does.
fn held(format: Format, line: &str) -> Option<u64> {
    let line = line.contains("access lines were not written").then_some(line)?;
    if format == Format::Pretty {
        return line.split(' ').find_map(|word| word.parse().ok());
    }
    let line = &objects(line)[0];
    let (level, target, count) =
        if format == Format::Json { ("level", "target", "held") } else { ("log.level", "log.logger", "lameduck.held") };
    assert_eq!((&line[level], &line[target]), (&"warn".into(), &ACCESS.into()));
    line[count].as_u64()
}

#[test]
fn the_notice_of_dropped_lines_is_a_line_of_the_format() {
    for format in [Format::Json, Format::Ecs] {
        let options = Options { format, ..json("info") };
        let clerk = Clerk {
            json: Some(Json::new(if format == Format::Json { Schema::Plain } else { Schema::Ecs }, &options)),
            limiter: None,
        };
        let line = String::from_utf8(queue::Notices::dropped(&clerk, 7)).unwrap();
        let object = &objects(&line)[0];
        assert_eq!(object[if format == Format::Json { "dropped" } else { "lameduck.dropped" }], 7, "{line}");
        assert!(object["message"].as_str().unwrap().starts_with("7 lines"), "{line}");
    }
}

#[test]
fn the_level_can_be_changed_while_the_process_runs() {
    let text = written_with(&json("warn"), false, |guard| {
        let say = |what: &str| info!(target: "orders", "{what}");
        say("one");
        guard.set_level("warn,orders=INFO").unwrap();
        assert_eq!(guard.level(), "warn,orders=info");
        say("two");
        assert_eq!(guard.set_level("warn,orders=loud"), Err(NotAFilter));
        say("three");
        guard.set_level("off").unwrap();
        say("four");
    });
    let messages: Vec<_> = objects(&text).iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(messages, ["two", "three"]);
}

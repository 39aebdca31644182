//! Lines as they come out.

use super::*;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tracing::{debug, error, info, warn};

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
    let page = Page::default();
    let queue = Queue::start(page.clone()).unwrap();
    let subscriber = Registry::default().with(layer(options, terminal, queue.clone()).unwrap());
    tracing::subscriber::with_default(subscriber, says);
    assert!(queue.flush(Duration::from_secs(60)));
    String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
}

fn json(level: &str) -> Options {
    Options { service: "orders".to_owned(), format: Format::Json, level: level.to_owned() }
}

#[test]
fn json_is_an_object_a_line_whatever_is_said() {
    let text = written(&json("info"), false, || {
        info!(target: "orders::mail", count = 3, ratio = 0.5, good = true, name = "a\"b\nc", "sent {}", "it");
        warn!(level = "mine", service = "theirs", "names that are taken");
        error!(error = ?std::io::ErrorKind::NotFound, "\u{1b}[31mred\n");
    });
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
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
            assert!(text.parse::<Targets>().is_ok(), "{text}");
        }
    }
}

//! The command line as a person uses it.

use super::*;
use crate::config::{File, load};
use lameduck_lifecycle::{Plan, Strategy, Timeout};
use std::time::Duration;

const ABOUT: About = About { name: "orders", version: "1.2.3", summary: "Takes orders" };

fn run(line: &str, environment: &[(&str, &str)]) -> Parsed<()> {
    let invocation = Invocation {
        arguments: line.split_whitespace().map(OsString::from).collect(),
        environment: environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        ..Invocation::default()
    };
    parse(&ABOUT, invocation)
}

fn printed(line: &str, environment: &[(&str, &str)]) -> String {
    let parsed = run(line, environment);
    let Parsed::Print(text) = parsed else { panic!("{line}: {parsed:?}") };
    text
}

fn refused(line: &str, environment: &[(&str, &str)]) -> String {
    let parsed = run(line, environment);
    let Parsed::Refuse(text) = parsed else { panic!("{line}: {parsed:?}") };
    text
}

#[test]
fn to_serve_needs_no_word() {
    for line in ["orders", "orders serve"] {
        assert!(matches!(run(line, &[]), Parsed::Serve(_)), "{line}");
    }
}

#[test]
fn the_environment_names_a_file_and_the_option_wins() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one.yaml"), folder.path().join("other.yaml"));
    std::fs::write(&one, "service: {name: one}").unwrap();
    std::fs::write(&other, "service: {name: other}").unwrap();
    let (one, other) = (one.to_str().unwrap(), other.to_str().unwrap());
    let name = |parsed: Parsed<()>| {
        let Parsed::Serve(loaded) = parsed else { panic!("{parsed:?}") };
        loaded.config.service.name
    };
    assert_eq!(name(run("orders", &[("LAMEDUCK_CONFIG", one)])), "one");
    assert_eq!(name(run(&format!("orders --config {other}"), &[("LAMEDUCK_CONFIG", one)])), "other");
    assert_eq!(name(run(&format!("orders serve -c {other}"), &[])), "other");
    assert_eq!(name(run("orders", &[("LAMEDUCK_CONFIG", "")])), "lameduck", "an empty one names no file");
    assert_eq!(name(run("orders", &[("LAMEDUCK_CONFIG", one), ("ORDERS_CONFIG", other)])), "other", "its own wins");
}

#[test]
fn a_service_brings_its_own_name() {
    let defaults = vec![("service.name", "orders".to_owned())];
    let parsed =
        parse::<()>(&ABOUT, Invocation { arguments: vec!["orders".into()], defaults, ..Invocation::default() });
    assert!(matches!(parsed, Parsed::Serve(loaded) if loaded.config.service.name == "orders"));
}

#[test]
fn the_engines_keys_have_two_names_and_the_services_own_wins() {
    let delay = |environment: &[(&str, &str)]| {
        let Parsed::Serve(loaded) = run("orders", environment) else { panic!("{environment:?}") };
        loaded.config.drain.delay.as_secs()
    };
    let (own, shared) = ("ORDERS_DRAIN__DELAY", "LAMEDUCK_DRAIN__DELAY");
    assert_eq!(delay(&[(own, "3s")]), 3);
    assert_eq!(delay(&[(shared, "4s")]), 4);
    assert_eq!(delay(&[(own, "3s"), (shared, "4s")]), 3);
    assert_eq!(delay(&[(own, ""), (shared, "4s")]), 4, "an empty one is not set");
}

#[test]
fn a_services_own_keys_have_its_own_prefix_alone() {
    struct Orders;
    impl Settings for Orders {
        const SECTIONS: &'static [config::Section] = &[config::Section {
            name: "orders",
            doc: "Orders.",
            keys: &[config::Key::new("orders.keep", config::Kind::DURATION, "1h", "How long they are kept.")],
        }];
        fn read(_: &config::Values) -> Self {
            Self
        }
    }
    let parsed = |name: &str| {
        let environment = vec![(name.into(), "3s".into())];
        parse::<Orders>(&ABOUT, Invocation { arguments: vec!["orders".into()], environment, ..Invocation::default() })
    };
    assert!(matches!(parsed("ORDERS_ORDERS__KEEP"), Parsed::Serve(_)));
    let Parsed::Refuse(text) = parsed("LAMEDUCK_ORDERS__KEEP") else { panic!("another service may read it, too") };
    assert!(
        text.contains("LAMEDUCK_ORDERS__KEEP: orders.keep: unknown key; did you mean ORDERS_ORDERS__KEEP?"),
        "{text}"
    );
}

#[test]
fn a_single_underscore_is_a_warning() {
    let environment =
        [("ORDERS_DRAIN_DELAY", "9s"), ("LAMEDUCK_LOG_LEVEL", "debug"), ("ORDERS_SERVICE_HOST", "10.0.0.1")];
    let Parsed::Serve(loaded) = run("orders", &environment) else { panic!("a warning, not an error") };
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    let why = "has no effect: the parts of a key are joined by two underscores; did you mean";
    assert_eq!(
        warnings,
        [
            format!("ORDERS_DRAIN_DELAY: {why} ORDERS_DRAIN__DELAY?"),
            format!("LAMEDUCK_LOG_LEVEL: {why} LAMEDUCK_LOG__LEVEL?"),
        ]
    );
}

#[test]
fn what_is_wrong_is_said_with_the_name_of_the_program() {
    let text = refused("orders --config /nowhere/bootstrap.yaml", &[]);
    assert!(text.starts_with("orders: --config: /nowhere/bootstrap.yaml: cannot be opened: "), "{text}");
    let text = refused("orders", &[("LAMEDUCK_CONFIG", "/nowhere")]);
    assert!(text.starts_with("orders: LAMEDUCK_CONFIG: /nowhere: cannot be opened: "), "{text}");
    let text = refused("orders chekc", &[]);
    assert!(text.contains("unrecognized subcommand 'chekc'") && text.contains("'check'"), "{text}");
    let text = refused("orders", &[("LAMEDUCK_DRAIN__DELYA", "3s"), ("LAMEDUCK_LOG__FORMAT", "jsno")]);
    assert_eq!(
        text,
        "orders: the configuration has 2 errors:\n  \
         LAMEDUCK_DRAIN__DELYA: drain.delya: unknown key; did you mean LAMEDUCK_DRAIN__DELAY?\n  \
         LAMEDUCK_LOG__FORMAT: log.format = \"jsno\": expected auto, pretty, json or ecs; did you mean json?\n\
         \n`orders keys` describes every key, `orders check` shows every value in effect.\n"
    );
}

#[test]
fn help_teaches_within_80_columns() {
    let text = printed("orders --help", &[]);
    for part in [
        "Takes orders",
        "check",
        "ORDERS_DRAIN__DELAY=3s",
        "ORDERS_CONFIG",
        "/readyz",
        "Exit codes",
        "All keys: orders keys",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    assert_narrow(&text);
    assert_eq!(printed("orders version", &[]), format!("orders 1.2.3 (lameduck {})\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_prints_yaml_that_loads_again() {
    let environment = [("LAMEDUCK_DRAIN__DELAY", "3s"), ("LAMEDUCK_DEPENDENCIES__DATABASE__TCP", "[::1]:5432")];
    let text = printed("orders check", &environment);
    assert!(text.contains("  delay: 3s                              # LAMEDUCK_DRAIN__DELAY\n"), "{text}");
    assert!(text.contains("  floor: 2s                              # default\n"), "{text}");
    let (yaml, picture) = text.split_at(text.find("# The exit").unwrap());
    assert_narrow(picture);
    assert!(yaml.lines().filter(|line| !line.contains("DATABASE")).all(|line| line.chars().count() <= 80), "{yaml}");
    let file = Some(File { name: "saved.yaml".to_owned(), text: text.clone() });
    let again = load::<()>(&Sources { file, ..Sources::default() }).unwrap();
    let Parsed::Serve(loaded) = run("orders", &environment) else { panic!("good before, bad now") };
    assert_eq!(again.config, loaded.config);
}

#[cfg(feature = "traces")]
#[test]
fn check_shows_no_password() {
    let text = printed("orders check", &[("LAMEDUCK_TRACES__ENDPOINT", "https://me:s3cret@collector:4317/x")]);
    assert!(text.contains("https://(not shown)@collector:4317/x") && !text.contains("s3cret"), "{text}");
}

#[test]
fn check_warns() {
    let text = printed("orders check", &[("LAMEDUCK_DRAIN__TIMEOUT", "none")]);
    let warning = "# warning: LAMEDUCK_DRAIN__TIMEOUT: drain.timeout = none: no time limit: only SIGKILL ends a \
                   request that never finishes\n";
    assert!(text.ends_with(&format!("fits into 30s\n\n{warning}")), "{text}");
    assert!(
        text.contains("# Draining       10s           ==================== no bound  ends with SIGKILL\n"),
        "{text}"
    );
}

#[test]
fn colour_is_for_terminals() {
    let coloured = parse::<()>(
        &ABOUT,
        Invocation { arguments: vec!["orders".into(), "check".into()], colour: true, ..Invocation::default() },
    );
    let Parsed::Print(text) = coloured else { panic!("{coloured:?}") };
    assert!(text.contains("\x1b[2m  delay: 5s"), "{text}");
    assert!(!printed("orders check", &[]).contains('\x1b'));
}

#[test]
fn the_timeline_of_the_contract() {
    let expected = "\
The exit at its latest, within a grace period of 30s:

LameDuck        0s ==========                          10s  observe, at most
Draining       10s           ==============            14s  auto: what is left
Releasing      24s                         ===          3s  at most
Flushing       27s                            ==        2s  at most
Exited         29s                              =       1s  to spare
SIGKILL        30s                               ^

pre_stop 0s + delay_max 10s + timeout 1s + release 3s + flush 2s + margin 1s
= 17s, fits into 30s
";
    assert_eq!(timeline(&Plan::default()), expected);
}

#[test]
fn a_timeline_with_a_hook_and_a_short_timeout() {
    let seconds = Duration::from_secs;
    let plan = Plan {
        strategy: Strategy::Delay,
        pre_stop: seconds(2),
        timeout: Timeout::After(seconds(8)),
        ..Plan::default()
    };
    let expected = "\
The exit at its latest, within a grace period of 30s:

preStop         0s ==                                   2s  before the signal
LameDuck        2s   =====                              5s  delay
Draining        7s        ========                      8s  at most
Releasing      15s                ===                   3s  at most
Flushing       18s                   ==                 2s  at most
Exited         20s                     ==========      10s  to spare
SIGKILL        30s                               ^

pre_stop 2s + delay 5s + timeout 8s + release 3s + flush 2s + margin 1s
= 21s, fits into 30s
";
    assert_eq!(timeline(&plan), expected);
}

fn assert_narrow(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
}

//! What holds for every key, whoever declares it: these tests walk the declarations, so a new key is covered when it is
//! there.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A service with sections of its own, one of them shared with the engine.
#[derive(Debug, PartialEq, Eq)]
struct Mine {
    queue_max: usize,
    token: String,
    bench: bool,
}

impl Settings for Mine {
    const SECTIONS: &'static [Section] = &[
        Section {
            name: "jobs",
            doc: "What is accepted now and done later.",
            keys: &[
                Key::new("jobs.queue_max", Kind::Count { min: 1, max: 1_000_000 }, "1024", "Jobs that may wait."),
                Key::new("jobs.token", Kind::Text(TOKEN), "swordfish", "What to say.").secret(),
            ],
        },
        Section {
            name: "bench",
            doc: "For tests and measurements. Nothing of it belongs into production.",
            keys: &[Key::new("bench.enabled", Kind::Flag, "false", "Whether the bench routes exist.")],
        },
    ];

    fn read(values: &Values) -> Self {
        Self {
            queue_max: values.get("jobs.queue_max"),
            token: values.get("jobs.token"),
            bench: values.get("bench.enabled"),
        }
    }

    fn check(&self, check: &mut Check<'_>) {
        if self.bench && self.queue_max < 10 {
            check.refuse(&["jobs.queue_max", "bench.enabled"], "too few for the bench: expected at least 10");
        }
    }
}

const TOKEN: Form = Form { expected: "a word", valid: |text| text.bytes().all(|byte| byte.is_ascii_lowercase()) };

/// Every key, with a name where one is free to choose.
fn keys() -> Vec<(String, &'static Key)> {
    let sections = sections::<Mine>();
    sections.iter().flat_map(|section| section.keys).map(|key| (key.path.replace('*', "some_name"), key)).collect()
}

fn environment_name(path: &str) -> String {
    Prefixes::of("lameduck").variable(path)
}

fn sections<S: Settings>() -> Vec<Section> {
    ServiceKeys::default().schema::<S>().sections
}

/// Something that the key takes and that is not its default.
fn another(path: &str, key: &Key) -> String {
    match (path, key.kind) {
        ("stages.dependencies", _) => "some_name".to_owned(),
        ("dependencies.some_name.tcp", _) => "database:5432".to_owned(),
        ("dependencies.some_name.http", _) => "http://database/health".to_owned(),
        ("log.level", _) => "debug,lameduck_server=trace".to_owned(),
        ("admin.drain", _) => "off".to_owned(),
        ("health.path", _) => "/healthz".to_owned(),
        ("tls.listeners", _) => "http".to_owned(),
        // Room for any other single change of the exit.
        ("drain.grace_period", _) => "31s".to_owned(),
        ("drain.timeout", _) => "4s".to_owned(),
        ("drain.delay_max", _) => "9s".to_owned(),
        (_, Kind::Flag) => (key.default == Some("false")).to_string(),
        (_, Kind::Count { .. }) => "77".to_owned(),
        (_, Kind::Bytes { .. }) => "3KiB".to_owned(),
        (_, Kind::Duration { .. }) => "1500ms".to_owned(),
        (_, Kind::Word(words)) => words.iter().find(|word| Some(**word) != key.default).unwrap().to_string(),
        (_, Kind::Address) => "127.0.0.1:4711".to_owned(),
        ("traces.sample_ratio", _) => "0.5".to_owned(),
        ("traces.endpoint", _) => "http://collector:4317".to_owned(),
        (_, Kind::Text(_) | Kind::TextWith(..)) => "other".to_owned(),
        (_, Kind::List(_)) => "one,two".to_owned(),
    }
}

#[test]
fn every_key_can_be_set_by_its_variable_and_in_a_file() {
    for (path, key) in keys() {
        let name = environment_name(&path);
        let value = another(&path, key);
        let mut environment = vec![(name.clone(), value.clone())];
        let companion = environment_name("dependencies.some_name.tcp");
        let is_common = path.starts_with("dependencies.") && !path.ends_with(".tcp") && !path.ends_with(".http");
        if path == "stages.dependencies" || is_common {
            environment.push((companion, "database:5432".to_owned()));
        }
        for file in ["tls.cert_file", "tls.key_file"] {
            if path.starts_with("tls.") && path != file {
                environment.push((environment_name(file), "other".to_owned()));
            }
        }
        let loaded =
            load::<Mine>(&Sources { environment, ..Sources::default() }).unwrap_or_else(|it| panic!("{path}: {it}"));
        assert_eq!(loaded.values.origin(&path), Some(&Origin::Environment(name.clone())));
        let default = load::<Mine>(&Sources::default()).unwrap().values.value(&path).cloned();
        assert_ne!(default.as_ref(), loaded.values.value(&path), "{path} was not changed");

        // The same in a file, which the variable then overrides with itself: nothing but the origin differs.
        let yaml =
            effective(&loaded.values, &sections::<()>()).iter().map(|line| format!("{line}\n")).collect::<String>();
        if !path.starts_with("jobs.") && path != "bench.enabled" {
            let from_file = load::<Mine>(&sources(&yaml, &[])).unwrap_or_else(|it| panic!("{path}: {it}\n{yaml}"));
            assert_eq!(from_file.config, loaded.config, "{path}");
            assert!(matches!(from_file.values.origin(&path), Some(Origin::File { line: 1.., .. })), "{path}");
        }
    }
}

#[test]
fn every_declaration_is_in_order() {
    let mut seen = Vec::new();
    for section in sections::<Mine>() {
        assert!(section.doc.ends_with('.'), "{}", section.name);
        for key in section.keys {
            let path = key.path;
            assert_eq!(path.split('.').next(), Some(section.name), "{path}");
            assert!(!seen.contains(&path), "{path} is declared twice");
            seen.push(path);
            assert!(
                path.split('.').all(|part| part == "*" || is_name(part)),
                "{path} cannot be an environment variable"
            );
            assert!(key.doc.ends_with('.') && (key.why.is_empty() || key.why.ends_with('.')), "{path}: sentences end");
            assert!(key.default.is_some() || path.contains(".*."), "{path}: a default, unless the key can be absent");
            if let Some(default) = key.default {
                assert!(key.kind.parse(default).is_some(), "{path} cannot have its default");
            }
        }
    }
}

#[test]
fn a_service_reads_its_own_sections_beside_the_engines() {
    let loaded = load::<Mine>(&sources("jobs: {queue_max: 7}\nbench: {closings: {look: false}}", &[])).unwrap();
    assert_eq!(loaded.settings, Mine { queue_max: 7, token: "swordfish".to_owned(), bench: false });
    assert!(!loaded.config.closings.look);
    assert_eq!(loaded.warnings.len(), 1);

    let refused = |yaml: &str| load::<Mine>(&sources(yaml, &[])).unwrap_err().0[0].to_string();
    assert_eq!(
        refused("jobs: {queue_max: 7}\nbench: {enabled: true}"),
        "bootstrap.yaml:1: jobs.queue_max = 7: too few for the bench: expected at least 10"
    );
    assert_eq!(
        refused("bench: {enable: true}"),
        "bootstrap.yaml:1: bench.enable: unknown key; did you mean bench.enabled?"
    );
    // The engine alone knows nothing of it.
    let engine = load::<()>(&sources("jobs: {queue_max: 7}", &[])).unwrap_err().0[0].to_string();
    assert_eq!(engine, "bootstrap.yaml:1: jobs: unknown key");
}

#[test]
fn a_secret_is_never_shown() {
    let loaded = load::<Mine>(&sources("jobs: {token: hunter}", &[])).unwrap();
    let shown: String = effective(&loaded.values, &sections::<Mine>()).iter().map(|line| format!("{line}\n")).collect();
    assert!(shown.contains("token: \"(not shown)\"") && !shown.contains("hunter"), "{shown}");
    let errors = load::<Mine>(&sources("jobs: {token: Hunter2}", &[])).unwrap_err().to_string();
    assert!(errors.contains("bootstrap.yaml:1: jobs.token: expected a word") && !errors.contains("unter"), "{errors}");
}

#[test]
fn a_default_that_cannot_be_read_is_an_error_like_any_other() {
    let defaults = vec![("service.name", "Not A Name".to_owned())];
    let errors = load::<()>(&Sources { defaults, ..Sources::default() }).unwrap_err();
    assert!(
        errors.0[0].to_string().starts_with("default: service.name = \"Not A Name\": expected a DNS label"),
        "{errors}"
    );
}

/// Any value of a kind, as somebody might write it.
fn any_value(path: &str, key: &'static Key) -> BoxedStrategy<String> {
    let length = |min: Duration, max: Duration| {
        (min.as_micros() as u64..=max.as_micros() as u64)
            .prop_map(|micros| format_duration(Duration::from_micros(micros)))
    };
    match (path, key.kind) {
        ("drain.grace_period", _) => length(Duration::from_secs(100), Duration::from_secs(1000)).boxed(),
        ("drain.delay_max", _) => length(Duration::from_secs(9), Duration::from_secs(30)).boxed(),
        ("log.level", _) => prop_oneof![Just("warn".to_owned()), "[a-z]{1,9}=debug,info"].boxed(),
        ("admin.drain", _) => prop_oneof![Just("off".to_owned()), Just("loopback".to_owned())].boxed(),
        ("stages.dependencies", _) => Just(String::new()).boxed(),
        // At most drain.flush, which may be 0s here.
        ("drain.scrape_wait", _) => Just("0s".to_owned()).boxed(),
        ("health.path", _) => "(/[a-z.]{1,9})?".boxed(),
        ("listen.http", _) => (1..9000_u16).prop_map(|port| format!("0.0.0.0:{port}")).boxed(),
        ("listen.admin", _) => (20_000..u16::MAX).prop_map(|port| format!("127.0.0.1:{port}")).boxed(),
        ("tls.listeners", _) => proptest::sample::select(&["http", "http,grpc"][..]).prop_map(str::to_owned).boxed(),
        ("traces.sample_ratio", _) => "0\\.[0-9]{1,5}".boxed(),
        ("traces.endpoint", _) => "(https?://[a-z]{1,9}:[1-9][0-9]{0,3})?".boxed(),
        ("service.name", _) => "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?".boxed(),
        ("cluster.services", _) => "[a-z]{1,8},[0-9]{1,3}(,[a-z]{9}){0,2}".boxed(),
        (path, _) if path.ends_with(".tcp") => "[a-z0-9]{1,9}:[1-9][0-9]{0,3}".boxed(),
        (path, _) if path.ends_with(".http") => "http://[a-z]{1,9}(:[1-9][0-9]{0,3})?(/[ -~&&[^# ]]{0,9})?".boxed(),
        // The rest of the exit stays within its 100 s.
        (path, Kind::Duration { words: [], .. }) if path.starts_with("drain.") => {
            length(Duration::ZERO, Duration::from_secs(9)).boxed()
        }
        (_, Kind::Duration { min, words: [], .. }) => length(min, Duration::from_secs(9)).boxed(),
        (_, Kind::Duration { words, .. }) => prop_oneof![
            proptest::sample::select(words).prop_map(str::to_owned),
            length(Duration::ZERO, Duration::from_secs(9))
        ]
        .boxed(),
        (_, Kind::Flag) => any::<bool>().prop_map(|flag| flag.to_string()).boxed(),
        (_, Kind::Count { min, max }) => (min..=max).prop_map(|count| count.to_string()).boxed(),
        (_, Kind::Bytes { min, max }) => (min..=max).prop_map(format_bytes).boxed(),
        (_, Kind::Word(words)) => proptest::sample::select(words).prop_map(str::to_owned).boxed(),
        (_, Kind::Address | Kind::Text(_) | Kind::TextWith(..) | Kind::List(_)) => {
            "[^\0\n\r\u{85}\u{2028}\u{2029}\u{feff}]{0,12}".boxed()
        }
    }
}

/// Some of the engine's keys with values, each name free to choose with `tcp` or `http` alone.
fn any_settings() -> impl Strategy<Value = BTreeMap<String, String>> {
    let sections = sections::<()>();
    let keys = sections.iter().flat_map(|section| section.keys);
    // The keys that all dependencies share need one that exists.
    let keys = keys.filter(|key| !EVERY_DEPENDENCY.keys.iter().any(|shared| shared.path == key.path));
    let each: Vec<_> = keys
        .map(|key| {
            let path = key.path.replace('*', if key.path.ends_with("tcp") { "tcp_one" } else { "http_one" });
            let value = any_value(&path, key);
            proptest::option::of(value).prop_map(move |value| value.map(|value| (path.clone(), value)))
        })
        .collect();
    each.prop_map(|each| {
        let mut settings: BTreeMap<_, _> = each.into_iter().flatten().collect();
        settings.entry("drain.grace_period".to_owned()).or_insert_with(|| "100s".to_owned());
        // One needs the other.
        if settings.keys().any(|path| path.starts_with("tls.") && path.ends_with("_file")) {
            for file in ["tls.cert_file", "tls.key_file"] {
                settings.insert(file.to_owned(), "/tls/file".to_owned());
            }
        }
        settings
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_check_shows_loads_again_and_means_the_same(settings in any_settings()) {
        let environment = settings.iter().map(|(path, value)| (environment_name(path), value.clone())).collect();
        let loaded = load::<()>(&Sources { environment, ..Sources::default() });
        let loaded = loaded.map_err(|errors| TestCaseError::fail(format!("{errors}")))?;
        let yaml: String = effective(&loaded.values, &sections::<()>()).iter().map(|line| format!("{line}\n")).collect();
        let again = load::<()>(&sources(&yaml, &[]));
        let again = again.map_err(|errors| TestCaseError::fail(format!("{errors}\n{yaml}")))?;
        prop_assert_eq!(again.config, loaded.config, "{}", yaml);
    }

    #[test]
    fn no_file_and_no_environment_makes_a_load_panic(
        yaml in "([a-z*&<!|>'\"{}\\[\\]:#,%@~ .0-9-]|drain|delay|dependencies|: |\n|\n  |\n- |\t|\u{e9}){0,30}",
        name in "LAMEDUCK_([A-Z_a-z]|DRAIN__|DEPENDENCIES__){0,8}",
        value in ".{0,12}",
    ) {
        let _ = load::<()>(&sources(&yaml, &[(&name, &value)]));
    }
}

//! Dependencies: handles for routes, required and optional, lost and found again, as operators see them.

use crate::support::{get, ready, start, start_with};
use lameduck::axum::routing;
use lameduck::config::{Form, Key, Kind};
use lameduck::{
    App, Call, Dependency, DependencyConfig, DependencyError, DependencyKind, DependencyUsage, Engine, RouteOptions,
    Service, WhenConnected, anyhow,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

/// A dependency that answers as long as its switch says so.
struct Switched(Arc<AtomicBool>);

#[derive(Clone)]
struct Client(&'static str);

impl Switched {
    fn answer(&self) -> Result<(), DependencyError> {
        if self.0.load(SeqCst) { Ok(()) } else { Err(DependencyError::transient("the switch is off")) }
    }
}

impl Dependency for Switched {
    type Handle = Client;

    async fn connect(&self) -> Result<Client, DependencyError> {
        self.answer().map(|()| Client("hello"))
    }

    async fn check(&self, _: &Client) -> Result<(), DependencyError> {
        self.answer()
    }
}

/// A kind that another crate might bring.
struct Greeter(String);

const WORD: Form = Form { expected: "a word", valid: |text| !text.is_empty() };

impl Dependency for Greeter {
    type Handle = Arc<str>;

    async fn connect(&self) -> Result<Arc<str>, DependencyError> {
        Ok(self.0.as_str().into())
    }

    fn usage(&self, handle: &Arc<str>) -> Option<DependencyUsage> {
        let connections_open = handle.len() as u64;
        Some(DependencyUsage { connections_open, connections_idle: 1, connections_max: 9, ..Default::default() })
    }
}

impl DependencyKind for Greeter {
    const KIND: &'static str = "greeter";
    const DOC: &'static str = "`greeter` is always available.";
    const KEYS: &'static [Key] = &[
        Key::optional("dependencies.*.greeter", Kind::Text(WORD), "Whom to greet."),
        Key::optional("dependencies.*.loudness", Kind::Count { min: 0, max: 11 }, "How loud. 1 if not set."),
    ];

    fn from_config(config: &DependencyConfig<'_>) -> Result<Self, String> {
        let (name, loudness): (String, Option<u64>) = (config.get("greeter"), config.find("loudness"));
        if name == "nobody" {
            return Err("there is nobody to greet".to_owned());
        }
        Ok(Self(name + &"!".repeat(loudness.unwrap_or(1) as usize)))
    }
}

/// Waits until `path` of the admin port says `text`.
async fn until(engine: &Engine, path: &str, text: &str) -> String {
    loop {
        let answer = get(engine.addresses().admin, path).await;
        if answer.contains(text) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn switch(on: bool) -> (Arc<AtomicBool>, impl FnOnce(&()) -> Switched + use<>) {
    let switch = Arc::new(AtomicBool::new(on));
    let same = switch.clone();
    (switch, move |()| Switched(same))
}

const OFTEN: (&str, &str) = ("dependencies.database.check_interval", "1ms");

#[tokio::test]
async fn routes_get_the_handle_that_connect_returned() {
    let (_switch, database) = switch(true);
    let service = Service::new("test").dependency("database", database).routes(async |start| {
        let client = start.dependency::<Switched>("database")?;
        anyhow::Ok(App::new().route("/", routing::get(async move || client.0)))
    });
    let engine = start(service, &[]);
    ready(&engine).await;
    assert!(get(engine.addresses().http, "/").await.ends_with("hello"));
    engine.close();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test]
async fn a_wrong_name_or_type_or_need_is_an_error_of_the_start() {
    type Ask = fn(&lameduck::Start) -> anyhow::Result<()>;
    let cases: [(Ask, &str); 3] = [
        (
            |start| Ok(start.dependency::<Switched>("databse").map(drop)?),
            "there is no dependency databse, only database, cache: configure `dependencies.databse`, or add it to the Service",
        ),
        (
            |start| Ok(start.dependency::<Greeter>("database").map(drop)?),
            "dependency database is a it::dependencies::Switched, not a it::dependencies::Greeter: configure it as that kind",
        ),
        (
            |start| Ok(start.dependency::<Switched>("cache").map(drop)?),
            "dependency cache is optional: set `dependencies.cache.required`, or use `start.optional_dependency`",
        ),
    ];
    for (ask, expected) in cases {
        let ((_one, database), (_other, cache)) = (switch(true), switch(true));
        let service = Service::new("test").dependency("database", database).optional_dependency("cache", cache);
        let service = service.routes(async move |start| ask(&start).map(|()| App::new()));
        let report = start(service, &[]).ended().await;
        assert_eq!(report.exit.code(), 1);
        let cause = report.document.cause.map(|cause| cause.text).unwrap_or_default();
        assert!(cause.contains(expected), "{cause}");
    }
}

#[tokio::test]
async fn a_lost_dependency_is_seen_and_readiness_follows_only_if_it_is_asked_to() {
    for (required, status) in [("start", "HTTP/1.1 200"), ("true", "HTTP/1.1 503")] {
        let (switch, database) = switch(true);
        let service = Service::new("test").dependency("database", database);
        let engine = start(service, &[OFTEN, ("dependencies.database.required", required)]);
        ready(&engine).await;
        until(&engine, "/readyz?verbose", "[+]dependency database ok\n").await;
        until(&engine, "/metrics", "lameduck_dependency_up{name=\"database\"} 1\n").await;

        switch.store(false, SeqCst);
        let lost = "[-]dependency database failed, not counted: the switch is off\n";
        until(&engine, "/readyz?verbose", lost).await;
        until(&engine, "/metrics", "lameduck_dependency_up{name=\"database\"} 0\n").await;
        until(&engine, "/readyz?verbose", status).await;
        assert!(get(engine.addresses().admin, "/livez").await.contains("200 OK"), "liveness never follows");

        switch.store(true, SeqCst);
        until(&engine, "/readyz?verbose", "[+]dependency database ok\n").await;
        until(&engine, "/readyz", "HTTP/1.1 200").await;
        let metrics = until(&engine, "/metrics", "lameduck_dependency_up{name=\"database\"} 1\n").await;
        assert!(metrics.contains("lameduck_dependency_connect_attempts_total{name=\"database\"} 1\n"), "{metrics}");
        assert!(metrics.contains("lameduck_dependency_check_seconds_count{name=\"database\"}"), "{metrics}");
        engine.close();
        engine.ended().await;
    }
}

#[tokio::test]
async fn an_optional_dependency_is_waited_for_by_nobody_and_there_when_it_is() {
    let (switch, database) = switch(false);
    let service = Service::new("test").optional_dependency("database", database).routes(async |start| {
        let client: WhenConnected<Client> = start.optional_dependency::<Switched>("database")?;
        let answer = async move || client.get().map_or("without", |client| client.0);
        anyhow::Ok(App::new().route("/", routing::get(answer)))
    });
    let engine = start(service, &[OFTEN]);
    ready(&engine).await;
    let asked = async || get(engine.addresses().http, "/").await.rsplit('\n').next().unwrap_or_default().to_owned();
    assert_eq!(asked().await, "without");
    until(&engine, "/readyz?verbose", "[-]dependency database failed, not counted: the switch is off\n").await;
    switch.store(true, SeqCst);
    until(&engine, "/readyz?verbose", "[+]dependency database ok\n").await;
    assert_eq!(asked().await, "hello");
    switch.store(false, SeqCst);
    until(&engine, "/readyz?verbose", "[-]dependency database failed").await;
    assert_eq!(asked().await, "without");
    engine.shutdown();
    assert_eq!(engine.ended().await.exit.code(), 0);
}

#[tokio::test]
async fn a_kind_of_another_crate_is_configured_by_the_operator() {
    let service = || {
        Service::new("test").dependency_kind::<Greeter>().routes(async |start| {
            let greeting = start.dependency::<Greeter>("host")?;
            anyhow::Ok(App::new().route("/", routing::get(async move || greeting.to_string())))
        })
    };
    let settings = [("dependencies.host.greeter", "ann"), ("dependencies.host.loudness", "3")];
    let engine = start(service(), &settings);
    ready(&engine).await;
    assert!(get(engine.addresses().http, "/").await.ends_with("ann!!!"));
    engine.close();
    engine.ended().await;

    for (settings, expected) in [
        (
            &[("dependencies.host.greeter", "nobody")][..],
            "dependencies.host.greeter = nobody: there is nobody to greet",
        ),
        (&[("dependencies.host.loudness", "12")], "expected a whole number from 0 to 11"),
        (&[("dependencies.host.loudness", "3")], "dependencies.host: expected one of tcp, http, greeter"),
        (
            &[("dependencies.host.tcp", "a:1"), ("dependencies.host.loudness", "3")],
            "dependencies.host.loudness = 3: tcp has no such key",
        ),
    ] {
        let errors = start_with(service(), settings).unwrap_err().to_string();
        assert!(errors.contains(expected), "{errors}");
    }
    // Without the kind it is not offered.
    let errors = start_with(Service::new("test"), &settings).unwrap_err().to_string();
    assert!(errors.contains("dependencies.host.greeter: unknown key"), "{errors}");
}

#[tokio::test]
async fn what_the_code_brings_can_be_tuned_but_not_replaced() {
    let service = || {
        let (_switch, database) = switch(true);
        Service::new("test").dependency("database", database)
    };
    for (settings, expected) in [
        (("dependencies.database.tcp", "a:1"), "the service brings this dependency itself"),
        (("dependencies.database.required", "false"), "the service cannot work without it: expected start or true"),
    ] {
        let errors = start_with(service(), &[settings]).unwrap_err().to_string();
        assert!(errors.contains(expected), "{errors}");
    }
}

#[tokio::test]
async fn a_default_gives_way_to_what_the_operator_configures() {
    let service = || {
        let build = |(): &()| Greeter("alone".to_owned());
        let service = Service::new("test").dependency_kind::<Greeter>().default_dependency("host", build);
        service.routes(async |start| {
            let greeting = start.dependency::<Greeter>("host")?;
            anyhow::Ok(App::new().route("/", routing::get(async move || greeting.to_string())))
        })
    };
    for (settings, expected) in [
        (&[][..], "alone"),
        (&[("dependencies.host.connect_timeout", "3s")], "alone"),
        (&[("dependencies.host.greeter", "ann")], "ann!"),
    ] {
        let engine = start(service(), settings);
        ready(&engine).await;
        let answer = get(engine.addresses().http, "/").await;
        assert!(answer.ends_with(&format!("\n{expected}")), "{answer}");
        let in_use =
            format!("lameduck_dependency_connections{{name=\"host\",state=\"in_use\"}} {}\n", expected.len() - 1);
        until(&engine, "/metrics", &in_use).await;
        engine.close();
        engine.ended().await;
    }
    let errors = start_with(service(), &[("dependencies.host.required", "false")]).unwrap_err().to_string();
    assert!(errors.contains("the service cannot work without it"), "{errors}");
}

#[tokio::test]
async fn a_call_knows_what_is_left_of_the_time_of_its_request() {
    let left = async || Call::time_left().map_or("no bound".to_owned(), |left| left.as_secs().to_string());
    let options = RouteOptions { request_timeout: Some(Duration::from_secs(1000)), body_bytes: None };
    let service = Service::new("test").routes(async move |_| {
        anyhow::Ok(App::new().route("/free", routing::get(left)).route_with("/bound", routing::get(left), options))
    });
    let engine = start(service, &[]);
    ready(&engine).await;
    assert!(get(engine.addresses().http, "/free").await.ends_with("no bound"));
    let answer = get(engine.addresses().http, "/bound").await;
    let seconds: u64 = answer.rsplit('\n').next().unwrap().parse().unwrap();
    assert!((900..1000).contains(&seconds), "{answer}");
    engine.close();
    engine.ended().await;
}

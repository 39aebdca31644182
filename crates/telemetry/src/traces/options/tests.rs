//! Keys and variables together.

use super::*;

fn resolved(keys: &TraceKeys, variables: &[(&str, &str)]) -> Result<Option<TraceOptions>, String> {
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    TraceOptions::resolve(keys, variable)
}

fn endpoint(keys: &TraceKeys, variables: &[(&str, &str)]) -> Option<String> {
    resolved(keys, variables).unwrap().map(|options| options.endpoint)
}

fn to(endpoint: &str) -> TraceKeys {
    TraceKeys { endpoint: Some(endpoint.to_owned()), service_name_default: "orders".to_owned(), ..TraceKeys::default() }
}

#[test]
fn off_until_an_endpoint_is_named() {
    assert_eq!(resolved(&TraceKeys::default(), &[]), Ok(None));
    assert_eq!(resolved(&to(""), &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), Ok(None));
    let otel = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
    assert_eq!(endpoint(&TraceKeys::default(), &[otel]).as_deref(), Some("http://collector:4317"));
    assert_eq!(endpoint(&TraceKeys::default(), &[otel, ("OTEL_SDK_DISABLED", "True")]), None);
    assert_eq!(endpoint(&TraceKeys::default(), &[otel, ("OTEL_TRACES_EXPORTER", "none")]), None);
    assert_eq!(endpoint(&to("http://mine:1"), &[otel]).as_deref(), Some("http://mine:1"), "the key wins");
}

#[test]
fn http_gets_the_path_and_a_bare_host_a_scheme() {
    let http = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[http, ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/")], "http://c:4318/v1/traces"),
        (&[http, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/mine")], "http://c:4318/mine"),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317")], "https://c:4317"),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")], "http://c:4317"),
        (&[http, ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/v1/traces")], "https://c/v1/traces"),
    ];
    for (variables, expected) in cases {
        assert_eq!(endpoint(&TraceKeys::default(), variables).as_deref(), Some(expected));
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    let at = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317");
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "5s"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
    ] {
        let error = resolved(&TraceKeys::default(), &[at, (name, value)]).unwrap_err();
        assert!(error.contains(name) && error.contains(value), "{error}");
    }
    let ratio = [at, ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
    assert!(resolved(&TraceKeys::default(), &ratio).unwrap_err().contains("OTEL_TRACES_SAMPLER_ARG"));
}

#[test]
fn samplers_and_time_outs_come_from_the_key_first() {
    let variables = [
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
    ];
    let options = resolved(&to("http://c"), &variables).unwrap().unwrap();
    assert_eq!(options.sampler, Sampler { ratio: 0.25, parent_based: false });
    assert_eq!(options.timeout, Duration::from_millis(1500));
    let keys = TraceKeys { sample_ratio: Some(0.5), timeout: Some(Duration::from_secs(2)), ..to("http://c") };
    let options = resolved(&keys, &variables).unwrap().unwrap();
    assert_eq!(options.sampler, Sampler { ratio: 0.5, parent_based: true });
    assert_eq!(options.timeout, Duration::from_secs(2));
}

#[test]
fn the_resource_says_which_pod_it_was() {
    let variables = [
        ("POD_NAME", "orders-7"),
        ("POD_UID", "u-1"),
        ("NODE_NAME", "node-a"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=theirs,team=a%2Cb,deployment.environment.name=prod"),
    ];
    let find = |keys: &TraceKeys, variables: &[_], name: &str| {
        let resource = resolved(keys, variables).unwrap().unwrap().resource;
        let found: Vec<_> = resource.into_iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect();
        assert!(found.len() <= 1, "{name} twice");
        found.into_iter().next()
    };
    for (name, expected) in [
        ("service.name", "theirs"),
        ("k8s.pod.name", "orders-7"),
        ("k8s.node.name", "node-a"),
        ("service.instance.id", "u-1"),
        ("team", "a,b"),
    ] {
        assert_eq!(find(&to("http://c"), &variables, name).as_deref(), Some(expected), "{name}");
    }
    let named = [variables[0], ("OTEL_SERVICE_NAME", "otel")];
    assert_eq!(find(&to("http://c"), &named, "service.name").as_deref(), Some("otel"));
    let keys = TraceKeys { service_name: Some("mine".to_owned()), ..to("http://c") };
    assert_eq!(find(&keys, &named, "service.name").as_deref(), Some("mine"));
}

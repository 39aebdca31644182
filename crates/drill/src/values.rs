//! How options are written: durations with a unit, ranges, client mixes, environments.

use std::time::Duration;

use lameduck_load::{Group, Kind};

use crate::plan::local::Propagation;

/// Most clients of one kind.
const CLIENTS_MAX: u32 = 100_000;
/// Highest rate of one client, in requests a second.
const RATE_MAX: f64 = 1_000_000.0;

/// `500ms`, `2s`, `1.5s`, `2m`; `0` needs no unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match (unit, number) {
        ("us", _) => 1e-6,
        ("ms", _) => 1e-3,
        ("s", _) => 1.0,
        ("m", _) => 60.0,
        ("h", _) => 3600.0,
        ("", "0") => 1.0,
        _ => return Err("expected a duration with a unit, such as 500ms, 2s or 1m".into()),
    };
    let number: f64 = number.parse().map_err(|_| "expected a number before the unit, such as 2s".to_owned())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "expected a duration of zero or more".into())
}

/// How a duration is written for a person and for an environment.
pub(crate) fn words(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0 => "0s".into(),
        _ if micros.is_multiple_of(1_000_000) => format!("{}s", micros / 1_000_000),
        _ if micros.is_multiple_of(1_000) => format!("{}ms", micros / 1_000),
        _ => format!("{micros}us"),
    }
}

/// `300ms`, or a range `100ms..1s` from which each node draws its own.
pub(crate) fn propagation(text: &str) -> Result<Propagation, String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let (least, most) = (duration(least)?, duration(most)?);
    if least > most {
        return Err("expected the smaller duration first, such as 100ms..1s".into());
    }
    Ok(Propagation { least, most })
}

/// `KIND=COUNT` or `KIND=COUNT@RATE/s`.
pub(crate) fn clients(text: &str) -> Result<Group, String> {
    let expected = || format!("expected KIND=COUNT or KIND=COUNT@RATE/s, KIND one of {}", kinds());
    let (kind, rest) = text.split_once('=').ok_or_else(expected)?;
    let kind = Kind::parse(kind).ok_or_else(expected)?;
    let (count, rate) = match rest.split_once('@') {
        Some((count, rate)) => (count, Some(rate)),
        None => (rest, None),
    };
    let count: u32 = count.parse().map_err(|_| expected())?;
    let rate = match rate {
        Some(rate) => rate.strip_suffix("/s").unwrap_or(rate).parse().map_err(|_| expected())?,
        None => default_rate(kind),
    };
    if count > CLIENTS_MAX || !(rate > 0.0 && rate <= RATE_MAX) {
        return Err(format!("expected at most {CLIENTS_MAX} clients and a rate above 0 and up to {RATE_MAX}/s"));
    }
    Ok(Group { kind, clients: count, rate })
}

/// Requests a second of one client when the option does not say.
pub(crate) fn default_rate(kind: Kind) -> f64 {
    match kind {
        Kind::Hot => 20.0,
        Kind::Warm => 2.0,
        Kind::Cold => 0.2,
        Kind::Connect => 5.0,
        Kind::Slow | Kind::Stream => 1.0,
        Kind::Upload => 0.5,
        Kind::H2c | Kind::Grpc => 50.0,
        Kind::GrpcStream => 4.0,
        Kind::Pipelined => 2.0,
    }
}

fn kinds() -> String {
    Kind::ALL.map(Kind::as_str).join(", ")
}

/// `NAME: VALUE`, the name in lower case.
pub(crate) fn header(text: &str) -> Result<(String, String), String> {
    /// What the drill writes itself, or what frames a request.
    const RESERVED: [&str; 4] = ["x-request-id", "connection", "content-length", "transfer-encoding"];
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE, such as 'Authorization: Bearer KEY'")?;
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
    http::HeaderName::try_from(&name).map_err(|_| format!("{name:?} is not the name of a header"))?;
    if RESERVED.contains(&name.as_str()) {
        return Err(format!("{name} is set by the drill"));
    }
    if !value.chars().all(|letter| letter.is_ascii_graphic() || letter == ' ' || letter == '\t') {
        return Err(format!("the value of {name} has characters that a header cannot have"));
    }
    Ok((name, value.to_owned()))
}

/// `KEY=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    if key.is_empty() || key.contains(['\0', ' ']) || value.contains('\0') {
        return Err("expected KEY=VALUE with a name that an environment can have".into());
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// A name with an environment of its own: `NAME` or `NAME=KEY=VALUE,KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) env: Vec<(String, String)>,
}

pub(crate) fn named(text: &str) -> Result<Named, String> {
    let (name, env) = text.split_once('=').unwrap_or((text, ""));
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter)) {
        return Err("expected NAME=KEY=VALUE,… with a name of letters, digits, '-', '_' and '.'".into());
    }
    // A comma inside a value is part of it unless a further KEY= follows.
    let mut pairs: Vec<(String, String)> = Vec::new();
    for part in env.split(',').filter(|part| !part.is_empty()) {
        match (pair(part), pairs.last_mut()) {
            (Ok(pair), _) => pairs.push(pair),
            (Err(_), Some((_, value))) => {
                value.push(',');
                value.push_str(part);
            }
            (Err(problem), None) => return Err(problem),
        }
    }
    Ok(Named { name: name.to_owned(), env: pairs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_a_unit() {
        let millis = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("500ms"), Ok(500));
        assert_eq!(millis("1.5s"), Ok(1_500));
        assert_eq!(millis("2m"), Ok(120_000));
        assert_eq!(millis("0"), Ok(0));
        for wrong in ["5", "", "s", "-1s", "5 s", "5sec", "1e400s"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(words(Duration::from_millis(1_500)), "1500ms");
        assert_eq!(words(Duration::from_secs(30)), "30s");
    }

    #[test]
    fn a_range_is_two_durations_in_order() {
        let range = propagation("100ms..1s").unwrap();
        assert_eq!((range.least.as_millis(), range.most.as_millis()), (100, 1_000));
        assert_eq!(propagation("2s").unwrap().least, Duration::from_secs(2));
        assert!(propagation("1s..100ms").is_err());
    }

    #[test]
    fn clients_are_kind_count_and_rate() {
        assert_eq!(clients("hot=40@20/s"), Ok(Group { kind: Kind::Hot, clients: 40, rate: 20.0 }));
        assert_eq!(clients("cold=5"), Ok(Group { kind: Kind::Cold, clients: 5, rate: 0.2 }));
        for wrong in ["hot", "hot=", "fast=3", "hot=-1", "hot=3@0/s", "hot=3@x", "hot=200000"] {
            assert!(clients(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_header_is_a_name_and_a_value_that_frame_nothing() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(header("Authorization: Bearer a:b"), pair("authorization", "Bearer a:b"));
        assert_eq!(header("X-Empty:"), pair("x-empty", ""));
        for wrong in ["no colon", "two words: x", ": x", "Content-Length: 3", "x-a: \u{1}", "x-a: b\r\nx-c: d"] {
            assert!(header(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_variant_has_a_name_and_an_environment() {
        let expected = vec![("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x,y".to_owned())];
        assert_eq!(named("fast=A=1,B=x,y"), Ok(Named { name: "fast".into(), env: expected }));
        assert_eq!(named("plain").unwrap().env, []);
        assert!(named("=A=1").is_err());
        assert!(named("fast=oops").is_err());
    }
}

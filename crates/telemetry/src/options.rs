//! What the log looks like, and how much of it there is.

/// What the log looks like, and how much of it there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The name of the service, in each JSON line.
    pub service: String,
    /// Its version, in each line of [`Format::Ecs`]; empty: not shown.
    pub service_version: String,
    /// Which instance of the service this is (the pod's name), in each line of [`Format::Ecs`]; empty: not shown.
    pub instance: String,
    /// Who reads the lines.
    pub format: Format,
    /// The least severity that is written, as [`is_filter`] takes it.
    pub level: String,
    /// Warnings, errors and access lines that one place in the code may write in a second; the rest is summed up in one
    /// line. 0: no bound.
    pub rate: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            service: "lameduck".to_owned(),
            service_version: String::new(),
            instance: String::new(),
            format: Format::default(),
            level: "info".to_owned(),
            rate: 100,
        }
    }
}

/// Who reads the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Pretty on a terminal, else JSON.
    #[default]
    Auto,
    /// For people: one line each, in colour on a terminal.
    Pretty,
    /// One JSON object per line.
    Json,
    /// One JSON object per line, in the fields of the Elastic Common Schema.
    Ecs,
}

/// The target of access lines: one for each ended request that the configuration asks for.
pub const ACCESS: &str = "lameduck::access";

/// Whether `text` is a filter: at most one level, and any number of `target=level`, separated by commas. Levels may be
/// written in any case, `warning` is `warn`.
///
/// ```
/// assert!(lameduck_telemetry::is_filter("info,lameduck_server=debug"));
/// assert!(lameduck_telemetry::is_filter("WARNING"));
/// assert!(!lameduck_telemetry::is_filter("inof"));
/// ```
pub fn is_filter(text: &str) -> bool {
    normalized(text).is_some()
}

/// The filter in the form that `tracing-subscriber` takes; `None` if it is not one.
pub(crate) fn normalized(text: &str) -> Option<String> {
    const PARTS_MAX: usize = 64;
    let is_target = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:-".contains(&byte))
    };
    let parts: Vec<_> = text.split(',').map(str::trim).collect();
    let plain = parts.iter().filter(|part| !part.contains('=')).count();
    if plain > 1 || parts.len() > PARTS_MAX {
        return None;
    }
    let part = |part: &&str| match part.split_once('=') {
        Some((target, level)) => Some(format!("{}={}", is_target(target).then_some(target)?, self::level(level)?)),
        None => level(part).map(str::to_owned),
    };
    parts.iter().map(part).collect::<Option<Vec<_>>>().map(|parts| parts.join(","))
}

fn level(text: &str) -> Option<&'static str> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let lower = text.to_ascii_lowercase();
    if lower == "warning" {
        return Some("warn");
    }
    LEVELS.into_iter().find(|level| *level == lower)
}

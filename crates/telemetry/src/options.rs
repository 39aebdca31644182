//! What telemetry is told.

/// What telemetry is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The name of the service, in each JSON line.
    pub service: String,
    /// For whom lines are written.
    pub format: Format,
    /// The least severity that is told, as [`is_filter`] takes it.
    pub level: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { service: "lameduck".to_owned(), format: Format::default(), level: "info".to_owned() }
    }
}

/// For whom lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Pretty on a terminal, else JSON.
    #[default]
    Auto,
    /// For people: one line each, in colour on a terminal.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Whether `text` is a filter: at most one level, and any number of `target=level`, separated by commas.
///
/// ```
/// assert!(lameduck_telemetry::is_filter("info,lameduck_server=debug"));
/// assert!(!lameduck_telemetry::is_filter("inof"));
/// ```
pub fn is_filter(text: &str) -> bool {
    const PARTS_MOST: usize = 64;
    let is_level = |text: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&text);
    let is_target = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:-".contains(&byte))
    };
    let parts: Vec<_> = text.split(',').collect();
    let plain = parts.iter().filter(|part| !part.contains('=')).count();
    plain <= 1
        && parts.len() <= PARTS_MOST
        && parts.iter().all(|part| match part.split_once('=') {
            Some((target, level)) => is_target(target) && is_level(level),
            None => is_level(part),
        })
}

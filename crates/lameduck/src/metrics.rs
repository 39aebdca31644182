//! Metrics: declared once, computed when somebody scrapes. Nothing is looked up per request.

mod collector;
mod declared;
#[cfg(test)]
mod documentation;
mod exemplars;
mod family;
mod openmetrics;
mod process;
mod scrapes;

pub(crate) use collector::{Collector, Sources};
pub(crate) use exemplars::Exemplars;
pub(crate) use scrapes::Scrapes;

use prometheus::{Encoder, Registry, TextEncoder};

/// How /metrics is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The text format of Prometheus, 0.0.4.
    Text,
    /// OpenMetrics 1.0, with exemplars.
    OpenMetrics,
}

impl Format {
    /// What /metrics says of it.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => prometheus::TEXT_FORMAT,
            Self::OpenMetrics => openmetrics::CONTENT_TYPE,
        }
    }
}

/// Everything in the registry.
///
/// # Errors
/// If a metric of the service is malformed.
pub(crate) fn text(registry: &Registry, format: Format, exemplars: &Exemplars) -> prometheus::Result<Vec<u8>> {
    let families = registry.gather();
    if format == Format::OpenMetrics {
        return Ok(openmetrics::text(&families, exemplars).into_bytes());
    }
    let mut text = Vec::new();
    TextEncoder::new().encode(&families, &mut text)?;
    Ok(text)
}

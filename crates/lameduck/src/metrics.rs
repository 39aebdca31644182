//! Metrics: declared once, computed when somebody scrapes. Nothing is looked up per request.

mod collector;
mod declared;
#[cfg(test)]
mod documentation;
mod family;
mod process;

pub(crate) use collector::{Collector, Sources};

use prometheus::{Encoder, Registry, TextEncoder};

/// What /metrics says of its format.
pub(crate) const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Everything in the registry, as text.
///
/// # Errors
/// If a metric of the service is malformed.
pub(crate) fn text(registry: &Registry) -> prometheus::Result<Vec<u8>> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(text)
}

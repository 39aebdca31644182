//! The results as one page: everything inside it, nothing from the network.

use crate::report::Document;

/// The page; the document takes the place of the marker.
const PAGE: &str = include_str!("page.html");
const MARKER: &str = "\"DOCUMENT\"";

/// Puts the document into the page.
///
/// # Errors
/// The document cannot be written as JSON.
pub(crate) fn render(document: &Document) -> serde_json::Result<String> {
    // Inside a script element only `<` could end it.
    let json = serde_json::to_string(document)?.replace('<', "\\u003c");
    Ok(PAGE.replacen(MARKER, &json, 1))
}

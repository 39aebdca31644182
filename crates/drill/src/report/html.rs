//! The results as one page: everything inside it, nothing from the network.

use crate::report::Document;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// Puts the document into the page.
///
/// # Errors
/// The document cannot be written as JSON.
pub(crate) fn render(document: &Document) -> serde_json::Result<String> {
    // Inside a script element only `<` could end it. The document goes in last: it may hold any text.
    let json = serde_json::to_string(document)?.replace('<', "\\u003c");
    let frame = PAGE.replacen("/*STYLE*/", STYLE, 1).replacen("/*SCRIPT*/", SCRIPT, 1);
    Ok(frame.replacen("\"DOCUMENT\"", &json, 1))
}

//! What `check` prints: the effective configuration, the exit timeline, and what is worth a second look.

use super::About;
use super::timeline::timeline;
use crate::config::{self, Loaded, Origin, Section};
use std::fmt::Write as _;

pub(super) fn report<S>(about: &About, loaded: &Loaded<S>, sections: &[Section], colour: bool) -> String {
    let paint = Paint { colour };
    let mut text = format!("# {} {}: every value in effect, and where it came from\n", about.name, about.version);
    for line in config::effective(&loaded.values, sections) {
        let line = match &line.origin {
            Some(Origin::Default) => paint.faint(&line.to_string()),
            Some(_) => paint.strong(&line.to_string()),
            None => line.to_string(),
        };
        let _ = writeln!(text, "{line}");
    }
    let _ = write!(text, "\n{}", commented(&timeline(&loaded.config.plan())));
    let tls = tls(loaded);
    if let Some(Ok(tls)) = &tls {
        let _ = write!(text, "\n{}", commented(tls));
    }
    let doubt = tls.and_then(Result::err);
    if !loaded.warnings.is_empty() || doubt.is_some() {
        text.push('\n');
    }
    if let Some(doubt) = doubt {
        let _ = writeln!(text, "{}", paint.warning(&format!("# warning: {doubt}")));
    }
    for warning in &loaded.warnings {
        let _ = writeln!(text, "{}", paint.warning(&format!("# warning: {warning}")));
    }
    text
}

/// What TLS would serve, or why it cannot be served here: the files may be on another machine.
#[cfg(feature = "tls")]
fn tls<S>(loaded: &Loaded<S>) -> Option<Result<String, String>> {
    loaded.config.tls.as_ref().map(crate::tls::describe)
}

#[cfg(not(feature = "tls"))]
fn tls<S>(_: &Loaded<S>) -> Option<Result<String, String>> {
    None
}

/// As comments, so that the whole output is YAML that can be saved and loaded.
fn commented(text: &str) -> String {
    text.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}

struct Paint {
    colour: bool,
}

impl Paint {
    fn faint(&self, text: &str) -> String {
        self.with(text, "2")
    }

    fn strong(&self, text: &str) -> String {
        self.with(text, "1")
    }

    fn warning(&self, text: &str) -> String {
        self.with(text, "33")
    }

    fn with(&self, text: &str, code: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

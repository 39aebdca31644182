//! The configuration keys of this service, next to the engine's: sections `jobs` and `auth`.

use crate::bench; // [repository]
use lameduck::config::{Form, Key, Kind, Section, Values};
use std::path::PathBuf;

/// The settings of this service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Maximum number of queued jobs.
    pub queue_max: usize,
    /// The API keys that may use /account; `None`: access is disabled.
    pub keys_file: Option<PathBuf>,
    // [repository
    /// Whether the bench routes are served.
    pub bench: bool,
    // repository]
}

const PATH: Form = Form { expected: "a path, or empty for none", valid: |text| !text.contains('\0') };

impl lameduck::config::Settings for Settings {
    const SECTIONS: &'static [Section] = &[
        Section {
            name: "jobs",
            doc: "Jobs that /submit accepts now and a worker does later.",
            keys: &[Key::new(
                "jobs.queue_max",
                Kind::Count { min: 1, max: 1_000_000 },
                "1024",
                "Maximum number of queued jobs; more are answered with 429.",
            )
            .why("All queued jobs must be done within `drain.release`.")],
        },
        Section {
            name: "auth",
            doc: "Access to /account.",
            keys: &[Key::new(
                "auth.keys_file",
                Kind::Text(PATH),
                "",
                "A file with one `NAME KEY` per line, keys of 16 to 128 bytes. It is read again when it changes. Empty: access is \
                 disabled.",
            )
            .why("A file, because a Secret is mounted as one.")],
        },
        bench::SECTION, // [repository]
    ];

    fn read(values: &Values) -> Self {
        Self {
            // As they are called above.
            queue_max: values.get("jobs.queue_max"),
            keys_file: values.get("auth.keys_file"),
            bench: values.get("bench.enabled"), // [repository]
        }
    }
}

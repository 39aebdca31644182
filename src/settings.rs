//! The keys of this service, beside the engine's: sections `jobs`, `auth` and `bench`.

use lameduck::config::{Form, Key, Kind, Section, Settings, Values};
use std::path::PathBuf;

/// What the configuration says to this service.
#[derive(Clone, Debug)]
pub struct Mine {
    /// Jobs that may wait.
    pub queue_max: usize,
    /// Who may use /account; empty: nobody.
    pub keys_file: PathBuf,
    /// Whether the bench routes are there.
    pub bench: bool,
}

const PATH: Form = Form { expected: "a path, or empty for none", valid: |text| !text.contains('\0') };

impl Settings for Mine {
    const SECTIONS: &'static [Section] = &[
        Section {
            name: "jobs",
            doc: "What /submit accepts now and does later.",
            keys: &[Key::new(
                "jobs.queue_max",
                Kind::Count { least: 1, most: 1_000_000 },
                "1024",
                "Jobs that may wait; more are answered with 429.",
            )
            .why("All that wait must be done within `drain.release`.")],
        },
        Section {
            name: "auth",
            doc: "Who may use /account.",
            keys: &[Key::new(
                "auth.keys_file",
                Kind::Text(PATH),
                "",
                "A file with `NAME KEY` a line, keys of 16 to 128 bytes, read at the start. Empty: nobody gets in.",
            )
            .why("A file, because a Secret is mounted as one.")],
        },
        Section {
            name: "bench",
            doc: "Tools for tests and measurements.",
            keys: &[Key::new(
                "bench.enabled",
                Kind::Flag,
                "false",
                "Serve /bench/*: slow, long, broken and stuck on purpose.",
            )
            .why("Whoever reaches them can hold the service up.")],
        },
    ];

    fn read(values: &Values) -> Self {
        Self {
            queue_max: values.get("jobs.queue_max"),
            keys_file: values.get::<String>("auth.keys_file").into(),
            bench: values.get("bench.enabled"),
        }
    }
}

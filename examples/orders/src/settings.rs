//! The configuration keys of this service, next to the engine's and those of `dependencies`.

use lameduck::config::{Form, Key, Kind, Section, Values};
use std::path::PathBuf;

const FOLDER: Form = Form { expected: "the path of a folder", valid: |text| !text.is_empty() && !text.contains('\0') };

/// The settings of this service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the service keeps what no dependency keeps for it.
    pub folder: PathBuf,
}

impl lameduck::config::Settings for Settings {
    const SECTIONS: &'static [Section] = &[Section {
        name: "orders",
        doc: "What the service keeps itself.",
        keys: &[Key::new(
            "orders.folder",
            Kind::Text(FOLDER),
            ".",
            "The folder of the database file (where `dependencies.database` is not configured) and of the documents.",
        )],
    }];

    fn read(values: &Values) -> Self {
        Self { folder: PathBuf::from(values.get::<String>("orders.folder")) }
    }
}

//! Keys that several kinds have, and the forms of their values.

use lameduck::config::{Form, Key, Kind};

const FILE: Form = Form { expected: "the path of a file", valid: |text| !text.is_empty() && !text.contains('\0') };

/// The password, by file.
pub(crate) const PASSWORD_FILE: Key = Key::optional(
    "dependencies.*.password_file",
    Kind::Text(FILE),
    "A file with the password. It is read again when it changes; new connections use the new password.",
)
.why("A file, because a Secret is mounted as one, and can be rotated without a restart.");

/// The certificates of authorities, by file.
#[cfg(any(feature = "kafka", feature = "redis", feature = "s3"))]
pub(crate) const CA_FILE: Key = Key::optional(
    "dependencies.*.ca_file",
    Kind::Text(FILE),
    "A file with the certificates (PEM) that sign those of the servers. If not set: those of the system.",
);

/// The most connections.
#[cfg(feature = "postgres")]
pub(crate) const POOL_MAX: Key = Key::optional(
    "dependencies.*.pool_max",
    Kind::Count { min: 1, max: 1000 },
    "Maximum number of connections that one replica opens. 8 if not set.",
)
.why("All replicas together, and one more of them during a rollout, must stay below what the server allows.");

/// What `POOL_MAX` is if it is not set.
#[cfg(feature = "postgres")]
pub(crate) const POOL_MAX_DEFAULT: u32 = 8;

//! `s3: URL`: a bucket of an object store that speaks S3, or a folder.

mod bucket;
mod error;
mod place;
mod upload;

pub use bucket::{Bucket, Object};
pub use error::{ObjectError, PutError};
pub use upload::{PutOptions, Stored};

use crate::calls::Calls;
use crate::files::Certificates;
use crate::keys::{CA_FILE, PASSWORD_FILE};
use crate::password::Password;
use lameduck::config::{Form, Key, Kind};
use lameduck::{Dependency, DependencyConfig, DependencyError, DependencyKind, DependencyUsage};
use place::{Keys, Place, Target};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const URL: Form =
    Form { expected: "s3://BUCKET[/PREFIX] or file:///FOLDER", valid: |text| text.parse::<Target>().is_ok() };
const ENDPOINT: Form = Form {
    expected: "http://HOST[:PORT] or https://HOST[:PORT]",
    valid: |text| {
        ["http://", "https://"].iter().any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
    },
};
const WORD: Form = Form { expected: "a word", valid: |text| !text.is_empty() && !text.contains(char::is_whitespace) };

/// Transfers at a time, if the operator does not say.
const TRANSFERS_MAX: usize = 16;

/// A bucket, or a folder in its place. The handle is a [`Bucket`].
#[derive(Clone, Debug)]
pub struct S3 {
    place: Arc<Place>,
    calls: Calls,
    transfers_max: usize,
}

impl S3 {
    /// A folder, which is made if it does not exist: for a service that runs alone. `name` is that of the dependency.
    pub fn folder(name: &str, path: impl Into<PathBuf>) -> Self {
        let place = Arc::new(Place::folder(path.into()));
        Self { place, calls: Calls::new(name), transfers_max: TRANSFERS_MAX }
    }
}

impl Dependency for S3 {
    type Handle = Bucket;

    async fn connect(&self) -> Result<Bucket, DependencyError> {
        let store = self.place.open()?;
        let bucket = Bucket::new(store, Arc::clone(&self.place), self.calls.clone(), self.transfers_max);
        bucket.probe().await.map(|()| bucket)
    }

    async fn check(&self, bucket: &Bucket) -> Result<(), DependencyError> {
        bucket.probe().await
    }

    fn usage(&self, bucket: &Bucket) -> Option<DependencyUsage> {
        Some(bucket.usage())
    }
}

impl DependencyKind for S3 {
    const KIND: &'static str = "s3";
    const DOC: &'static str = "`s3` is available when the object store answers for the bucket. Without `access_key` the login is that of the environment: \
         `AWS_…` variables, a web identity, or the machine.";
    const KEYS: &'static [Key] = &[
        Key::optional(
            "dependencies.*.s3",
            Kind::Text(URL),
            "The bucket, and the first part of the names of its objects; or a folder.",
        ),
        Key::optional(
            "dependencies.*.endpoint",
            Kind::Text(ENDPOINT),
            "Where the object store is. If not set: that of AWS for the region.",
        ),
        Key::optional(
            "dependencies.*.region",
            Kind::Text(WORD),
            "The region; `us-east-1` if neither this nor AWS_REGION is set.",
        ),
        Key::optional(
            "dependencies.*.access_key",
            Kind::Text(WORD),
            "The id of the access key. Its secret is in `password_file`.",
        ),
        PASSWORD_FILE,
        CA_FILE,
        Key::optional(
            "dependencies.*.transfers_max",
            Kind::Count { min: 1, max: 1000 },
            "Maximum number of uploads and downloads at the same time; 16 if not set. An upload holds up to 10 MiB.",
        ),
    ];

    fn from_config(config: &DependencyConfig<'_>) -> Result<Self, String> {
        let target: Target = config.get::<String>("s3").parse()?;
        let access_key = config.find::<String>("access_key");
        let password = config.find::<String>("password_file");
        if access_key.is_some() != password.is_some() {
            return Err("access_key and password_file belong together".to_owned());
        }
        let (endpoint, region) = (config.find::<String>("endpoint"), config.find::<String>("region"));
        let certificates = config.find::<String>("ca_file").map(Certificates::new);
        let remote = endpoint.is_some() || region.is_some() || access_key.is_some() || certificates.is_some();
        if remote && matches!(target, Target::Folder(_)) {
            return Err("a folder has no endpoint, region, access_key or ca_file".to_owned());
        }
        let password = password.map(|file| Password::in_file(config.path("password_file"), file.into()));
        let keys = Keys {
            endpoint,
            region,
            access_key,
            secret: Arc::new(password.unwrap_or_else(Password::none)),
            certificates,
            connect_timeout: config.find("connect_timeout").unwrap_or(Duration::from_secs(5)),
        };
        let transfers_max = config.find::<u64>("transfers_max").and_then(|max| usize::try_from(max).ok());
        Ok(Self {
            place: Arc::new(Place { target, keys }),
            calls: Calls::new(config.name()),
            transfers_max: transfers_max.unwrap_or(TRANSFERS_MAX),
        })
    }
}

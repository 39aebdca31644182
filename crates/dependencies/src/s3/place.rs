//! Where objects are, and the login there.

use crate::files::{self, Certificates};
use crate::password::Password;
use lameduck::DependencyError;
use object_store::aws::{AmazonS3Builder, AwsCredential, Checksum};
use object_store::client::{Certificate, ClientOptions, CredentialProvider};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Nothing is read for so long: the transfer has stopped.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// An operation that failed is tried again for so long.
const RETRY_TIMEOUT: Duration = Duration::from_secs(15);
const RETRIES_MAX: usize = 3;

/// What the URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Bucket { name: String, prefix: String },
    Folder(PathBuf),
}

/// The other keys.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    pub(super) access_key: Option<String>,
    pub(super) secret: Arc<Password>,
    pub(super) certificates: Option<Certificates>,
    pub(super) connect_timeout: Duration,
}

/// All that leads to the objects.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) target: Target,
    pub(super) keys: Keys,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("s3://") {
            let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if !(3..=63).contains(&name.len()) || !name.bytes().all(good) {
                return Err(format!("`{name}` is not the name of a bucket"));
            }
            let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|error| error.to_string())?;
            return Ok(Self::Bucket { name: name.to_owned(), prefix: prefix.to_string() });
        }
        match text.strip_prefix("file://") {
            Some(path) if path.starts_with('/') => Ok(Self::Folder(path.into())),
            Some(_) => Err("a folder needs its whole path: file:///FOLDER".to_owned()),
            None => Err("not a URL of an object store".to_owned()),
        }
    }
}

impl Place {
    pub(super) fn folder(path: PathBuf) -> Self {
        let keys = Keys {
            endpoint: None,
            region: None,
            access_key: None,
            secret: Arc::new(Password::none()),
            certificates: None,
            connect_timeout: Duration::from_secs(5),
        };
        Self { target: Target::Folder(path), keys }
    }

    /// The path of an object.
    pub(super) fn path(&self, key: &str) -> Result<Path, object_store::path::Error> {
        match &self.target {
            Target::Bucket { prefix, .. } if !prefix.is_empty() => Path::parse(format!("{prefix}/{key}")),
            Target::Bucket { .. } | Target::Folder(_) => Path::parse(key),
        }
    }

    /// Connects to nothing.
    pub(super) fn open(&self) -> Result<Arc<dyn ObjectStore>, DependencyError> {
        match &self.target {
            Target::Folder(path) => {
                std::fs::create_dir_all(path)
                    .map_err(|error| DependencyError::Permanent(format!("cannot make {}: {error}", path.display())))?;
                let store = LocalFileSystem::new_with_prefix(path).map_err(DependencyError::permanent)?;
                Ok(Arc::new(store.with_fsync(true)))
            }
            Target::Bucket { name, .. } => self.bucket(name, RETRIES_MAX),
        }
    }

    /// For the check: what is wrong is said at once.
    pub(super) fn open_impatient(&self) -> Result<Arc<dyn ObjectStore>, DependencyError> {
        match &self.target {
            Target::Bucket { name, .. } => self.bucket(name, 0),
            Target::Folder(_) => self.open(),
        }
    }

    fn bucket(&self, name: &str, retries_max: usize) -> Result<Arc<dyn ObjectStore>, DependencyError> {
        files::install_tls_provider();
        let keys = &self.keys;
        let mut client = ClientOptions::new()
            .with_connect_timeout(keys.connect_timeout)
            .with_read_timeout(READ_TIMEOUT)
            // A bound of the whole would be one of the size.
            .with_timeout_disabled();
        if let Some(certificates) = &keys.certificates {
            let pem = certificates.read().map_err(DependencyError::Permanent)?;
            for certificate in Certificate::from_pem_bundle(&pem).map_err(DependencyError::permanent)? {
                client = client.with_root_certificate(certificate);
            }
        }
        let backoff = BackoffConfig { max_backoff: Duration::from_secs(3), ..BackoffConfig::default() };
        let retry = RetryConfig { backoff, max_retries: retries_max, retry_timeout: RETRY_TIMEOUT };
        let mut builder = AmazonS3Builder::from_env()
            .with_client_options(client)
            .with_retry(retry)
            .with_checksum_algorithm(Checksum::SHA256)
            .with_bucket_name(name);
        if let Some(region) = &keys.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &keys.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some(access_key) = &keys.access_key {
            let login = Login { access_key: access_key.clone(), secret: Arc::clone(&keys.secret) };
            // The first look reports a file that cannot be read.
            login.secret.current()?;
            builder = builder.with_credentials(Arc::new(login));
        }
        Ok(Arc::new(builder.build().map_err(DependencyError::permanent)?))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.target, &self.keys.endpoint) {
            (Target::Folder(path), _) => write!(f, "{}", path.display()),
            (Target::Bucket { name, .. }, None) => write!(f, "bucket {name}"),
            (Target::Bucket { name, .. }, Some(endpoint)) => write!(f, "bucket {name} at {endpoint}"),
        }
    }
}

/// The secret as the file has it now.
#[derive(Debug)]
struct Login {
    access_key: String,
    secret: Arc<Password>,
}

#[async_trait::async_trait]
impl CredentialProvider for Login {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let secret = self
            .secret
            .current()
            .map_err(|error| object_store::Error::Generic { store: "S3", source: error.to_string().into() })?;
        let secret_key = secret.map(lameduck::config::Secret::into_inner).unwrap_or_default();
        Ok(Arc::new(AwsCredential { key_id: self.access_key.clone(), secret_key, token: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_buckets_or_folders() {
        let bucket = |name: &str, prefix: &str| Target::Bucket { name: name.to_owned(), prefix: prefix.to_owned() };
        assert_eq!("s3://orders".parse(), Ok(bucket("orders", "")));
        assert_eq!("s3://orders/a/b/".parse(), Ok(bucket("orders", "a/b")));
        assert_eq!("file:///var/orders".parse(), Ok(Target::Folder("/var/orders".into())));
        for wrong in ["orders", "s3://", "s3://a b", "s3://orders/../x", "file://orders", "http://orders"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_cannot_leave_their_prefix() {
        let keys = Place::folder("/tmp".into()).keys;
        let place = Place { target: "s3://orders/documents".parse().unwrap(), keys };
        assert_eq!(place.path("42/invoice").unwrap().to_string(), "documents/42/invoice");
        for wrong in ["../secret", "a/../../b", "a//b"] {
            assert!(place.path(wrong).is_err(), "{wrong}");
        }
    }
}

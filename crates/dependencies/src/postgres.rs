//! `postgres: URL`: a PostgreSQL server, or a pooler in front of one.

mod failure;

use crate::keys::{PASSWORD_FILE, POOL_MAX, POOL_MAX_DEFAULT};
use crate::password::Password;
use crate::sql::{Migrations, Pool, Refresh, Settings, Sql};
use lameduck::config::{Form, FromValue, Key, Kind, Secret, Value};
use lameduck::{Dependency, DependencyConfig, DependencyError, DependencyKind, DependencyUsage};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const URL: Form = Form {
    expected: "postgres://USER@HOST[:PORT]/DATABASE[?sslmode=verify-full]",
    valid: |text| {
        let scheme = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        scheme && text.parse::<PgConnectOptions>().is_ok()
    },
};

const IDLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
const LIFETIME_MAX: Duration = Duration::from_secs(30 * 60);
/// The default of `connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A PostgreSQL server. The handle is a [`Sql`].
#[derive(Clone, Debug)]
pub struct Postgres {
    options: PgConnectOptions,
    prepares: bool,
    password: Arc<Password>,
    pool_max: u32,
    acquire_timeout: Duration,
    migrations: Migrations,
}

impl Postgres {
    /// The server and database of a URL. Connects to nothing.
    ///
    /// # Errors
    /// What is wrong with the URL.
    pub fn new(url: &str) -> Result<Self, String> {
        if !(URL.valid)(url) {
            return Err(format!("expected {}", URL.expected));
        }
        let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| error.to_string())?;
        // Prepared statements belong to a session, which a pooler gives to another: only if somebody asks for them.
        let prepares = url.contains("statement-cache-capacity=") && !url.contains("statement-cache-capacity=0");
        Ok(Self {
            // Poolers refuse what they do not know at the start of a session, and servers since 12 need it not.
            options: options.disable_statement_logging().extra_float_digits(None),
            prepares,
            password: Arc::new(Password::none()),
            pool_max: POOL_MAX_DEFAULT,
            acquire_timeout: CONNECT_TIMEOUT,
            migrations: Migrations::Run,
        })
    }

    /// Opens at most so many connections; 8 by default.
    #[must_use]
    pub fn pool_max(mut self, pool_max: u32) -> Self {
        self.pool_max = pool_max.max(1);
        self
    }

    /// Takes the password from a file, and follows the file. `key` is the key that names it, for logs and metrics.
    #[must_use]
    pub fn password_file(mut self, key: impl Into<String>, file: impl Into<std::path::PathBuf>) -> Self {
        self.password = Arc::new(Password::in_file(key.into(), file.into()));
        self
    }

    fn pool(&self, options: PgConnectOptions) -> sqlx::PgPool {
        PgPoolOptions::new()
            .max_connections(self.pool_max)
            .acquire_timeout(self.acquire_timeout)
            .idle_timeout(IDLE_TIMEOUT)
            .max_lifetime(LIFETIME_MAX)
            // A dead one shows by its first statement, and a transaction that has not begun is begun on another.
            .test_before_acquire(false)
            .connect_lazy_with(options)
    }

    /// Looks whether the password has changed; `true` if the pool has another one from now on.
    fn refresh(&self, first: Option<Secret<String>>) -> impl Fn(&Pool, Refresh) -> bool + Send + Sync + use<> {
        let (password, options) = (self.password.clone(), self.options.clone());
        let known = Mutex::new(Known { followed: first.clone(), used: first });
        move |pool, when| {
            let now = match when {
                Refresh::Cheap => password.current().ok().flatten(),
                Refresh::Refused => password.at_once(),
            };
            let Some(now) = now else { return false };
            let changed = known.lock().unwrap_or_else(PoisonError::into_inner).learns(&now, when);
            if changed && let Pool::Postgres(pool) = pool {
                pool.set_connect_options(options.clone().password(now.expose()));
            }
            changed
        }
    }
}

/// Passwords that the pool has seen.
struct Known {
    /// As the follower of the file last had it: up to a second old.
    followed: Option<Secret<String>>,
    /// What connections are opened with.
    used: Option<Secret<String>>,
}

impl Known {
    /// Whether connections are to be opened with `now`. What the follower still has does not replace what the file was
    /// found to have since.
    fn learns(&mut self, now: &Secret<String>, when: Refresh) -> bool {
        if when == Refresh::Cheap {
            if self.followed.as_ref() == Some(now) {
                return false;
            }
            self.followed = Some(now.clone());
        }
        if self.used.as_ref() == Some(now) {
            return false;
        }
        self.used = Some(now.clone());
        true
    }
}

impl Dependency for Postgres {
    type Handle = Sql;

    async fn connect(&self) -> Result<Sql, DependencyError> {
        let password = self.password.current()?;
        let mut options = self.options.clone();
        if let Some(password) = &password {
            options = options.password(password.expose());
        }
        if options.get_application_name().is_none() {
            options = options.application_name("lameduck");
        }
        // One connection outside of the pool, which would try again where the answer is clear.
        let mut first = options.connect().await.map_err(|error| failure::of(&error, &options))?;
        let answer = sqlx::Executor::execute(&mut first, sqlx::raw_sql("SELECT 1")).await;
        answer.map_err(|error| failure::of(&error, &options))?;
        // It has answered: how it takes the farewell does not matter.
        let _ = first.close().await;
        let settings = Settings {
            pool_max: self.pool_max,
            prepares: self.prepares,
            namespace: options.get_database().unwrap_or_else(|| options.get_username()).to_owned(),
            address: options.get_host().to_owned(),
            port: options.get_port(),
            migrations: self.migrations,
            refresh: Some(Box::new(self.refresh(password))),
        };
        Ok(Sql::new(Pool::Postgres(self.pool(options)), settings))
    }

    async fn check(&self, sql: &Sql) -> Result<(), DependencyError> {
        sql.check().await
    }

    fn usage(&self, sql: &Sql) -> Option<DependencyUsage> {
        Some(sql.inner().usage())
    }

    async fn release(&self, sql: Sql) -> Result<(), DependencyError> {
        sql.inner().close().await;
        Ok(())
    }
}

impl FromValue for Migrations {
    fn from_value(value: &Value) -> Option<Self> {
        value.one_of(&[("run", Self::Run), ("check", Self::Check), ("off", Self::Off)])
    }
}

impl DependencyKind for Postgres {
    const KIND: &'static str = "postgres";
    const DOC: &'static str = "`postgres` is available when the server lets the user into the database. Behind a pooler in transaction mode too.";
    const KEYS: &'static [Key] = &[
        Key::optional("dependencies.*.postgres", Kind::Text(URL), "Server, user and database. A password belongs into `password_file`.")
            .secret(),
        PASSWORD_FILE,
        POOL_MAX,
        Key::optional(
            "dependencies.*.migrations",
            Kind::Word(&["run", "check", "off"]),
            "`run`: what is missing in the schema is applied at the start, by one replica. `check`: the start ends if something is \
             missing. `off`: the schema is not looked at. `run` if not set.",
        )
        .why("`check` where the service's user may not change the schema, and a separate job does it."),
    ];

    fn from_config(config: &DependencyConfig<'_>) -> Result<Self, String> {
        let url: String = config.get("postgres");
        let mut postgres = Self::new(&url)?.pool_max(config.find("pool_max").unwrap_or(POOL_MAX_DEFAULT));
        postgres.acquire_timeout = config.find("connect_timeout").unwrap_or(CONNECT_TIMEOUT);
        postgres.migrations = config.find("migrations").unwrap_or_default();
        if let Some(file) = config.find::<String>("password_file") {
            let authority = url.split("://").nth(1).and_then(|rest| rest.split(['/', '?']).next()).unwrap_or("");
            let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
            if user.contains(':') {
                return Err("has a password in the URL and a password_file: expected one of them".to_owned());
            }
            postgres = postgres.password_file(config.path("password_file"), file);
        }
        Ok(postgres)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_follower_still_has_does_not_replace_what_the_file_has() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let mut known = Known { followed: Some(secret("old")), used: Some(secret("old")) };
        assert!(!known.learns(&secret("old"), Refresh::Cheap));
        assert!(known.learns(&secret("new"), Refresh::Refused));
        assert!(!known.learns(&secret("new"), Refresh::Refused), "it was refused as well");
        assert!(!known.learns(&secret("old"), Refresh::Cheap), "the follower is late");
        assert!(!known.learns(&secret("new"), Refresh::Cheap));
        assert!(known.learns(&secret("newer"), Refresh::Cheap));
    }

    #[test]
    fn only_urls_of_postgres() {
        for good in ["postgres://a@b/c", "postgresql://a:p@[::1]:5433/c?sslmode=verify-full"] {
            assert!(Postgres::new(good).is_ok(), "{good}");
        }
        for wrong in ["", "b:5432", "mysql://a@b/c", "postgres://a@b:port/c", "postgres://a@b/c?sslmode=perhaps"] {
            assert!(Postgres::new(wrong).is_err(), "{wrong}");
        }
        let prepares = |url: &str| Postgres::new(url).unwrap().prepares;
        assert!(!prepares("postgres://a@b/c") && !prepares("postgres://a@b/c?statement-cache-capacity=0"));
        assert!(prepares("postgres://a@b/c?statement-cache-capacity=100"));
    }
}

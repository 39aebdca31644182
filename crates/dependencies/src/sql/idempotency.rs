//! `Idempotency-Key`: a request that is sent again has its effect once, and gets the same answer.
//!
//! The answer is stored in the transaction of the effect. So there is no moment at which the one is there without the
//! other: a process that is killed before the commit has done nothing, and after it the next attempt finds the answer.

mod tx;

pub use tx::Tx;

use super::migrations::hash_of;
use super::{AssertSqlSafe, Dialect, Migration, Sql, SqlError, Transaction};
use crate::values;
use lameduck::axum::body::{Body, Bytes, to_bytes};
use lameduck::axum::extract::{Request, State};
use lameduck::axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use lameduck::axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lameduck::axum::middleware::{Next, from_fn_with_state};
use lameduck::axum::response::{IntoResponse, Response};
use lameduck::axum::routing::MethodRouter;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tx::Slot;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On an answer that was stored.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const KEY_BYTES_MAX: usize = 255;
const REQUEST_BYTES_MAX: usize = 1 << 20;
const RESPONSE_BYTES_MAX: usize = 64 << 10;
/// Rows that one statement deletes, so that it holds its locks shortly.
const EXPIRE_ROWS: u32 = 1000;
const KEEP_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes routes idempotent: wrap them by [`on`](Self::on). The handler takes the transaction as [`Tx`]; it is committed
/// after the handler has returned, together with the answer, if that is no error; else it is rolled back, and the key
/// may be used again.
///
/// | request | answer |
/// |---|---|
/// | without `Idempotency-Key` | the handler's, or 400 if it is [required](Self::required) |
/// | the first of its key | the handler's, stored if it is no error |
/// | the same key and body | the stored answer, with `Idempotency-Replayed: true` |
/// | the same key, another body | 422 |
/// | the same key while the first is served | 409 |
///
/// A key belongs to method and path. Stored answers are forgotten after a day, if [`expire`](Self::expire) is called
/// now and then.
#[derive(Clone, Debug)]
pub struct Idempotency {
    sql: Sql,
    keep: Duration,
    required: bool,
    in_progress: InProgress,
}

impl Idempotency {
    /// The table of answers.
    pub const MIGRATION: Migration = Migration::new(
        "lameduck_idempotency_1",
        "CREATE TABLE lameduck_idempotency (scope TEXT NOT NULL, key TEXT NOT NULL, request_hash BIGINT NOT NULL, \
         status BIGINT NOT NULL, content_type TEXT, location TEXT, body BYTEA NOT NULL, expires_ms BIGINT NOT NULL, \
         PRIMARY KEY (scope, key)); \
         CREATE INDEX lameduck_idempotency_expires ON lameduck_idempotency (expires_ms)",
    );

    /// With answers stored in `sql`, for a day. Needs [`Idempotency::MIGRATION`].
    pub fn new(sql: &Sql) -> Self {
        Self { sql: sql.clone(), keep: KEEP_DEFAULT, required: false, in_progress: InProgress::default() }
    }

    /// Keeps answers for so long.
    #[must_use]
    pub fn keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// A request without a key is answered with 400.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Wraps the methods of a route.
    pub fn on<S: Clone + Send + Sync + 'static>(&self, methods: MethodRouter<S>) -> MethodRouter<S> {
        methods.layer(from_fn_with_state(self.clone(), serve))
    }

    /// Deletes answers that are kept no longer; how many. For [`every`](super::BackgroundWork::every).
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn expire(&self) -> Result<u64, SqlError> {
        let now = self.sql.dialect().now_ms();
        // Rows are named by what both databases have for them.
        let row = match self.sql.dialect() {
            Dialect::Postgres => "ctid",
            Dialect::Sqlite => "rowid",
        };
        let sql = format!(
            "DELETE FROM lameduck_idempotency WHERE {row} IN \
             (SELECT {row} FROM lameduck_idempotency WHERE expires_ms <= {now} LIMIT $1)"
        );
        let mut deleted = 0;
        loop {
            let mut tx = self.sql.begin().await?;
            let count = tx.execute(AssertSqlSafe(sql.clone()), values![EXPIRE_ROWS]).await?;
            tx.commit().await?;
            deleted += count;
            if count < u64::from(EXPIRE_ROWS) {
                return Ok(deleted);
            }
        }
    }
}

/// Keys that this process serves now: as many as requests in flight.
#[derive(Clone, Debug, Default)]
struct InProgress(Arc<Mutex<HashSet<Scoped>>>);

/// Method and path, and the key.
type Scoped = (String, String);

/// One of them, until it is dropped.
struct Serving {
    all: InProgress,
    key: Scoped,
}

impl InProgress {
    fn lock(&self) -> MutexGuard<'_, HashSet<Scoped>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: it is served already.
    fn begin(&self, key: Scoped) -> Option<Serving> {
        self.lock().insert(key.clone()).then(|| Serving { all: self.clone(), key })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.all.lock().remove(&self.key);
    }
}

/// Why there is no answer of the handler's.
enum Refused {
    NoKey,
    WrongKey,
    TooLarge,
    InProgress,
    OtherBody,
    ResponseTooLarge,
    Sql(SqlError),
}

impl From<SqlError> for Refused {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::NoKey => (StatusCode::BAD_REQUEST, "send an Idempotency-Key of your choice").into_response(),
            Self::WrongKey => {
                (StatusCode::BAD_REQUEST, "the Idempotency-Key must be 1 to 255 visible ASCII characters")
                    .into_response()
            }
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Self::InProgress => {
                let sentence = "a request with this Idempotency-Key is being served, try again later";
                (StatusCode::CONFLICT, [(RETRY_AFTER, "1")], sentence).into_response()
            }
            Self::OtherBody => {
                let sentence = "this Idempotency-Key was used with another request, use a new one";
                (StatusCode::UNPROCESSABLE_ENTITY, sentence).into_response()
            }
            Self::ResponseTooLarge => {
                tracing::error!("the response is larger than {RESPONSE_BYTES_MAX} bytes and cannot be stored");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
            Self::Sql(error) => error.into_response(),
        }
    }
}

async fn serve(State(idempotency): State<Idempotency>, request: Request, next: Next) -> Response {
    idempotency.serve(request, next).await.unwrap_or_else(IntoResponse::into_response)
}

impl Idempotency {
    async fn serve(&self, request: Request, next: Next) -> Result<Response, Refused> {
        let (mut parts, body) = request.into_parts();
        let key = key(&parts.headers)?;
        if key.is_none() && self.required {
            return Err(Refused::NoKey);
        }
        let body = to_bytes(body, REQUEST_BYTES_MAX).await.map_err(|_| Refused::TooLarge)?;
        let hash = hash_of([parts.uri.query().unwrap_or("").as_bytes(), b"\n", &body].concat());
        let scope = format!("{} {}", parts.method, parts.uri.path());
        let key = key.map(|key| (scope, key));
        let _serving = match &key {
            Some(key) => Some(self.in_progress.begin(key.clone()).ok_or(Refused::InProgress)?),
            None => None,
        };
        let mut tx = self.sql.begin().await?;
        if let Some(key) = &key {
            let stored = look(&mut tx, key, hash).await;
            if !matches!(stored, Ok(None)) {
                // Before the answer: the client may send the next one at once, and the key is locked until then.
                tx.rollback().await;
                return stored.map(Option::unwrap_or_default);
            }
        }
        let slot = Slot::with(tx);
        parts.extensions.insert(slot.clone());
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        let Some(mut tx) = slot.take() else { return Ok(response) };
        if response.status().is_client_error() || response.status().is_server_error() {
            tx.rollback().await;
            return Ok(response);
        }
        let Some(key) = &key else {
            tx.commit().await?;
            return Ok(response);
        };
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, RESPONSE_BYTES_MAX).await.map_err(|_| Refused::ResponseTooLarge)?;
        self.store(&mut tx, key, hash, (parts.status, &parts.headers, &body)).await?;
        tx.commit().await?;
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    async fn store(
        &self,
        tx: &mut Transaction,
        (scope, key): &Scoped,
        hash: i64,
        (status, headers, body): (StatusCode, &HeaderMap, &Bytes),
    ) -> Result<(), SqlError> {
        let now = self.sql.dialect().now_ms();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let keep = i64::try_from(self.keep.as_millis()).unwrap_or(i64::MAX / 2);
        // One that is there has expired: it was looked for.
        let sql = format!(
            "INSERT INTO lameduck_idempotency (scope, key, request_hash, status, content_type, location, body, expires_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, {now} + $8) ON CONFLICT (scope, key) DO UPDATE SET \
             request_hash = excluded.request_hash, status = excluded.status, content_type = excluded.content_type, \
             location = excluded.location, body = excluded.body, expires_ms = excluded.expires_ms"
        );
        let (content_type, location) = (text(CONTENT_TYPE), text(LOCATION));
        let values = values![scope, key, hash, status.as_u16(), content_type, location, body.to_vec(), keep];
        tx.execute(AssertSqlSafe(sql), values).await.map(drop)
    }
}

/// The stored answer, if there is one of this request.
async fn look(tx: &mut Transaction, (scope, key): &Scoped, hash: i64) -> Result<Option<Response>, Refused> {
    if tx.database().dialect() == Dialect::Postgres {
        // Another replica may serve it now. In SQLite writers wait for each other anyway.
        let lock = hash_of(format!("{scope} {key}"));
        let row = tx.row("SELECT pg_try_advisory_xact_lock($1)", values![lock]).await?;
        if !row.map_or(Ok(false), |row| row.get(0))? {
            return Err(Refused::InProgress);
        }
    }
    let now = tx.database().dialect().now_ms();
    let sql = format!(
        "SELECT request_hash, status, content_type, location, body FROM lameduck_idempotency \
         WHERE scope = $1 AND key = $2 AND expires_ms > {now}"
    );
    let Some(row) = tx.row(AssertSqlSafe(sql), values![scope, key]).await? else { return Ok(None) };
    if row.get::<i64>(0)? != hash {
        return Err(Refused::OtherBody);
    }
    let status = u16::try_from(row.get::<i64>(1)?).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = (status.unwrap_or(StatusCode::OK), row.get::<Vec<u8>>(4)?).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    for (name, value) in [(CONTENT_TYPE, row.get::<Option<String>>(2)?), (LOCATION, row.get(3)?)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(Some(response))
}

/// The key of a request, with or without the quotes that the draft of the IETF asks for.
fn key(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Refused::WrongKey)?.trim();
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let fits = !key.is_empty() && key.len() <= KEY_BYTES_MAX && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(Some(key.to_owned())) } else { Err(Refused::WrongKey) }
}

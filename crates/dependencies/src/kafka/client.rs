//! What handlers and workers call Kafka with.

use super::error::KafkaError;
use super::message::Outgoing;
use super::session::{Login, Session};
use crate::calls::{Calls, Outcome};
use lameduck::config::Secret;
use lameduck::{Call, DependencyError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// For what is left of an old login after a change of the password.
const FAREWELL: Duration = Duration::from_secs(30);
/// The release, if the process has no bound of its own.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A client of Kafka: sends, and lends itself to consumers. Clones share one producer.
///
/// The producer is idempotent: what it sends again by itself is written once, in order.
#[derive(Clone, Debug)]
pub struct KafkaClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    login: Arc<Login>,
    calls: Calls,
    session: watch::Sender<Arc<Session>>,
    password: Mutex<Option<Secret<String>>>,
    member: Option<String>,
}

impl KafkaClient {
    pub(super) async fn open(login: Arc<Login>, calls: Calls, member: Option<String>) -> Result<Self, DependencyError> {
        let password = login.password.current()?;
        let session = login.open(password.as_ref().map(|password| password.expose().as_str())).await?;
        let (session, _) = watch::channel(Arc::new(session));
        Ok(Self { inner: Arc::new(Inner { login, calls, session, password: Mutex::new(password), member }) })
    }

    /// Sends a message and waits until the brokers have it, all replicas that must. Returns its partition and offset.
    /// Bounded by the time of the request that the caller serves, and by 30 seconds. The trace and the id of the
    /// request go with it, in headers.
    ///
    /// # Errors
    /// See [`KafkaError`].
    ///
    /// # Cancel safety
    /// Dropped, the message may or may not be written.
    pub async fn send(&self, message: Outgoing) -> Result<(i32, i64), KafkaError> {
        let mut call = Call::begin(if call_is_named(&message.topic) {
            format!("send {}", message.topic)
        } else {
            "send".to_owned()
        });
        call.attribute("messaging.system", "kafka");
        call.attribute("messaging.operation.name", "send");
        call.attribute("messaging.destination.name", message.topic.clone());
        let message = message.traced(call.trace());
        let session = Arc::clone(&self.inner.session.borrow());
        let sending = session.send(message);
        let result = match Call::time_left() {
            Some(left) => timeout(left, sending)
                .await
                .unwrap_or_else(|_| Err(KafkaError::TimedOut("the time of the request is over".to_owned()))),
            None => sending.await,
        };
        self.inner.calls.ended(match &result {
            Ok(_) => Outcome::Succeeded,
            Err(KafkaError::TimedOut(_)) => Outcome::TimedOut,
            Err(KafkaError::Unavailable(_) | KafkaError::Refused(_)) => Outcome::Failed,
        });
        call.end(result.as_ref().err().map(KafkaError::kind));
        result
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.inner.calls
    }

    /// The login, and each one that replaces it.
    pub(super) fn sessions(&self) -> watch::Receiver<Arc<Session>> {
        self.inner.session.subscribe()
    }

    /// The name under which this replica stays a member of its groups over a restart, if it does.
    pub(super) fn member(&self) -> Option<&str> {
        self.inner.member.as_deref()
    }

    /// Whether the brokers answer, and whether the password is still the one of the file.
    pub(super) async fn check(&self) -> Result<(), DependencyError> {
        let session = Arc::clone(&self.inner.session.borrow());
        session.ping(self.inner.login.connect_timeout).await.map_err(DependencyError::transient)?;
        let password = self.inner.login.password.current()?;
        let used = self.inner.password.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if used == password {
            return Ok(());
        }
        let opened = self.inner.login.open(password.as_ref().map(|password| password.expose().as_str())).await;
        let opened = opened.map_err(|error| {
            DependencyError::Transient(format!("the new password_file cannot be used, the old login stays: {error}"))
        })?;
        let old = self.inner.session.send_replace(Arc::new(opened));
        *self.inner.password.lock().unwrap_or_else(PoisonError::into_inner) = password;
        tracing::info!(dependency = self.inner.calls.name(), "kafka: the new password is in use");
        tokio::spawn(async move { old.close(FAREWELL).await });
        Ok(())
    }

    /// Sends what waits, within the time of the process.
    pub(super) async fn close(&self) -> Result<(), KafkaError> {
        let session = Arc::clone(&self.inner.session.borrow());
        session.close(Call::time_left().unwrap_or(CLOSE_TIMEOUT).min(CLOSE_TIMEOUT)).await
    }
}

/// Names of spans are few: a topic whose name is made up for each message would be many.
fn call_is_named(topic: &str) -> bool {
    topic.len() <= 64 && !topic.bytes().any(|byte| byte.is_ascii_digit())
}

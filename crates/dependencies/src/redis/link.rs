//! The connection to Redis behind its circuit: calls take it as it is, one task brings it back.

use super::connector::{Connection, Connector};
use super::error::{RedisError, is_lost};
use crate::calls::{Calls, Outcome};
use crate::circuit::{Circuit, Pass};
use lameduck::config::Secret;
use lameduck::{Call, DependencyError, DependencyUsage};
use lameduck_support::hash;
use redis::{Cmd, Value};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

/// What all clones of a client share.
#[derive(Debug)]
pub(super) struct Link {
    connector: Arc<Connector>,
    state: watch::Sender<State>,
    calls: Calls,
    /// The password of the connection that is in use.
    password: Mutex<Option<Secret<String>>>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct State {
    circuit: Circuit,
    connection: Connection,
    /// Why the circuit is open.
    why: String,
}

impl Link {
    /// One attempt to connect.
    pub(super) async fn open(connector: Arc<Connector>, calls: Calls) -> Result<Arc<Self>, DependencyError> {
        let password = connector.password.current()?;
        let connection = connector.connect(exposed(&password)).await?;
        let state = State { circuit: Circuit::new(hash::random_seed()), connection, why: String::new() };
        let (state, _) = watch::channel(state);
        let password = Mutex::new(password);
        let link = Arc::new(Self { connector, state, calls, password, keeper: Mutex::default() });
        // It ends with the last handle, or at the release.
        let keeper = tokio::spawn(keep(Arc::downgrade(&link), link.state.subscribe()));
        *link.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        Ok(link)
    }

    pub(super) fn is_available(&self) -> bool {
        self.state.borrow().circuit.is_closed()
    }

    /// How much it is used.
    pub(super) fn usage(&self) -> DependencyUsage {
        self.calls.usage()
    }

    /// One call: bounded by `command_timeout`, by the time of the request and by `deadline`; refused at once while the
    /// circuit is open, and given up when another call opens it.
    pub(super) async fn call(&self, command: &Cmd, deadline: Option<Instant>) -> Result<Value, RedisError> {
        let request = Call::time_left().map(|left| Instant::now() + left);
        let deadline = [deadline, request].into_iter().flatten().min();
        let mut span = Call::begin(name(command));
        span.attribute("db.system.name", "redis");
        let result = self.attempt(command, deadline).await;
        self.calls.ended(match &result {
            Ok(_) => Outcome::Succeeded,
            Err(RedisError::TimedOut(_)) => Outcome::TimedOut,
            Err(RedisError::Unavailable(_) | RedisError::Refused(_)) => Outcome::Failed,
        });
        span.end(result.as_ref().err().map(RedisError::kind));
        result
    }

    async fn attempt(&self, command: &Cmd, deadline: Option<Instant>) -> Result<Value, RedisError> {
        let began = Instant::now();
        let mut seen = self.state.subscribe();
        let (pass, mut connection) = {
            let state = seen.borrow_and_update();
            let Some(pass) = state.circuit.admit() else { return Err(RedisError::Unavailable(state.why.clone())) };
            (pass, state.connection.clone())
        };
        let patience = began + self.connector.command_timeout;
        let until = deadline.map_or(patience, |deadline| deadline.min(patience));
        let result = tokio::select! {
            biased;
            result = timeout_at(until, connection.call(command)) => result,
            state = seen.wait_for(|state| state.circuit.admit() != Some(pass)) => {
                let why = state.map_or_else(|_| "it is released".to_owned(), |state| state.why.clone());
                return Err(RedisError::Unavailable(why));
            }
        };
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if is_lost(&error) => {
                let why = error.to_string();
                self.lost(pass, &why);
                Err(RedisError::Unavailable(why))
            }
            Ok(Err(error)) => Err(RedisError::Refused(error)),
            Err(_) => {
                // A caller in a hurry says nothing about the server.
                if until == patience {
                    self.lost(pass, &format!("no response within {:?}", self.connector.command_timeout));
                }
                Err(RedisError::TimedOut(began.elapsed()))
            }
        }
    }

    fn lost(&self, pass: Pass, why: &str) {
        let opened = self.state.send_if_modified(|state| {
            let opened = state.circuit.failed(pass, Instant::now());
            if opened {
                why.clone_into(&mut state.why);
            }
            opened
        });
        if opened {
            tracing::warn!(
                dependency = self.calls.name(),
                error = why,
                "redis {} is lost, calls are refused until it answers: {why}",
                self.connector.target
            );
        }
    }

    /// Whether it answers, and whether its password is still the one of the file.
    pub(super) async fn check(&self) -> Result<(), DependencyError> {
        self.call(&redis::cmd("PING"), None).await.map_err(DependencyError::transient)?;
        let password = self.connector.password.current()?;
        if *self.password.lock().unwrap_or_else(PoisonError::into_inner) != password {
            self.follow(password).await?;
        }
        Ok(())
    }

    /// Connects with a new password, and only then leaves the connection of the old one.
    async fn follow(&self, password: Option<Secret<String>>) -> Result<(), DependencyError> {
        let connection = self.connector.connect(exposed(&password)).await.map_err(|error| {
            DependencyError::Transient(format!(
                "the new password_file cannot be used, the old connection stays: {error}"
            ))
        })?;
        self.state.send_modify(|state| state.connection = connection);
        *self.password.lock().unwrap_or_else(PoisonError::into_inner) = password;
        tracing::info!(dependency = self.calls.name(), "redis {}: the new password is in use", self.connector.target);
        Ok(())
    }

    /// Ends the task; calls end with what they have.
    pub(super) fn close(&self) {
        if let Some(keeper) = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take() {
            keeper.abort();
        }
    }

    /// One probe: a new connection that answers.
    async fn probe(&self) {
        let probe = {
            let mut begun = None;
            self.state.send_if_modified(|state| {
                begun = state.circuit.probe(Instant::now());
                false
            });
            begun
        };
        let Some(probe) = probe else { return };
        let attempt = async {
            let password = self.connector.password.at_once();
            Ok((self.connector.connect(exposed(&password)).await?, password))
        };
        let result: Result<_, DependencyError> = attempt.await;
        let now = Instant::now();
        match result {
            Ok((connection, password)) => {
                *self.password.lock().unwrap_or_else(PoisonError::into_inner) = password;
                self.state.send_modify(|state| {
                    state.connection = connection;
                    state.circuit.probed(probe, true, now);
                });
                tracing::info!(dependency = self.calls.name(), "redis {} answers again", self.connector.target);
            }
            Err(error) => self.state.send_modify(|state| {
                state.why = error.to_string();
                state.circuit.probed(probe, false, now);
            }),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}

/// Probes whenever a probe is due.
async fn keep(link: std::sync::Weak<Link>, mut state: watch::Receiver<State>) {
    loop {
        let Ok(at) = state
            .wait_for(|state| state.circuit.probe_at().is_some())
            .await
            .map(|state| state.circuit.probe_at().unwrap_or_else(Instant::now))
        else {
            return;
        };
        sleep_until(at).await;
        let Some(link) = link.upgrade() else { return };
        link.probe().await;
    }
}

fn exposed(password: &Option<Secret<String>>) -> Option<&str> {
    password.as_ref().map(|password| password.expose().as_str())
}

/// The command's first word: the name of its span. Words that nobody has heard of share one.
fn name(command: &Cmd) -> &'static str {
    const KNOWN: [&str; 12] =
        ["GET", "SET", "DEL", "PING", "INCR", "EXPIRE", "MGET", "HGET", "HSET", "EVAL", "EVALSHA", "ZADD"];
    let Some(redis::Arg::Simple(word)) = command.args_iter().next() else { return "COMMAND" };
    KNOWN.into_iter().find(|known| word.eq_ignore_ascii_case(known.as_bytes())).unwrap_or("COMMAND")
}

/// How long a command may take if the operator does not say.
pub(super) const COMMAND_TIMEOUT: Duration = Duration::from_millis(250);

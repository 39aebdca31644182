//! What a consumer consumes, and within which bounds.

use std::time::Duration;

/// What is consumed, and how.
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// The consumer group: all replicas of all services that name it share the messages.
    pub group: String,
    /// The topics.
    pub topics: Vec<String>,
    /// Tries of a message before it goes to the dead-letter topic.
    pub tries_max: u32,
    /// Where messages go that do not work, with the reason in headers.
    pub dead_letters: String,
    /// Time limit of one try; a handler that takes longer has failed.
    pub handler_timeout: Duration,
    /// A replica of which the brokers hear nothing for so long is taken for dead, and others get its partitions. A
    /// static member must be back within it.
    pub session_timeout: Duration,
}

impl ConsumerOptions {
    /// Five tries of at most 30 seconds; dead letters go to `TOPIC.dead`; a session of 45 seconds.
    pub fn new(group: impl Into<String>, topic: impl Into<String>) -> Self {
        let topic = topic.into();
        Self {
            group: group.into(),
            dead_letters: format!("{topic}.dead"),
            topics: vec![topic],
            tries_max: 5,
            handler_timeout: Duration::from_secs(30),
            session_timeout: Duration::from_secs(45),
        }
    }
}

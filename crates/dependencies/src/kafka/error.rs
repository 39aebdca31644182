//! What went wrong with Kafka: for handlers, and at the start in a sentence.

use krafka::KrafkaError;
use lameduck::DependencyError;
use lameduck_support::error;
use std::fmt;

/// A message that was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KafkaError {
    /// The brokers were not reached; the message is not written.
    Unavailable(String),
    /// No acknowledgement in time: the message may be written all the same. Sent again, it may be there twice; the
    /// event's id tells.
    TimedOut(String),
    /// The brokers refused it: it is too large, the topic does not exist, the user may not write.
    Refused(String),
}

impl KafkaError {
    /// For `error.type` of a span.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::TimedOut(_) => "timeout",
            Self::Refused(_) => "refused",
        }
    }
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "kafka is not available: {why}"),
            Self::TimedOut(why) => write!(f, "kafka did not acknowledge in time: {why}"),
            Self::Refused(why) => write!(f, "kafka refused: {why}"),
        }
    }
}

impl std::error::Error for KafkaError {}

/// An error of a call.
pub(super) fn send_error(error: &KrafkaError) -> KafkaError {
    let chain = error::chain(error);
    if let KrafkaError::DeliveryTimeout { possibly_written: false, .. } = error {
        KafkaError::Unavailable(chain)
    } else if matches!(error, KrafkaError::DeliveryTimeout { .. } | KrafkaError::Timeout { .. }) {
        KafkaError::TimedOut(chain)
    } else if error.is_retriable() {
        KafkaError::Unavailable(chain)
    } else {
        KafkaError::Refused(chain)
    }
}

/// Why an attempt to log in failed, and whether another one can help. The library reports the last of several brokers
/// as text, so the text decides.
pub(super) fn explain(error: &KrafkaError, brokers: &str, tls: bool) -> DependencyError {
    let chain = error::chain(error);
    let lower = chain.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let sentence = if has(&["certificate"]) {
        format!("the certificate of kafka {brokers} cannot be trusted ({chain}): check the host names and ca_file")
    } else if has(&["authentication error", "saslauthenticationfailed", "unsupportedsaslmechanism", "illegalsaslstate"])
    {
        format!("kafka {brokers} refused the login ({chain}): check user, password_file and sasl")
    } else if has(&["clusterauthorizationfailed"]) {
        format!("kafka {brokers} does not permit this user to work ({chain}): check its ACLs")
    } else if has(&["protocol error"]) {
        format!(
            "{brokers} answers, but not as a Kafka broker does ({chain}): check the port, and whether tls is needed"
        )
    } else if matches!(error, KrafkaError::Config { .. }) {
        format!("kafka {brokers}: {chain}")
    } else {
        let hint = if tls && has(&["eof", "reset"]) { ": check that it speaks TLS on this port" } else { "" };
        return DependencyError::Transient(format!("kafka {brokers}: {chain}{hint}"));
    };
    DependencyError::Permanent(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permanent_errors_are_told_from_transient_ones() {
        let network = |text: &str| KrafkaError::Network(std::sync::Arc::new(std::io::Error::other(text.to_owned())));
        for (text, reason) in [
            (
                "could not connect to any of [a:1]; last error: protocol error (InvalidLength): size",
                "not as a Kafka broker",
            ),
            ("last error: authentication error: SASL", "refused the login"),
            ("last error: authentication error: invalid peer certificate: NotValidForName", "cannot be trusted"),
        ] {
            let DependencyError::Permanent(sentence) = explain(&network(text), "a:1", true) else { panic!("{text}") };
            assert!(sentence.contains(reason) && sentence.contains("a:1"), "{sentence}");
        }
        let refused = explain(&network("connection refused"), "a:1", false);
        assert!(matches!(refused, DependencyError::Transient(_)), "{refused}");
        let eof = explain(&network("tls handshake eof"), "a:1", true).to_string();
        assert!(eof.contains("speaks TLS"), "{eof}");
    }
}

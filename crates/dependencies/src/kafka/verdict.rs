//! What becomes of a message whose handler failed: pure.

use std::time::Duration;

/// Pauses between tries.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Why a handler did not finish a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not the message's fault: a database that is away. It is tried until it works; the partition waits.
    Later(String),
    /// It may be the message's fault. It is tried a few times, then it goes to the dead-letter topic.
    Retry(String),
    /// This message will never work: it goes to the dead-letter topic at once.
    Poison(String),
}

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Try again after a pause. `counts`: this was one of its tries.
    Again {
        after: Duration,
        counts: bool,
    },
    DeadLetter,
}

impl Failure {
    /// The sentence.
    pub fn reason(&self) -> &str {
        match self {
            Self::Later(why) | Self::Retry(why) | Self::Poison(why) => why,
        }
    }

    /// `tries`: how often it has been tried, this time included, of at most `tries_max`.
    pub(super) fn verdict(&self, tries: u32, tries_max: u32) -> Verdict {
        let pause = |doublings: u32| PAUSE_MIN.saturating_mul(1 << doublings.min(16)).min(PAUSE_MAX);
        match self {
            Self::Later(_) => Verdict::Again { after: pause(tries.min(5)), counts: false },
            Self::Retry(_) if tries < tries_max => Verdict::Again { after: pause(tries - 1), counts: true },
            Self::Retry(_) | Self::Poison(_) => Verdict::DeadLetter,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tries_are_bounded_unless_it_is_not_the_messages_fault(tries in 1..1000_u32, tries_max in 1..100_u32) {
            let why = String::new;
            let retried = Failure::Retry(why()).verdict(tries, tries_max);
            prop_assert_eq!(retried == Verdict::DeadLetter, tries >= tries_max);
            prop_assert_eq!(Failure::Poison(why()).verdict(tries, tries_max), Verdict::DeadLetter);
            let later = Failure::Later(why()).verdict(tries, tries_max);
            let Verdict::Again { after, counts: false } = later else { return Err(TestCaseError::fail("given up")) };
            prop_assert!(after >= PAUSE_MIN && after <= PAUSE_MAX);
        }
    }

    #[test]
    fn pauses_grow() {
        let pauses: Vec<_> = (1..12).map(|tries| Failure::Retry(String::new()).verdict(tries, 100)).collect();
        let expected = |millis| Verdict::Again { after: Duration::from_millis(millis), counts: true };
        assert_eq!(pauses[..3], [expected(100), expected(200), expected(400)]);
        assert_eq!(pauses[10], Verdict::Again { after: PAUSE_MAX, counts: true });
    }
}

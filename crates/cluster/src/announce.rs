//! Events on the own Pod: what `kubectl describe pod` shows about its end.

use crate::connect::Cluster;
use crate::failure::Failure;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;

/// The API server refuses longer notes.
const NOTE_BYTES_MAX: usize = 1024;
/// And longer names.
const NAME_BYTES_MAX: usize = 253;
/// And longer instances.
const INSTANCE_BYTES_MAX: usize = 128;
const CONTROLLER: &str = "lameduck";

/// Something worth an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Leaving began; says why.
    DrainBegan(String),
    /// Leaving ended in time; the ledger in a sentence.
    DrainFinished(String),
    /// The deadline cut what was left; the ledger in a sentence.
    DeadlineForced(String),
    /// The Pod's spec does not fit the plan; the sentence of a [`Contradiction`](crate::Contradiction).
    BudgetContradicted(String),
}

impl Notice {
    /// The Event's reason: what one filters by.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::DrainBegan(_) => "DrainBegan",
            Self::DrainFinished(_) => "DrainFinished",
            Self::DeadlineForced(_) => "DrainDeadlineForced",
            Self::BudgetContradicted(_) => "DrainBudgetContradicted",
        }
    }

    fn is_normal(&self) -> bool {
        matches!(self, Self::DrainBegan(_) | Self::DrainFinished(_))
    }

    fn note(&self) -> &str {
        match self {
            Self::DrainBegan(note)
            | Self::DrainFinished(note)
            | Self::DeadlineForced(note)
            | Self::BudgetContradicted(note) => note,
        }
    }
}

impl Cluster {
    /// Puts one Event on the own Pod. One attempt, in the time of one answer: an Event is never worth a retry while
    /// leaving.
    ///
    /// # Errors
    /// [`Failure`]: log it and go on.
    ///
    /// # Cancel safety
    /// Cancel safe; whether the Event was made is then unknown.
    pub async fn announce(&self, notice: &Notice) -> Result<(), Failure> {
        let event = event(self, notice, Timestamp::now());
        let request = self.api::<Event>();
        self.answer(request.create(&PostParams::default(), &event)).await.map(|_| ())
    }
}

fn event(cluster: &Cluster, notice: &Notice, now: Timestamp) -> Event {
    let identity = cluster.identity();
    Event {
        metadata: ObjectMeta {
            name: Some(event_name(&identity.name, now)),
            namespace: Some(identity.namespace.clone()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        action: Some("Drain".to_owned()),
        reason: Some(notice.reason().to_owned()),
        note: Some(shortened(notice.note(), NOTE_BYTES_MAX)),
        type_: Some(if notice.is_normal() { "Normal" } else { "Warning" }.to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            name: Some(identity.name.clone()),
            namespace: Some(identity.namespace.clone()),
            uid: Some(identity.uid.clone()),
            ..ObjectReference::default()
        }),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(shortened(&identity.name, INSTANCE_BYTES_MAX)),
        ..Event::default()
    }
}

/// A name that is new each time, in the form that all Events have. (The API server refuses a `generateName` that ends
/// with the dot of that form.)
fn event_name(pod: &str, now: Timestamp) -> String {
    let longest = pod.floor_char_boundary(NAME_BYTES_MAX - 1 - 32);
    format!("{}.{:x}", pod[..longest].trim_end_matches(['.', '-']), now.as_nanosecond())
}

/// At most `bytes_max` bytes, cut between characters, with a mark where it was cut.
fn shortened(text: &str, bytes_max: usize) -> String {
    const MARK: &str = "…";
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes_max - MARK.len());
    format!("{}{MARK}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_new_each_time_and_valid() {
        let at = |nanosecond| Timestamp::from_nanosecond(nanosecond).unwrap();
        assert_eq!(event_name("web-1", at(0x18_4d5f_0000_0001)), "web-1.184d5f00000001");
        assert_ne!(event_name("web-1", at(1)), event_name("web-1", at(2)));
        let long = event_name(&format!("{}-{}", "a".repeat(219), "b".repeat(33)), Timestamp::MAX);
        assert!(long.len() <= NAME_BYTES_MAX && !long.contains("-."), "{long}");
    }

    #[test]
    fn long_notes_are_cut_between_characters() {
        assert_eq!(shortened("short", 1024), "short");
        let cut = shortened(&"ä".repeat(600), NOTE_BYTES_MAX);
        assert!(cut.len() <= NOTE_BYTES_MAX && cut.ends_with("ä…"), "{} bytes", cut.len());
        assert_eq!(shortened(&"a".repeat(1024), NOTE_BYTES_MAX).len(), 1024);
    }
}

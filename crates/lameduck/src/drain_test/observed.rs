//! What a client saw of a pod's end, and whether that is how it should end.

use super::Seen;

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Observed {
    /// Whether the pod had to be seen as a lame duck, and to serve as one.
    pub(super) lame_duck: bool,
    /// Whether there were other pods: then no request may be lost.
    pub(super) others: bool,
    pub(super) seen: Vec<Seen>,
    pub(super) asked: u64,
    /// What the requests that were not served ended with.
    pub(super) lost: Vec<String>,
    pub(super) gone: bool,
}

impl Observed {
    pub(super) fn new(lame_duck: bool, others: bool) -> Self {
        Self { lame_duck, others, ..Self::default() }
    }

    /// The phases, and the requests.
    pub(super) fn sentence(&self) -> String {
        let phases: Vec<_> = self
            .seen
            .iter()
            .filter_map(|seen| if let Seen::Phase(phase) = seen { Some(phase.as_str()) } else { None })
            .collect();
        let phases = if phases.is_empty() { "no phase seen".to_owned() } else { phases.join(", ") };
        if self.others {
            format!("{phases}; {} requests through the Service, {} lost", self.asked, self.lost.len())
        } else {
            format!("{phases}; it was the only pod, so no requests were sent meanwhile")
        }
    }

    /// # Errors
    /// The first thing that is not as it should be.
    pub(super) fn verdict(&self, pod: &str) -> Result<(), String> {
        if !self.gone {
            return Err(format!("{pod} still exists after its grace period"));
        }
        if self.lame_duck {
            let late =
                self.seen.iter().find_map(|seen| if let Seen::ServedLate(late) = seen { Some(late) } else { None });
            match late {
                None => return Err(format!("{pod} was never seen as a lame duck: is drain.strategy right?")),
                Some(Err(why)) => return Err(format!("{pod} did not serve while it was a lame duck: {why}")),
                Some(Ok(())) => {}
            }
        }
        match self.lost.first() {
            Some(why) => {
                Err(format!("{} of {} requests through the Service were lost: {why}", self.lost.len(), self.asked))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Observed {
        Observed {
            seen: vec![
                Seen::Phase("ready".into()),
                Seen::Phase("lame_duck".into()),
                Seen::ServedLate(Ok(())),
                Seen::Phase("draining".into()),
            ],
            asked: 120,
            gone: true,
            ..Observed::new(true, true)
        }
    }

    #[test]
    fn a_pod_that_left_as_it_should() {
        assert_eq!(good().verdict("web-1"), Ok(()));
        assert_eq!(good().sentence(), "ready, lame_duck, draining; 120 requests through the Service, 0 lost");
    }

    #[test]
    fn each_of_these_fails_the_test() {
        let failing = [
            (Observed { gone: false, ..good() }, "web-1 still exists after its grace period"),
            (Observed { seen: Vec::new(), ..good() }, "never seen as a lame duck"),
            (
                Observed { seen: vec![Seen::ServedLate(Err("connection refused".into()))], ..good() },
                "lame duck: connection refused",
            ),
            (Observed { lost: vec!["503".into()], ..good() }, "1 of 120 requests through the Service were lost: 503"),
        ];
        for (observed, sentence) in failing {
            let error = observed.verdict("web-1").unwrap_err();
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn a_pod_that_leaves_at_once_need_not_be_seen() {
        let observed = Observed { lame_duck: false, seen: Vec::new(), ..good() };
        assert_eq!(observed.verdict("web-1"), Ok(()));
    }
}

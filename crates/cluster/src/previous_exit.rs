//! How the container ended before this start. Pure.

use k8s_openapi::api::core::v1::Pod;

/// The end of the container's last run, as the kubelet saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviousExit {
    /// Why it ended.
    pub reason: ExitReason,
    /// The exit code, or 128 plus a signal.
    pub code: i32,
}

/// Why a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// 0: it left and lost nothing.
    Clean,
    /// 1: its start or a part failed.
    Failed,
    /// 2: usage or configuration.
    Usage,
    /// 3: work was lost.
    Lost,
    /// The kernel killed it: the limit of memory.
    OomKilled,
    /// SIGKILL: its grace period was over, or an operator.
    Killed,
    /// Anything else: a crash.
    Crashed,
}

impl ExitReason {
    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Lost => "lost",
            Self::OomKilled => "oom_killed",
            Self::Killed => "killed",
            Self::Crashed => "crashed",
        }
    }
}

impl PreviousExit {
    /// What the status of `pod` says about `container`.
    pub(crate) fn of(pod: &Pod, container: &str) -> Option<Self> {
        let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
        let status = statuses.iter().find(|status| status.name == container)?;
        let ended = status.last_state.as_ref()?.terminated.as_ref()?;
        let reason = match (ended.reason.as_deref(), ended.exit_code) {
            (Some("OOMKilled"), _) => ExitReason::OomKilled,
            (_, 0) => ExitReason::Clean,
            (_, 1) => ExitReason::Failed,
            (_, 2) => ExitReason::Usage,
            (_, 3) => ExitReason::Lost,
            (_, 137) => ExitReason::Killed,
            _ => ExitReason::Crashed,
        };
        Some(Self { reason, code: ended.exit_code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(last_state: &serde_json::Value) -> Option<(&'static str, i32)> {
        let status = serde_json::json!({ "name": "orders", "ready": true, "restartCount": 1, "image": "", "imageID": "", "lastState": last_state });
        let pod = serde_json::json!({ "metadata": {}, "status": { "containerStatuses": [status] } });
        let pod = serde_json::from_value(pod).unwrap();
        assert_eq!(PreviousExit::of(&pod, "other"), None);
        PreviousExit::of(&pod, "orders").map(|exit| (exit.reason.as_str(), exit.code))
    }

    #[test]
    fn the_kubelet_says_how_the_last_run_ended() {
        let ended =
            |reason: &str, code: i32| of(&serde_json::json!({ "terminated": { "reason": reason, "exitCode": code } }));
        assert_eq!(of(&serde_json::json!({})), None, "the first start");
        assert_eq!(ended("Completed", 0), Some(("clean", 0)));
        assert_eq!(ended("Error", 3), Some(("lost", 3)));
        assert_eq!(ended("OOMKilled", 137), Some(("oom_killed", 137)));
        assert_eq!(ended("Error", 137), Some(("killed", 137)));
        assert_eq!(ended("Error", 139), Some(("crashed", 139)));
    }
}

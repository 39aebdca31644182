//! Every metric, once: its name, type, labels and help. The collector and docs/metrics.md follow from this table.

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: &'static [&'static str],
    pub(crate) help: &'static str,
    /// What it is about: a heading of the documentation.
    pub(crate) group: &'static str,
}

/// Its type, as Prometheus calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[cfg(test)]
impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Declares constants and the list of all of them, so that none is forgotten.
macro_rules! metrics {
    ($($group:literal { $($constant:ident = $kind:ident $name:literal $labels:tt $help:literal;)+ })+) => {
        $($(pub(super) const $constant: Metric =
            Metric { name: $name, kind: Kind::$kind, labels: &$labels, help: $help, group: $group };)+)+

        /// All of them, in the order of the documentation.
        pub(crate) const METRICS: &[Metric] = &[$($($constant),+),+];
    };
}

metrics! {
    "The life of the process" {
        PHASE = Gauge "lameduck_phase" ["phase"] "The phase of the process: 1 for the current one, 0 for the others.";
        READY = Gauge "lameduck_ready" [] "What /readyz answers: 1 for 200, 0 for 503.";
        STARTUP_STAGE = Gauge "lameduck_startup_stage_seconds" ["stage"] "How long each stage of start-up took.";
        DRAIN_PHASE = Gauge "lameduck_drain_phase_seconds" ["phase"]
            "How long each phase of leaving took; the current one so far.";
        DRAIN_DEADLINE = Gauge "lameduck_drain_deadline_timestamp_seconds" []
            "When the process must have ended, in seconds of Unix time; absent while it does not leave.";
        DRAIN_WAIT_END = Gauge "lameduck_drain_wait_end" ["end"]
            "How the wait of LameDuck ended: 1 for the one way, 0 for the others; absent before.";
        ADVISED_DELAY = Gauge "lameduck_advised_delay_seconds" []
            "The wait after the signal that would have covered 99.9 % of the late requests; absent until enough came.";
        PREVIOUS_EXIT = Gauge "lameduck_previous_exit_info" ["reason", "exit_code"]
            "Always 1: how the container ended before this start, as the kubelet saw it; absent at the first start, or if the \
             cluster may not be asked.";
        POD_CONTRADICTIONS = Gauge "lameduck_pod_contradictions" []
            "Places where the pod's spec and `drain` do not fit each other; the log and Events of the pod name them.";
    }
    "Requests" {
        REQUEST_DURATION = Histogram "http_server_request_duration_seconds"
            ["http_request_method", "http_route", "http_response_status_code"]
            "From the request head to the last byte handed over. The route is the pattern that matched, empty if none did.";
        CALL_DURATION = Histogram "rpc_server_call_duration_seconds"
            ["rpc_system_name", "rpc_method", "rpc_response_status_code"]
            "gRPC calls, which are not among the requests above: from the request head to the last byte handed over, by the \
             status of gRPC. The method is `package.Service/Method`, empty if there is no such method.";
        REQUESTS_ACTIVE = Gauge "http_server_active_requests" [] "Requests in flight.";
        REQUESTS_STARTED = Counter "lameduck_requests_started_total" ["protocol"] "Requests that reached the guard.";
        REQUESTS_IN_FLIGHT = Gauge "lameduck_requests_in_flight" ["protocol", "kind"]
            "Requests that have not ended, by what they turned out to be.";
        REQUESTS_ENDED = Counter "lameduck_requests_ended_total" ["protocol", "kind", "outcome"]
            "Requests that ended, each as exactly one outcome. For each protocol: started = ended + in flight.";
        REQUESTS_RACED = Counter "lameduck_requests_raced_total" []
            "Requests that crossed the close of a connection which was idle when the drain closed it.";
        REQUESTS_RACED_EXPECTED = Gauge "lameduck_requests_raced_expected" []
            "How many of those were expected when the connections were chosen: a sum of probabilities.";
        LATE_ARRIVAL = Histogram "lameduck_late_arrival_seconds" [] "When, after the signal, requests still came.";
    }
    "Connections" {
        CONNECTIONS = Gauge "lameduck_connections" ["protocol", "state"] "Open connections.";
        CONNECTIONS_CLOSED = Counter "lameduck_connections_closed_total" ["protocol", "reason"] "Closed connections.";
        CONNECTIONS_UNSERVED = Counter "lameduck_connections_unserved_total" []
            "Connections that were in the accept queue when the listener closed, and could not be served: their clients got nothing.";
        ACCEPT_ERRORS = Counter "lameduck_accept_errors_total" ["class"]
            "Accepts that failed: the peer had gone, this machine lacks something, or anything else.";
    }
    "TLS" {
        TLS_HANDSHAKES = Counter "lameduck_tls_handshakes_total" ["version", "resumed"]
            "Handshakes that succeeded; absent, as all of these, without `tls.cert_file`.";
        TLS_HANDSHAKE_FAILURES = Counter "lameduck_tls_handshake_failures_total" ["reason"] "Handshakes that failed.";
        TLS_CERTIFICATE_EXPIRY = Gauge "lameduck_tls_certificate_expiry_timestamp_seconds" []
            "When the certificate in use expires, in seconds of Unix time.";
    }
    "Jobs" {
        JOBS_ACCEPTED = Counter "lameduck_jobs_accepted_total" [] "Jobs that were taken on.";
        JOBS_ENDED = Counter "lameduck_jobs_ended_total" ["end"] "Jobs that ended: finished, returned, or lost.";
    }
    "Dependencies" {
        DEPENDENCY_UP = Gauge "lameduck_dependency_up" ["name"]
            "Whether the dependency answers: 1 if it is connected and its last checks succeeded, else 0.";
        DEPENDENCY_ATTEMPTS = Counter "lameduck_dependency_connect_attempts_total" ["name"]
            "Attempts to connect to the dependency, the successful one included.";
        DEPENDENCY_CHECK = Histogram "lameduck_dependency_check_seconds" ["name"]
            "How long checks of the dependency took, whatever their result.";
        DEPENDENCY_CONNECTIONS = Gauge "lameduck_dependency_connections" ["name", "state"]
            "Connections to the dependency: `in_use`, `idle`, and `max`, the most that may be open; absent for kinds without a pool.";
        DEPENDENCY_CALLS = Counter "lameduck_dependency_calls_total" ["name", "outcome"]
            "Calls to the dependency: `succeeded`, `failed`, or `timed_out`; absent for kinds that are only checked.";
    }
    "The work runtime" {
        WORK_THREADS = Gauge "lameduck_work_threads" [] "Threads of the work runtime.";
        WORK_TASKS = Gauge "lameduck_work_tasks" [] "Tasks alive on the work runtime: connections, workers, whatever they spawned.";
        WORK_QUEUE = Gauge "lameduck_work_queue" [] "Tasks that wait in the work runtime's global queue.";
        WORK_BUSY = Counter "lameduck_work_busy_seconds_total" [] "Time that work threads spent running tasks, summed.";
        HEARTBEAT_AGE = Gauge "lameduck_heartbeat_age_seconds" []
            "Since a work thread last ran the heartbeat. /livez fails above liveness.stall.";
    }
    "Telemetry" {
        LOG_LINES_DROPPED = Counter "lameduck_log_lines_dropped_total" []
            "Log lines that were dropped because the log was not read fast enough.";
        SPANS_DROPPED = Counter "lameduck_spans_dropped_total" ["reason"]
            "Spans that were not exported: too many waited, the collector did not take them, or the process ended first.";
    }
    "The process" {
        BUILD_INFO = Gauge "lameduck_build_info" ["service", "service_version", "version"]
            "Always 1: the service, its version, and the version of the engine.";
        FILE_RELOADS = Counter "lameduck_file_reloads_total" ["key", "result"]
            "New versions of files that are read again while the process runs, by the key that names them: loaded or failed.";
        FILE_STALE = Gauge "lameduck_file_stale" ["key"]
            "1 if the files of this key cannot be used as they are now: the version before is in use.";
        PROCESS_CPU = Counter "process_cpu_seconds_total" [] "CPU time used, user and system (Linux).";
        PROCESS_MEMORY = Gauge "process_resident_memory_bytes" [] "Resident memory (Linux).";
        PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" [] "Virtual memory (Linux).";
        PROCESS_FDS = Gauge "process_open_fds" [] "Open file descriptors (Linux).";
        PROCESS_FDS_MAX = Gauge "process_max_fds" [] "Most file descriptors that may be open (Linux).";
        PROCESS_THREADS = Gauge "process_threads" [] "Threads (Linux).";
        PROCESS_START = Gauge "process_start_time_seconds" [] "When the process started, in seconds of Unix time.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for (index, metric) in METRICS.iter().enumerate() {
            let name = metric.name;
            let total = name.ends_with("_total");
            assert_eq!(metric.kind == Kind::Counter, total, "{name}: counters and only they end in _total");
            assert!(metric.help.ends_with('.'), "{name}: help is a sentence");
            assert!(METRICS[..index].iter().all(|other| other.name != name), "{name} is declared twice");
        }
    }
}

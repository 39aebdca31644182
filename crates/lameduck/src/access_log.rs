//! The access log: a line for each ended request that the configuration asks for.

use lameduck_lifecycle::Outcome;
use lameduck_server::Record;

/// Writes a line under the target `lameduck::access`.
pub(crate) fn write(record: &Record<'_>) {
    let Record { method, route, status, grpc_status, duration, request_id, peer, protocol, kind, outcome, .. } = record;
    let grpc_status = grpc_status.map(lameduck_telemetry::grpc_status);
    let (route, status) = (route.unwrap_or("(no route)"), status.map_or(0, |status| status.as_u16()));
    let duration_ms = duration.as_secs_f64() * 1e3;
    // What the server is to blame for, by the conventions of OpenTelemetry.
    let is_bad = status >= 500
        || grpc_status.is_some_and(|status| {
            ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"].contains(&status)
        });
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: lameduck_telemetry::ACCESS,
                %method, route, status, grpc_status, duration_ms, request_id, %peer, %protocol, %kind, %outcome,
                "{method} {route} {} {outcome} in {duration_ms:.1} ms", Shown { status, grpc_status },
            )
        };
    }
    match outcome {
        Outcome::Failed | Outcome::Aborted => line!(error),
        Outcome::TimedOut | Outcome::Rejected => line!(warn),
        Outcome::Completed | Outcome::Drained | Outcome::Late | Outcome::ClientGone if is_bad => line!(warn),
        Outcome::Completed | Outcome::Drained | Outcome::Late | Outcome::ClientGone => line!(info),
    }
}

/// The status that says how it ended: of a gRPC call its own, because the other is 200 in any case.
struct Shown {
    status: u16,
    grpc_status: Option<&'static str>,
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.grpc_status {
            Some(status) => f.write_str(status),
            None => write!(f, "{}", self.status),
        }
    }
}

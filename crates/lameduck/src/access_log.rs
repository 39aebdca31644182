//! The access log: a line for each ended request that the configuration asks for.

use lameduck_lifecycle::Outcome;
use lameduck_server::Record;

/// Writes a line under the target `lameduck::access`.
pub(crate) fn write(record: &Record<'_>) {
    let Record { method, route, status, duration, request_id, peer, protocol, kind, outcome, .. } = record;
    let (route, status) = (route.unwrap_or("(no route)"), status.map_or(0, |status| status.as_u16()));
    let duration_ms = duration.as_secs_f64() * 1e3;
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: lameduck_telemetry::ACCESS,
                %method, route, status, duration_ms, request_id, %peer, %protocol, %kind, %outcome,
                "{method} {route} {status} {outcome} in {duration_ms:.1} ms",
            )
        };
    }
    match outcome {
        Outcome::Failed | Outcome::Aborted => line!(error),
        Outcome::TimedOut | Outcome::Rejected => line!(warn),
        Outcome::Completed | Outcome::Drained | Outcome::Late | Outcome::ClientGone if status >= 500 => line!(warn),
        Outcome::Completed | Outcome::Drained | Outcome::Late | Outcome::ClientGone => line!(info),
    }
}

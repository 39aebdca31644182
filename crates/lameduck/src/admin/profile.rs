//! /debug/profile: where the processor time goes, in the format of pprof.

mod proto;

use super::access::Allowed;
use axum::Json;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use prost::Message as _;
use std::io::Write as _;
use std::time::Duration;

/// Samples in a second of processor time: not a round number, so that it beats with nothing.
const HERTZ: i32 = 99;

const SECONDS: u64 = 10;
const SECONDS_MAX: u64 = 60;

/// `GET /debug/profile?seconds=10`: under the rule of `admin.drain`. 409 while another one runs: a process has one
/// timer for this. Given up with its connection.
pub(super) async fn cpu(_: Allowed, RawQuery(query): RawQuery) -> Response {
    let seconds = match seconds(query.as_deref().unwrap_or_default()) {
        Ok(seconds) => seconds,
        Err(sentence) => return refuse(StatusCode::BAD_REQUEST, &sentence),
    };
    // Not inside of what unwinds stacks itself: a sample there could wait for a lock that its own thread holds.
    let unsafe_to_sample = ["libc", "libgcc", "pthread", "vdso"];
    let profiler = pprof::ProfilerGuardBuilder::default().frequency(HERTZ).blocklist(&unsafe_to_sample).build();
    let profiler = match profiler {
        Ok(profiler) => profiler,
        Err(pprof::Error::Running) => {
            return refuse(StatusCode::CONFLICT, "a profile is being taken already: try later");
        }
        Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, &format!("cannot profile: {error}")),
    };
    tracing::info!(seconds, "a CPU profile is being taken for {seconds} s");
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    // Names are looked up in debug information, which takes a while.
    let encoded = tokio::task::spawn_blocking(move || {
        let report = profiler.report().build().map_err(|error| error.to_string())?;
        compressed(&proto::profile(&report, HERTZ).encode_to_vec()).map_err(|error| error.to_string())
    });
    match encoded.await.map_err(|error| error.to_string()).and_then(|encoded| encoded) {
        Ok(profile) => {
            let headers = [
                (CONTENT_TYPE, "application/octet-stream"),
                (CONTENT_DISPOSITION, "attachment; filename=\"profile.pb.gz\""),
                (CACHE_CONTROL, "no-store"),
            ];
            (headers, profile).into_response()
        }
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &format!("cannot write the profile: {error}")),
    }
}

fn seconds(query: &str) -> Result<u64, String> {
    let given = match query.split('&').filter(|part| !part.is_empty()).collect::<Vec<_>>()[..] {
        [] => return Ok(SECONDS),
        [one] => one.strip_prefix("seconds="),
        _ => None,
    };
    let seconds = given.and_then(|given| given.parse().ok()).filter(|seconds| (1..=SECONDS_MAX).contains(seconds));
    seconds.ok_or_else(|| format!("expected seconds=N with N from 1 to {SECONDS_MAX}"))
}

/// A profile is a compressed file, whatever the client accepts.
fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn refuse(status: StatusCode, sentence: &str) -> Response {
    (status, Json(serde_json::json!({ "error": sentence }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_bounded() {
        assert_eq!(seconds(""), Ok(10));
        assert_eq!(seconds("seconds=1"), Ok(1));
        assert_eq!(seconds("seconds=60"), Ok(60));
        for wrong in ["seconds=0", "seconds=61", "seconds=", "seconds=-1", "seconds=1&seconds=2", "second=1", "x"] {
            assert!(seconds(wrong).unwrap_err().contains("1 to 60"), "{wrong}");
        }
    }
}

//! `GET /bench/panic`: a handler with a defect.

/// Panics. The client gets a 500 that says nothing about it.
///
/// # Panics
/// Always.
pub async fn panic() {
    panic!("/bench/panic was asked for");
}

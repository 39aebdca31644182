//! The service as a process, alone: a file, its own queue, a folder. With `ORDERS_TEST_POSTGRES` (a URL) the cases of
//! killed and leaving processes run on that database instead.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]
#![cfg(unix)]

mod docs;
mod killed;
mod leaving;
mod routes;
mod support;
mod traces;

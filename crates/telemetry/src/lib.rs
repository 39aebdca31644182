//! Logs, traces and metrics of a lameduck service.

//! What this service does beside answering requests: one worker a file.

pub mod submit;

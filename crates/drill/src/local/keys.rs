//! What a service built on lameduck can be configured with, asked from the program itself. The drill sets no key that
//! is not there.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Longest time for the answer. Another program may take the question for an order to serve.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Keys that some services have and others do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServiceKeys {
    /// `bench.enabled`: it has routes for slow, streamed and uploaded requests.
    pub(crate) bench: bool,
    /// `listen.grpc`: it serves gRPC, on a port of its own or also on that of HTTP.
    pub(crate) grpc: bool,
}

/// Runs `PROGRAM keys` and reads the answer. A program that does not answer, such as a shell in front of the service,
/// has none.
pub(crate) async fn ask(program: &str) -> ServiceKeys {
    let mut command = Command::new(program);
    command.arg("keys").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    match tokio::time::timeout(ANSWER_WITHIN, command.output()).await {
        Ok(Ok(output)) if output.status.success() => read(&String::from_utf8_lossy(&output.stdout)),
        Ok(_) | Err(_) => ServiceKeys::default(),
    }
}

/// Every key has a heading in the list.
fn read(text: &str) -> ServiceKeys {
    let has = |key: &str| {
        text.lines().any(|line| line.strip_prefix("### ").is_some_and(|rest| rest.trim_matches('`') == key))
    };
    ServiceKeys { bench: has("bench.enabled"), grpc: has("listen.grpc") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_headings_and_nothing_else_counts() {
        let text = "# Keys\n### `listen.http`\nsee `bench.enabled`\n### `bench.closings.hold`\n";
        assert_eq!(read(text), ServiceKeys::default());
        assert!(read("### `bench.enabled`").bench && read("### `listen.grpc`").grpc);
        assert_eq!(read("no such command: keys"), ServiceKeys::default());
    }
}

//! A person who wants the drill to end.

use std::time::Duration;

use tokio::sync::watch;

/// How long the requests in flight may go on once the drill was interrupted.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// Waits until the flag is set; for ever, if nobody can set it any more.
///
/// # Cancel safety
/// Nothing is lost: the flag stays set.
pub(crate) async fn until_set(mut flag: watch::Receiver<bool>) {
    if flag.wait_for(|set| *set).await.is_err() {
        std::future::pending::<()>().await;
    }
}

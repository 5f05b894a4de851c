//! Winding down: a turn that is about to end may, one that is not is interrupted, and what waits stays where it is kept.
//! All of it within a bound.

use super::heart::Heart;
use leashd_connectors::Query;
use leashd_engine::Drain;
use leashd_types::SessionView;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// For turns to end by themselves.
const GRACE: Duration = Duration::from_secs(5);
/// For interrupted turns to end.
const INTERRUPTED: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Returns when no turn runs, or the time is up.
pub(super) async fn drain(heart: &Heart) {
    heart.drain(Drain::AfterTurns).await;
    // A turn that waits for a person would wait for ever.
    let deadline = Instant::now() + GRACE;
    loop {
        let running = running(heart).await;
        if running.is_empty() {
            return;
        }
        if running.iter().all(|session| !session.open_asks.is_empty()) || Instant::now() >= deadline {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    heart.drain(Drain::Now).await;
    let deadline = Instant::now() + INTERRUPTED;
    while !running(heart).await.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
}

/// Sessions with a turn. A loop that is gone has none.
async fn running(heart: &Heart) -> Vec<SessionView> {
    let (reply, answer) = oneshot::channel();
    if heart.queries.send(Query::Sessions { reply }).await.is_err() {
        return Vec::new();
    }
    let mut sessions = answer.await.unwrap_or_default();
    sessions.retain(|session| session.running_since.is_some());
    sessions
}

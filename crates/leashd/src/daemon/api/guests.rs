//! Who is connected: at most so many, and whoever has not shown the token gives way to the next. Knows no HTTP.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::{AbortHandle, JoinSet};

/// Whether a connection has shown the token once.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Arc<AtomicBool>);

impl Known {
    pub(super) fn is_now(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The connections, and with them what serves each. All of it ends with this.
#[derive(Debug, Default)]
pub(super) struct Guests {
    serving: JoinSet<()>,
    /// The oldest first.
    list: VecDeque<(Known, AbortHandle)>,
}

impl Guests {
    /// Until somebody has left; for ever if nobody is there.
    pub(super) async fn leave(&mut self) {
        match self.serving.join_next().await {
            Some(_ended) => self.list.retain(|(_, task)| !task.is_finished()),
            None => std::future::pending().await,
        }
    }

    /// Returns when there is room for one more. Silent ones are sent away for that, the oldest first; those who have shown
    /// the token are waited for.
    pub(super) async fn make_room(&mut self, most: usize) {
        while self.serving.len() >= most {
            let stranger = self.list.iter().position(|(known, _)| !known.is());
            if let Some((_, task)) = stranger.and_then(|index| self.list.remove(index)) {
                task.abort();
            }
            self.leave().await;
        }
    }

    pub(super) fn welcome<F>(&mut self, serve: impl FnOnce(Known) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let known = Known::default();
        let task = self.serving.spawn(serve(known.clone()));
        self.list.push_back((known, task));
    }
}

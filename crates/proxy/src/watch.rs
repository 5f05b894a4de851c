//! A connection that is watched: when bytes last moved, how many, and at most how many may.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

/// What moved over one connection. Figures only: nothing is decided by their order, hence `Relaxed`.
#[derive(Debug)]
pub(crate) struct Activity {
    start: Instant,
    /// Milliseconds after `start`.
    last: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
    /// Bytes in both directions together.
    limit: u64,
}

impl Activity {
    pub(crate) fn new(limit: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            last: AtomicU64::new(0),
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            limit: limit.unwrap_or(u64::MAX),
        })
    }

    /// Bytes read from the other end, bytes written to it.
    pub(crate) fn moved(&self) -> (u64, u64) {
        (self.read.load(Relaxed), self.written.load(Relaxed))
    }

    /// Returns when nothing has moved for `limit`.
    pub(crate) async fn idle_for(&self, limit: Duration) {
        loop {
            let end = self.start + Duration::from_millis(self.last.load(Relaxed)) + limit;
            if Instant::now() >= end {
                return;
            }
            sleep_until(end).await;
        }
    }

    fn count(&self, counter: &AtomicU64, bytes: usize) -> io::Result<()> {
        if bytes > 0 {
            let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.last.store(elapsed, Relaxed);
            counter.fetch_add(bytes as u64, Relaxed);
            let (read, written) = self.moved();
            if read.saturating_add(written) > self.limit {
                return Err(io::Error::other("the connection moved more bytes than it may"));
            }
        }
        Ok(())
    }
}

/// A stream whose bytes are counted.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    pub(crate) activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len().saturating_sub(before);
        Poll::Ready(this.activity.count(&this.activity.read, read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = std::task::ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        this.activity.count(&this.activity.written, written)?;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::{Activity, Watched};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn idle_is_counted_from_the_last_byte() {
        let (mut near, far) = duplex(64);
        let activity = Activity::new(None);
        let mut watched = Watched { stream: far, activity: activity.clone() };
        let start = Instant::now();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(7)).await;
            near.write_all(b"x").await.unwrap();
            std::future::pending::<()>().await;
        });
        let read = async {
            watched.read_u8().await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! { () = read => {}, () = activity.idle_for(Duration::from_secs(10)) => {} }
        assert_eq!(start.elapsed().as_secs(), 17);
        assert_eq!(activity.moved(), (1, 0));
    }

    #[tokio::test]
    async fn no_more_bytes_than_allowed() {
        let (_near, far) = duplex(64);
        let mut watched = Watched { stream: far, activity: Activity::new(Some(3)) };
        watched.write_all(b"abc").await.unwrap();
        assert!(watched.write_all(b"d").await.is_err());
    }
}

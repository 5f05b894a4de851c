//! Bodies that pass through: counted, bounded in bytes and in time, never collected.

use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Why a body was cut.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cut {
    #[error("the body is longer than the {0} bytes it may have")]
    TooLong(u64),
    #[error("the body was not complete in time")]
    TooSlow,
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// What a passing body is told to do at its end, with the number of bytes that passed.
type AtEnd = Box<dyn FnOnce(u64) + Send + Sync>;

/// `inner` with a limit. Dropped early or read to its end, it says how many bytes passed.
pub(crate) struct Passing<B> {
    inner: B,
    passed: u64,
    limit: u64,
    deadline: Option<Pin<Box<Sleep>>>,
    at_end: Option<AtEnd>,
}

impl<B> Passing<B> {
    pub(crate) fn new(inner: B, limit: u64, time: Option<Duration>) -> Self {
        let deadline = time.map(|time| Box::pin(sleep_until(Instant::now() + time)));
        Self { inner, passed: 0, limit, deadline, at_end: None }
    }

    pub(crate) fn at_end(mut self, at_end: impl FnOnce(u64) + Send + Sync + 'static) -> Self {
        self.at_end = Some(Box::new(at_end));
        self
    }
}

impl<B> fmt::Debug for Passing<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Passing").field("passed", &self.passed).finish_non_exhaustive()
    }
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Body for Passing<B> {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Some(Err(Cut::TooSlow)));
        }
        match std::task::ready!(Pin::new(&mut this.inner).poll_frame(context)) {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.passed = this.passed.saturating_add(bytes as u64);
                if this.passed > this.limit {
                    return Poll::Ready(Some(Err(Cut::TooLong(this.limit))));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(error.into()))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for Passing<B> {
    fn drop(&mut self) {
        if let Some(at_end) = self.at_end.take() {
            at_end(self.passed);
        }
    }
}

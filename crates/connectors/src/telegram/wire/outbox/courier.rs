//! Carries what the queue says is next, as many at a time as may be under way.

use super::super::client::Client;
use super::Shared;
use std::sync::Arc;

pub(super) async fn carry(_client: Client, shared: Arc<Shared>) {
    shared.came.notified().await;
}

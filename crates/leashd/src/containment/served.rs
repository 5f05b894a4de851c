//! Where the two proxies are listened for: inside the agent's network namespace, or on this machine's loopback. Knows no
//! host and no key.

use super::network::said;
use leashd_proxy::{ApiProxy, EgressProxy, Handover, Listener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Where both are found inside a network namespace of the agent's own: past the ports that are given out by chance.
const API_PORT: u16 = 61080;
const EGRESS_PORT: u16 = 61081;

/// Until the next try after the system refused to take listeners over (too many open files).
const REFUSED: Duration = Duration::from_millis(100);

/// What is served, wherever it is listened for.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) egress: Arc<EgressProxy>,
    pub(super) api: Option<Arc<ApiProxy>>,
}

pub(super) struct Ports {
    pub(super) egress: u16,
    pub(super) api: Option<u16>,
}

impl Served {
    /// In the namespace the agent was started in last.
    pub(super) fn handed_over(self, taken_at: &Path, tasks: &mut JoinSet<()>) -> Result<Ports, String> {
        let handover = Handover::at(taken_at).map_err(said)?;
        let ports = Ports { egress: EGRESS_PORT, api: self.api.as_ref().map(|_| API_PORT) };
        tasks.spawn(async move {
            let mut serving = JoinSet::new();
            loop {
                match handover.next().await {
                    Ok(listeners) => {
                        serving.shutdown().await;
                        listeners.into_iter().for_each(|(port, it)| self.serve(port, it, &mut serving));
                    }
                    Err(_) => tokio::time::sleep(REFUSED).await,
                }
            }
        });
        Ok(ports)
    }

    fn serve(&self, port: u16, listener: Listener, tasks: &mut JoinSet<()>) {
        match (port, &self.api) {
            (EGRESS_PORT, _) => {
                let serving = Arc::clone(&self.egress).serve(listener);
                tasks.spawn(async move { match serving.await {} });
            }
            (API_PORT, Some(api)) => {
                let serving = Arc::clone(api).serve(listener);
                tasks.spawn(async move { match serving.await {} });
            }
            (_, _) => {}
        }
    }

    pub(super) async fn here(self, tasks: &mut JoinSet<()>) -> Result<Ports, String> {
        let (listener, egress) = listen().await?;
        let serving = self.egress.serve(listener);
        tasks.spawn(async move { match serving.await {} });
        let Some(api) = self.api else { return Ok(Ports { egress, api: None }) };
        let (listener, port) = listen().await?;
        let serving = api.serve(listener);
        tasks.spawn(async move { match serving.await {} });
        Ok(Ports { egress, api: Some(port) })
    }
}

async fn listen() -> Result<(Listener, u16), String> {
    let listener = Listener::loopback(0).await.map_err(|error| error.to_string())?;
    let port = listener.address().ok_or("a proxy has no port")?.port();
    Ok((listener, port))
}

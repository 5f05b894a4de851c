//! A CONNECT tunnel: bytes in both directions until one side ends or nothing moves.

use crate::egress::Closing;
use crate::watch::Activity;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

#[derive(Debug)]
pub(super) struct Tunnel {
    pub(super) client: OnUpgrade,
    pub(super) host: TcpStream,
    pub(super) closing: Closing,
}

impl Tunnel {
    /// Until the end. `activity` is the client's connection, through which all of it goes.
    pub(super) async fn run(mut self, activity: &Activity, idle: Duration) {
        let Ok(client) = self.client.await else { return };
        let mut client = TokioIo::new(client);
        let (sent, received) = activity.moved();
        tokio::select! {
            // How it ended is for the two sides to see.
            ended = copy_bidirectional(&mut client, &mut self.host) => drop(ended),
            () = activity.idle_for(idle) => {}
        }
        let (all_sent, all_received) = activity.moved();
        self.closing.sent = all_sent.saturating_sub(sent);
        self.closing.received = all_received.saturating_sub(received);
    }
}

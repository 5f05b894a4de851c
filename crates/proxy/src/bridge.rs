//! Brings a proxy into a network namespace, where a command has its own loopback and nothing else: listens there on
//! 127.0.0.1 and passes every connection on to a unix socket, which reaches through namespaces. Standard library only:
//! a small process runs it, without a runtime. Reads no byte of what it passes on.

use std::convert::Infallible;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// At a time. Each costs two threads.
const CONNECTIONS: usize = 256;
/// Bytes of a thread's stack: it holds one copy loop, whose buffer is the kernel's pipe where the system can.
const STACK: usize = 128 * 1024;
/// Until the next try after the system refused a connection (too many open files).
const REFUSED: Duration = Duration::from_millis(100);

/// Passes every connection of `listener` on to the socket at `path`. Returns never: the process that runs it is killed
/// with the namespace. What cannot be passed on is closed.
///
/// # Errors
/// Never an end for one connection's sake; the type says that there is no other.
pub fn run(listener: &TcpListener, path: &Path) -> io::Result<Infallible> {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((client, _)) = listener.accept() else {
            thread::sleep(REFUSED);
            continue;
        };
        let slot = Slot::new(&open);
        if open.load(SeqCst) > CONNECTIONS {
            continue;
        }
        let Ok(proxy) = UnixStream::connect(path) else { continue };
        // Only latency is lost without it.
        client.set_nodelay(true).ok();
        pass(client, proxy, slot);
    }
}

/// One connection that is open, until dropped.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, SeqCst);
        Self(Arc::clone(open))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// A thread for each direction. If the system gives none, the connection is closed by dropping it.
fn pass(client: TcpStream, proxy: UnixStream, slot: Slot) {
    let work = move || {
        let both = thread::scope(|scope| {
            let upwards = || {
                let ended = io::copy(&mut &client, &mut &proxy);
                // What is closed already needs no closing, here and below.
                proxy.shutdown(if ended.is_ok() { Shutdown::Write } else { Shutdown::Both }).ok();
            };
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, upwards)?;
            let ended = io::copy(&mut &proxy, &mut &client);
            // The proxy's last word ends the connection, and with it the other thread.
            client.shutdown(Shutdown::Both).ok();
            proxy.shutdown(Shutdown::Both).ok();
            ended
        });
        // How a connection ended is for its two sides to see.
        drop((both, slot));
    };
    thread::Builder::new().stack_size(STACK).spawn(work).ok();
}

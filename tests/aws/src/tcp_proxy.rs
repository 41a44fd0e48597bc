//! A TCP proxy in front of a database: what happens to connections while a sandbox is frozen, or when a network or a server
//! is gone.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinHandle,
};

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They work.
    Open,
    /// Nobody listens; connections that are there go on.
    Refuse,
    /// New ones are closed at once, as by a balancer that has no server left; those that are there go on.
    Close,
    /// Nothing goes through any more, and nobody is told.
    Hang,
    /// Whatever a client sends takes so long.
    Slow(Duration),
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    mode: Mode,
    /// Connections with lower numbers are closed.
    cut_below: u64,
    /// Connections with lower numbers carry nothing any more, and nobody is told.
    stranded_below: u64,
}

/// The proxy.
#[derive(Debug)]
pub struct TcpProxy {
    /// Where it listens.
    pub address: SocketAddr,
    rules: watch::Sender<Rules>,
    /// How many pieces clients have sent.
    pieces: Arc<watch::Sender<u64>>,
    accepted: Arc<AtomicU64>,
    /// The mode that the listener has taken notice of.
    applied: watch::Sender<Mode>,
    server: JoinHandle<()>,
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// One connection's view of the rules.
#[derive(Clone)]
struct Own {
    number: u64,
    rules: watch::Receiver<Rules>,
    pieces: Arc<watch::Sender<u64>>,
}

impl Own {
    /// Waits until something may go through; `false` when the connection is cut.
    async fn may_go(&mut self) -> bool {
        let number = self.number;
        let decided = self
            .rules
            .wait_for(|rules| number < rules.cut_below || (rules.mode != Mode::Hang && number >= rules.stranded_below));
        decided.await.is_ok_and(|rules| number >= rules.cut_below)
    }

    async fn cut(&mut self) {
        let number = self.number;
        let _ = self.rules.wait_for(|rules| number < rules.cut_below).await;
    }
}

impl TcpProxy {
    /// A proxy on a free port before a server.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(server: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a free port")?;
        let address = listener.local_addr()?;
        let rules = watch::Sender::new(Rules { mode: Mode::Open, cut_below: 0, stranded_below: 0 });
        let pieces = Arc::new(watch::Sender::new(0));
        let accepted = Arc::new(AtomicU64::new(0));
        let applied = watch::Sender::new(Mode::Open);
        let listening = Listening {
            socket: Some(listener),
            address,
            server,
            rules: rules.clone(),
            pieces: pieces.clone(),
            accepted: accepted.clone(),
            applied: applied.clone(),
        };
        let task = tokio::spawn(listening.run());
        Ok(Self { address, rules, pieces, accepted, applied, server: task })
    }

    /// Changes what becomes of connections, from now on.
    pub async fn set(&self, mode: Mode) {
        self.rules.send_modify(|rules| rules.mode = mode);
        let _ = self.applied.subscribe().wait_for(|applied| *applied == mode).await;
    }

    /// Closes every connection that is there; new ones work.
    pub fn cut(&self) {
        let next = self.accepted();
        self.rules.send_modify(|rules| rules.cut_below = next);
    }

    /// Leaves every connection that is there without an answer for ever; new ones work. So it is when something between
    /// sandbox and database has forgotten a connection.
    pub fn strand(&self) {
        let next = self.accepted();
        self.rules.send_modify(|rules| rules.stranded_below = next);
    }

    /// How many connections there have been.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// How many pieces clients have sent so far.
    #[must_use]
    pub fn pieces(&self) -> u64 {
        *self.pieces.borrow()
    }

    /// Waits until clients have sent so many pieces in all.
    pub async fn until(&self, pieces: u64) {
        let _ = self.pieces.subscribe().wait_for(|count| *count >= pieces).await;
    }
}

/// What accepts connections.
struct Listening {
    socket: Option<TcpListener>,
    address: SocketAddr,
    server: String,
    rules: watch::Sender<Rules>,
    pieces: Arc<watch::Sender<u64>>,
    accepted: Arc<AtomicU64>,
    applied: watch::Sender<Mode>,
}

impl Listening {
    async fn run(mut self) {
        let mut news = self.rules.subscribe();
        loop {
            let mode = news.borrow_and_update().mode;
            if mode == Mode::Refuse {
                self.socket = None;
            } else if self.socket.is_none() {
                self.socket = TcpListener::bind(self.address).await.ok();
            }
            self.applied.send_replace(mode);
            let Some(socket) = &self.socket else {
                let _ = news.changed().await;
                continue;
            };
            let client = tokio::select! {
                heard = news.changed() => if heard.is_ok() { continue } else { return },
                accepted = socket.accept() => accepted,
            };
            let Ok((client, _)) = client else { continue };
            let number = self.accepted.fetch_add(1, Ordering::SeqCst);
            if mode != Mode::Close {
                let own = Own { number, rules: self.rules.subscribe(), pieces: self.pieces.clone() };
                tokio::spawn(connection(own, client, self.server.clone()));
            }
        }
    }
}

async fn connection(mut own: Own, client: TcpStream, server: String) {
    let mut waiting = own.clone();
    if !waiting.may_go().await {
        return;
    }
    let Ok(upstream) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), upstream.into_split());
    // Either end closes both: a killed client must not leave a session behind.
    tokio::select! {
        () = carry(own.clone(), from_client, to_server, true) => {}
        () = carry(own.clone(), from_server, to_client, false) => {}
        () = own.cut() => {}
    }
}

async fn carry(mut own: Own, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, counted: bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if counted {
            own.pieces.send_modify(|pieces| *pieces += 1);
            let mode = own.rules.borrow().mode;
            if let Mode::Slow(by) = mode {
                tokio::time::sleep(by).await;
            }
        }
        if !own.may_go().await || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

//! What stands between the tests and a real server: passes bytes on, refuses the first connections, or falls silent without
//! ending any.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kinlink_db::Engine;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A server's place, seen through this process.
pub(crate) struct Between {
    /// Connections numbered below this one are silent.
    silent_below: watch::Sender<usize>,
    accepted: Arc<AtomicUsize>,
    port: u16,
}

impl Between {
    /// Passes everything on to `server` (host and port), but for the first `refusals` connections, which are told that there are
    /// too many.
    pub(crate) async fn start(engine: Engine, server: String, refusals: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (silent_below, silence) = watch::channel(0);
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let number = counter.fetch_add(1, Ordering::SeqCst);
                if number < refusals {
                    tokio::spawn(refuse(engine, client));
                } else {
                    tokio::spawn(pass_on(client, server.clone(), number, silence.clone()));
                }
            }
        });
        Self { silent_below, accepted, port }
    }

    /// The same database, through here.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(&address(url), &format!("127.0.0.1:{}", self.port))
    }

    /// How many connections there have been.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// From now on nothing is heard on the connections that there are. New ones work.
    pub(crate) fn silence_the_old(&self) {
        self.silent_below.send_replace(self.accepted());
    }

    /// From now on nothing is heard at all.
    pub(crate) fn silence_all(&self) {
        self.silent_below.send_replace(usize::MAX);
    }

    /// New connections work again.
    pub(crate) fn speak(&self) {
        self.silence_the_old();
    }
}

/// Host and port of a URL.
pub(crate) fn address(url: &str) -> String {
    url.rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned()
}

async fn pass_on(mut client: TcpStream, server: String, number: usize, mut silence: watch::Receiver<usize>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    tokio::select! {
        biased;
        _ = silence.wait_for(|below| number < *below) => {}
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
    }
    // Both ends stay open, and nobody reads, as long as the test has a hold on this.
    while silence.changed().await.is_ok() {}
}

async fn refuse(engine: Engine, mut client: TcpStream) {
    if engine == Engine::MySql {
        let mut packet = vec![0xff];
        packet.extend(1040_u16.to_le_bytes());
        packet.extend(b"#08004Too many connections");
        let mut bytes = vec![u8::try_from(packet.len()).unwrap(), 0, 0, 0];
        bytes.extend(packet);
        client.write_all(&bytes).await.unwrap();
    } else {
        let mut asked = [0; 1024];
        // First the client asks for TLS (8 bytes), then it says who it is.
        if client.read(&mut asked).await.unwrap() == 8 {
            client.write_all(b"N").await.unwrap();
            let _ = client.read(&mut asked).await;
        }
        let fields = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0";
        let mut bytes = vec![b'E'];
        bytes.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
        bytes.extend(fields);
        client.write_all(&bytes).await.unwrap();
    }
    // The client ends it, so that nothing is lost on the way.
    let _ = client.read(&mut [0; 1]).await;
}

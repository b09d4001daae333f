//! A way to the hub on which answers get lost: the request arrives, the connection ends before its answer comes back.

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A way to a hub. It ends with this value.
#[derive(Debug)]
pub struct Lossy {
    /// The address to give instead of the hub's.
    pub url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Lossy {
    /// A way to the hub at `url` on which the answer to the `request`-th request of every connection, counted from 1, is lost.
    ///
    /// # Errors
    /// When nothing can listen.
    pub async fn before(url: &str, request: usize) -> Result<Self> {
        let hub = url.strip_prefix("https://").context("a hub's address")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let hub = hub.clone();
                tokio::spawn(async move { pass(client, &hub, request).await });
            }
        });
        Ok(Self { url, task })
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// In TLS 1.3 without tickets, client and hub take turns: the client's first word is its hello, its second ends the handshake
/// and holds the first request, each further one is a request.
async fn pass(mut client: TcpStream, hub: &str, request: usize) -> Result<()> {
    let mut hub = TcpStream::connect(hub).await?;
    let (mut said, mut heard) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let (mut words, mut is_clients_turn) = (0, true);
    loop {
        tokio::select! {
            length = client.read(&mut said) => {
                let length = length?;
                if length == 0 {
                    return Ok(());
                }
                words += usize::from(is_clients_turn);
                is_clients_turn = false;
                hub.write_all(&said[..length]).await?;
            }
            length = hub.read(&mut heard) => {
                let length = length?;
                if length == 0 || words == request + 1 {
                    return Ok(());
                }
                is_clients_turn = true;
                client.write_all(&heard[..length]).await?;
            }
        }
    }
}

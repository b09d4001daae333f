//! A caller that speaks HTTP byte by byte, so that it can speak it wrongly.

use crate::certificates::Issued;
use crate::hub::Hub;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) struct Caller {
    pub(crate) stream: TlsStream<TcpStream>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

pub(crate) fn configuration(hub: &Hub, client: Option<&Issued>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(hub.own.der.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match client {
        Some(client) => builder.with_client_auth_cert(vec![client.der.clone()], client.key_der()).unwrap(),
        None => builder.with_no_client_auth(),
    }
}

impl Caller {
    pub(crate) async fn connect(hub: &Hub, client: Option<&Issued>) -> io::Result<Self> {
        Self::connect_as(hub, configuration(hub, client)).await
    }

    pub(crate) async fn connect_as(hub: &Hub, configuration: ClientConfig) -> io::Result<Self> {
        let stream = TcpStream::connect(hub.address).await?;
        // As every HTTP client does; else the first request waits for the acknowledgement of the handshake.
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        Ok(Self { stream: TlsConnector::from(Arc::new(configuration)).connect(name, stream).await? })
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: hub\r\n\r\n")).await?;
        self.answer().await
    }

    /// Reads one answer.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        let length: usize = answer.header("content-length").unwrap_or("0").parse().unwrap();
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Ok(answer)
    }

    /// Waits until the hub closes; how long that took.
    pub(crate) async fn closed(&mut self) -> Duration {
        let start = tokio::time::Instant::now();
        let mut bytes = [0; 4096];
        while !matches!(self.stream.read(&mut bytes).await, Ok(0) | Err(_)) {}
        start.elapsed()
    }
}

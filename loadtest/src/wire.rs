//! One keep-alive connection over mutual TLS, as thin as it goes: hyper's HTTP/1.1 client directly on rustls.
//!
//! Both sides of a comparison get the very same handshake: TLS 1.3, X25519, AES-128-GCM, no resumption.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where to connect, and as whom.
#[derive(Debug, Clone)]
pub struct Door {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

/// An open connection.
#[derive(Debug)]
pub struct Line {
    sender: SendRequest<Full<Bytes>>,
    host: http::HeaderValue,
}

/// An answer, its body read and counted.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, unless it was only counted.
    pub body: Bytes,
    /// How many bytes the body had.
    pub bytes: u64,
}

impl Door {
    /// A door to this address for the owner of this certificate (chain and key, PEM), trusting this authority.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn new(address: SocketAddr, authority: &str, certificate: &str, key: &str) -> Result<Self> {
        let provider = CryptoProvider {
            cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![aws_lc_rs::kx_group::X25519],
            ..aws_lc_rs::default_provider()
        };
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(authority.as_bytes()) {
            roots.add(root?)?;
        }
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>()?;
        let mut tls = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes())?)?;
        tls.resumption = Resumption::disabled();
        Ok(Self { address, tls: Arc::new(tls) })
    }

    /// The same owner before another address.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, tls: Arc::clone(&self.tls) }
    }

    /// Where it leads.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The encrypted stream, shaken hands on.
    ///
    /// # Errors
    /// When there is no connection or the handshake fails.
    pub async fn stream(&self) -> Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(self.address.ip().into());
        Ok(TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await?)
    }

    /// One full handshake: open, shaken hands, closed by both sides, so that the server has judged our certificate.
    ///
    /// # Errors
    /// When it fails.
    pub async fn knock(&self) -> Result<()> {
        let mut stream = self.stream().await?;
        stream.shutdown().await?;
        let mut rest = [0; 512];
        // Session tickets of a server that sends some; its end without more is the good-bye we wait for.
        while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
        Ok(())
    }

    /// A connection for requests.
    ///
    /// # Errors
    /// When there is none.
    pub async fn open(&self) -> Result<Line> {
        let stream = self.stream().await.with_context(|| format!("a connection to {}", self.address))?;
        let (sender, connection) = http1::Builder::new().handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // How it ended shows at the request that it was ended for.
            let _ = connection.await;
        });
        Ok(Line { sender, host: http::HeaderValue::try_from(self.address.to_string())? })
    }
}

impl Line {
    /// Asks and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn ask(&mut self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let (parts, body) = self.begin(request).await?;
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, bytes: body.len() as u64, body })
    }

    /// Asks and reads the answer, keeping only the number of its bytes.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn ask_and_count(&mut self, request: Request<Full<Bytes>>) -> Result<Answer> {
        let (parts, mut body) = self.begin(request).await?;
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame?.data_ref().map_or(0, Bytes::len) as u64;
        }
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: Bytes::new(), bytes })
    }

    /// Asks; the body of the answer is left to the caller.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn begin(&mut self, mut request: Request<Full<Bytes>>) -> Result<(http::response::Parts, Incoming)> {
        request.headers_mut().insert(header::HOST, self.host.clone());
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?.into_parts())
    }
}

impl Answer {
    /// The same, if the status is this one.
    ///
    /// # Errors
    /// With the answer.
    pub fn status(self, status: u16) -> Result<Self> {
        ensure!(self.status == status, "status {} instead of {status}: {}", self.status, self.text());
        Ok(self)
    }

    /// A header.
    ///
    /// # Errors
    /// When it is not there.
    pub fn header(&self, name: &str) -> Result<&http::HeaderValue> {
        match self.headers.get(name) {
            Some(value) => Ok(value),
            None => bail!("an answer without {name}"),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

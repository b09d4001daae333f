//! Requests over mutual TLS with any certificate.

use crate::papers::Paper;
use crate::patience::within;
use crate::{Form, papers};
use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use careplan_protocol::api::IDEMPOTENCY_KEY;
use careplan_protocol::problem::Problem;
use reqwest::header::HeaderMap;
use reqwest::{Body, Client, Method, RequestBuilder, Response};
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Somebody with a certificate, or without one.
#[derive(Debug, Clone)]
pub struct Caller {
    client: Client,
    hub: String,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Caller {
    /// Somebody who trusts the hub's authority.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn new(hub: &str, ca: &str, paper: Option<&Paper>) -> Result<Self> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls(ca, paper)?)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("careplan-tests")
            .build()?;
        Ok(Self { client, hub: hub.to_owned() })
    }

    /// A request to a path.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.hub)).header("accept-language", "en")
    }

    /// Sends a request; the answer's body is not read yet.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn open(&self, request: RequestBuilder) -> Result<Response> {
        Ok(within("an answer", 90, request.send()).await??)
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call(&self, request: RequestBuilder) -> Result<Reply> {
        let response = self.open(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = within("the body of an answer", 90, response.bytes()).await??;
        Ok(Reply { status, headers, body })
    }

    /// `GET`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        self.call(self.request(Method::GET, path)).await
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn delete(&self, path: &str) -> Result<Reply> {
        self.call(self.request(Method::DELETE, path)).await
    }

    /// `POST` with JSON.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<Reply> {
        self.call(self.request(Method::POST, path).json(body)).await
    }

    /// `PUT` with JSON.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn put(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<Reply> {
        self.call(self.request(Method::PUT, path).json(body)).await
    }

    /// A send under a new key.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, office: &str, form: Form) -> Result<Reply> {
        self.send_as(office, &papers::random_key()?, form).await
    }

    /// A send under this key.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send_as(&self, office: &str, key: &str, form: Form) -> Result<Reply> {
        self.call(self.sending(office, form.body()).header(IDEMPOTENCY_KEY, key)).await
    }

    /// A send in the making, without its key.
    pub fn sending(&self, office: &str, body: impl Into<Body>) -> RequestBuilder {
        let request = self.request(Method::POST, &format!("/v1/offices/{office}/outbox"));
        request.header("content-type", Form::content_type()).body(body)
    }
}

impl Reply {
    /// The same, if the status is this one.
    ///
    /// # Errors
    /// With the whole answer.
    pub fn status(self, status: u16) -> Result<Self> {
        ensure!(self.status == status, "status {} instead of {status}: {}", self.status, self.text());
        Ok(self)
    }

    /// The same, if it is a refusal with this code.
    ///
    /// # Errors
    /// With the whole answer.
    pub fn refused(self, code: &str) -> Result<Self> {
        let problem: Problem =
            self.json().with_context(|| format!("refusal {code} expected, status {}", self.status))?;
        ensure!(problem.code == code, "code {} instead of {code}: {}", problem.code, self.text());
        ensure!(problem.status == self.status, "status {} in the body of a {}", problem.status, self.status);
        ensure!(self.header("content-type") == "application/problem+json", "{:?}", self.headers);
        Ok(self)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// With the whole answer.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).with_context(|| format!("status {}: {}", self.status, self.text()))
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// `GET` over plain HTTP, as the local listener speaks it.
///
/// # Errors
/// When there is no answer.
pub async fn local(url: &str) -> Result<Reply> {
    // The library wants a TLS configuration even where none is used.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let unused = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let client = Client::builder().tls_backend_preconfigured(unused).no_proxy().build()?;
    let response = within(url, 30, client.get(url).send()).await??;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply { status, headers, body: response.bytes().await? })
}

/// A TLS configuration that trusts this authority and shows this certificate.
///
/// # Errors
/// When they cannot be used.
pub fn tls(ca: &str, paper: Option<&Paper>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut configuration = match paper {
        Some(paper) => {
            let chain = CertificateDer::pem_slice_iter(paper.certificate.as_bytes()).collect::<Result<_, _>>()?;
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(paper.key.as_bytes())?)?
        }
        None => builder.with_no_client_auth(),
    };
    configuration.resumption = Resumption::disabled();
    Ok(configuration)
}

//! HTTP POST of alerts over TLS.
//!
//! Alerts are sent in batches, as a JSON array or one JSON object a line. A batch is tried again, with
//! growing pauses, when the receiver can't be reached, is overloaded (429) or has a fault (5xx); any
//! other refusal is final, since it would be the same the next time. What can be wrong with the options
//! themselves is found before anything is sent. A receiver can drop what it has seen by the alert's id:
//! a batch may arrive twice if its answer is lost.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::uri::Authority;
use ureq::http::{HeaderName, HeaderValue, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::sink::{Sink, SinkError};

/// Form of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// `[{…},{…}]`, `application/json`.
    #[default]
    Json,
    /// One object a line, `application/x-ndjson`.
    Ndjson,
}

/// How a webhook is used.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// Where to: `https://…`, or `http://…` within a host or a network one trusts.
    pub url: String,
    /// Form of a batch.
    pub encoding: Encoding,
    /// Alerts in a batch.
    pub batch: usize,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How often a batch is tried before it is given up.
    pub attempts: u32,
    /// Pause before the second attempt; each further one doubles it.
    pub pause: Duration,
    /// Header fields to add, such as `Authorization`.
    pub headers: Vec<(String, String)>,
    /// Certificates (PEM) to trust instead of the public ones.
    pub authorities: Option<Vec<u8>>,
}

impl WebhookOptions {
    /// The defaults for `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            encoding: Encoding::default(),
            batch: 100,
            timeout: Duration::from_secs(10),
            attempts: 5,
            pause: Duration::from_millis(500),
            headers: Vec::new(),
            authorities: None,
        }
    }
}

/// Sends alerts to a URL.
#[derive(Debug)]
pub struct Webhook {
    options: WebhookOptions,
    agent: Agent,
    name: String,
    waiting: Vec<String>,
    acknowledged: u64,
}

impl Webhook {
    /// Checks the options and sets TLS up; nothing is sent yet.
    ///
    /// # Errors
    /// [`SinkError::Setup`] if the URL or a header field is none, or the certificates can't be read.
    pub fn new(options: WebhookOptions) -> Result<Self, SinkError> {
        let host = host(&options.url)
            .map_err(|what| SinkError::Setup { sink: "webhook".to_owned(), what })?;
        let name = format!("webhook {host}");
        let setup = |what: String| SinkError::Setup { sink: name.clone(), what };
        check_headers(&options.headers).map_err(setup)?;
        let roots = match &options.authorities {
            None => RootCerts::WebPki,
            Some(pem) => RootCerts::Specific(Arc::new(certificates(pem).map_err(setup)?)),
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(options.timeout))
            .http_status_as_error(false)
            // A redirected POST would become an empty GET, and its answer would look like a delivery.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("etwatch/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { options, agent, name, waiting: Vec::new(), acknowledged: 0 })
    }

    fn body(&self) -> (String, &'static str) {
        match self.options.encoding {
            Encoding::Json => (format!("[{}]", self.waiting.join(",")), "application/json"),
            Encoding::Ndjson => (self.waiting.join("\n") + "\n", "application/x-ndjson"),
        }
    }

    /// Sends what waits; gives it up after the last attempt.
    fn send(&mut self) -> Result<(), SinkError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (body, kind) = self.body();
        let alerts = self.waiting.len() as u64;
        let mut pause = self.options.pause;
        let mut last = String::new();
        for attempt in 1..=self.options.attempts.max(1) {
            if attempt > 1 {
                std::thread::sleep(pause);
                pause = pause.saturating_mul(2);
            }
            match self.post(&body, kind) {
                Attempt::Taken => {
                    self.acknowledged += alerts;
                    self.waiting.clear();
                    return Ok(());
                }
                Attempt::Refused(what) => {
                    last = what;
                    break;
                }
                Attempt::Failed(what) => {
                    tracing::warn!(attempt, what, "webhook: attempt failed");
                    last = what;
                }
            }
        }
        self.waiting.clear();
        Err(SinkError::Undelivered { sink: self.name.clone(), alerts, what: last })
    }

    fn post(&self, body: &str, kind: &str) -> Attempt {
        let mut request = self.agent.post(&self.options.url).header("Content-Type", kind);
        for (name, value) in &self.options.headers {
            request = request.header(name, value);
        }
        match request.send(body) {
            Ok(answer) => {
                let status = answer.status();
                if status.is_success() {
                    Attempt::Taken
                } else if status.is_server_error() || status.as_u16() == 429 {
                    Attempt::Failed(format!("answered {status}"))
                } else {
                    Attempt::Refused(format!("answered {status}"))
                }
            }
            Err(error) if is_final(&error) => Attempt::Refused(error.to_string()),
            Err(error) => Attempt::Failed(error.to_string()),
        }
    }
}

enum Attempt {
    Taken,
    /// Trying again would give the same.
    Refused(String),
    /// May go better the next time.
    Failed(String),
}

/// Whether an error lies in the request itself, so that no later attempt could go better.
fn is_final(error: &ureq::Error) -> bool {
    use ureq::Error::{BadUri, Http, InvalidProxyUrl};
    matches!(error, Http(_) | BadUri(_) | InvalidProxyUrl)
}

/// Host and port of a URL that can be posted to. The rest of it may be a secret: neither the result
/// nor an error shows it.
fn host(url: &str) -> Result<String, String> {
    let uri: Uri = url.parse().map_err(|error| {
        format!("the URL can't be used ({error}); write https://host/path, other characters as %XX")
    })?;
    let place = uri.authority().map(Authority::as_str).unwrap_or_default();
    let place = place.rsplit('@').next().unwrap_or_default();
    let host = uri.host().unwrap_or_default();
    if !matches!(uri.scheme_str(), Some("https" | "http")) || host.is_empty() {
        return Err("the URL must begin with https:// or http://, then a host".to_owned());
    }
    if place != host && uri.port_u16().is_none() {
        return Err("the port in the URL is no number from 0 to 65535".to_owned());
    }
    Ok(place.to_owned())
}

/// Whether header fields can be sent. Their values are secrets and not shown.
fn check_headers(headers: &[(String, String)]) -> Result<(), String> {
    for (name, value) in headers {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(format!(
                "`{name}` is no name of a header field; letters, digits and `-` are"
            ));
        }
        if HeaderValue::from_str(value).is_err() {
            return Err(format!(
                "the value of the header field `{name}` can't be sent; take line ends and other \
                 control characters out"
            ));
        }
    }
    Ok(())
}

/// All certificates of a PEM file.
fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(pem) {
        match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(format!("certificates: {error}")),
        }
    }
    if found.is_empty() { Err("no certificate in the PEM file".to_owned()) } else { Ok(found) }
}

impl Sink for Webhook {
    fn name(&self) -> &str {
        &self.name
    }
    fn accept(&mut self, alert: &str) -> Result<(), SinkError> {
        self.waiting.push(alert.to_owned());
        if self.waiting.len() >= self.options.batch.max(1) { self.send() } else { Ok(()) }
    }
    fn acknowledged(&self) -> u64 {
        self.acknowledged
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        self.send()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_request_is_not_tried_again() {
        assert!(is_final(&ureq::Error::BadUri("x".to_owned())));
        assert!(is_final(&ureq::Error::InvalidProxyUrl));
        assert!(!is_final(&ureq::Error::HostNotFound));
        assert!(!is_final(&ureq::Error::ConnectionFailed));
    }
}

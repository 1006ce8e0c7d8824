//! HTTP POST of alerts over TLS.
//!
//! Alerts are sent in batches, as a JSON array or one JSON object a line. A batch is tried again, with
//! growing pauses, when the receiver can't be reached, is overloaded (429) or has a fault (5xx); any
//! other refusal is final, since it would be the same the next time. A receiver can drop what it has
//! seen by the alert's id: a batch may arrive twice if its answer is lost.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::alert::Alert;
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
    /// [`SinkError::Setup`] if the URL is none, or the certificates can't be read.
    pub fn new(options: WebhookOptions) -> Result<Self, SinkError> {
        // The URL may hold a secret: only its host is shown.
        let host = options.url.split('/').nth(2).unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default().to_owned();
        let name = format!("webhook {host}");
        let setup = |what: String| SinkError::Setup { sink: name.clone(), what };
        let known = ["https://", "http://"].iter().any(|scheme| options.url.starts_with(scheme));
        if !known || host.is_empty() {
            return Err(setup(
                "the URL must begin with https:// or http://, then a host".to_owned(),
            ));
        }
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
    fn accept(&mut self, _: &Alert, json: &str) -> Result<(), SinkError> {
        self.waiting.push(json.to_owned());
        if self.waiting.len() >= self.options.batch.max(1) { self.send() } else { Ok(()) }
    }
    fn acknowledged(&self) -> u64 {
        self.acknowledged
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        self.send()
    }
}

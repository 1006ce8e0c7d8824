//! Safe functions over Win32: processes, tokens, paths, files, signatures; elsewhere "not here".
//!
//! Everything that asks the operating system something goes through this crate, so that `unsafe` has one
//! home and the other crates run unchanged where there is no Windows. What needs no Windows is plain Rust
//! and tested everywhere: hashes, what an image says of itself, the cache, the deadline, the records.
//!
//! | module | holds | come here when |
//! |---|---|---|
//! | [`host`] | [`Host`], what can be asked | something more is to be asked |
//! | [`fake`] | [`FakeHost`], which says what it was told to | a test needs a host |
//! | [`process`] | [`ProcessSnapshot`], [`Account`], [`Boot`] | a process that runs is looked at |
//! | [`volumes`] | [`Volumes`], devices and drive letters | a path of the kernel is translated |
//! | [`rights`] | [`Rights`], what our process may do | a refusal is to be foreseen |
//! | [`registry`] | [`RegistryKey`], a key of our own and a value that is read | the registry is asked or written to |
//! | [`replace`] | a file put in place of another at once | something is saved |
//! | [`questions`] | [`FileQuestions`], what is asked about a file | rules decide what they need |
//! | [`facts`] | [`FileFacts`], and how Sysmon spells them | a field is filled in |
//! | [`mod@file`] | the facts of a file that can be read | a fact is worked out |
//! | [`pe`] | images of programs: imports, exports, version | an image is looked into |
//! | [`pool`] | [`FactsPool`], which asks on threads of its own | events must not wait |
//! | [`answer`], [`record`] | [`Answer`], also as a record of the stream | a recording replays the same |
//! | [`raw_record`] | the same as ETW would write it, for `.etl` files | what a live run asked is recorded |
//! | [`service`] | services of Windows: to install one, to be one |
//! | [`error`] | [`HostError`], why the host gave no answer | a look-up fails |
#![cfg_attr(not(windows), forbid(unsafe_code))]
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod answer;
#[cfg(not(windows))]
mod elsewhere;
pub mod error;
pub mod facts;
pub mod fake;
pub mod file;
pub mod host;
pub mod pe;
pub mod pool;
pub mod process;
pub mod questions;
pub mod raw_record;
pub mod record;
pub mod registry;
pub mod replace;
pub mod rights;
pub mod service;
pub mod volumes;
#[cfg(windows)]
mod windows;

pub use answer::{Answer, NoFacts};
#[cfg(not(windows))]
pub use elsewhere::LocalHost;
pub use error::HostError;
pub use facts::{FileFacts, FileIdentity, Signature, SignatureStatus, VersionInformation};
pub use fake::{FakeClock, FakeHost};
pub use host::Host;
pub use pool::{FactsPool, PoolSettings};
pub use process::{Account, Boot, Integrity, ProcessSnapshot};
pub use questions::FileQuestions;
pub use registry::{RegistryKey, RegistryValue};
pub use rights::{Privilege, Rights};
pub use volumes::Volumes;
#[cfg(windows)]
pub use windows::LocalHost;

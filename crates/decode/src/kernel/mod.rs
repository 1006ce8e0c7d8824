//! What the kernel says happened, typed: processes, threads, images, connections, files, registry, stacks.
//!
//! The kernel has two voices. Classic (MOF) events are told apart by class and opcode, events of the
//! manifest providers (Kernel-Process and its like) by provider and id. Both say the same under other names
//! and in another order, and who named the fields may be one of our tables, a manifest or a recording's own
//! description. So an event is built from a decoded record by the names of its fields, whatever made
//! them: one pass over the fields, no allocation, text borrowed from the record.
//!
//! ```text
//! (class or provider, opcode or id) ──▶ kind and operation
//! field names ProcessId, ProcessID, PID ──▶ process_id, …
//! ```
//!
//! What an event is about is in its own fields; the header says who wrote it ([`Context`]). They differ: the
//! header of a thread's start is its creator, the payload the process it runs in. A header may have no
//! process at all (network, file names), then only the payload counts. A record that lacks the field without
//! which its kind makes no sense (a process without a number) is [`KernelEvent::Generic`]: nothing is
//! guessed. A field that the record does not have is `None`.
//!
//! Two things take several events to say. [`stacks`] joins stacks to the events they belong to, [`modules`]
//! tells in which file an address of a stack lies.

mod file;
mod image;
pub mod modules;
mod network;
mod process;
mod provider;
mod registry;
mod stack;
pub mod stacks;
mod thread;
mod value;

use etwatch_event::{Guid, RawHeader, RawValue, Record, Timestamp, Value};

pub use file::{FileEvent, FileOperation};
pub use image::{ImageEvent, ImageOperation};
pub use modules::{Frame, Modules};
pub use network::{NetworkEvent, NetworkOperation, Protocol};
pub use process::{ProcessEvent, ProcessOperation};
pub use registry::{RegistryEvent, RegistryOperation};
pub use stack::{StackEvent, StackKeyEvent, StackKeyOperation};
pub use stacks::{ExtendedStack, Hold, StackJoin, StackKeys};
pub use thread::{ThreadEvent, ThreadOperation};

use crate::header;
use provider::Provider;

/// The field that holds the bytes of a record that nothing explains.
const PAYLOAD: &str = "Payload";

/// When, where and by whom an event was written: its header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// When it happened.
    pub time: Timestamp,
    /// The process that was running; `None` where the header does not say.
    pub process_id: Option<u32>,
    /// The thread that was running.
    pub thread_id: Option<u32>,
    /// The processor it ran on.
    pub processor: u16,
}

impl Context {
    /// What a header says. A number of all ones stands for "unknown" in some old headers.
    #[must_use]
    pub fn of(header: &RawHeader) -> Self {
        let known = |number: Option<u32>| number.filter(|number| *number != u32::MAX);
        Self {
            time: header.time,
            process_id: known(header.process_id),
            thread_id: known(header.thread_id),
            processor: header.processor,
        }
    }
}

/// An event of the kernel.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum KernelEvent<'a> {
    /// A process starts, ends, or is there.
    Process(ProcessEvent<'a>),
    /// A thread starts, ends, or is there.
    Thread(ThreadEvent<'a>),
    /// An image is loaded, unloaded, or is there.
    Image(ImageEvent<'a>),
    /// Something is sent, received, connected over TCP or UDP.
    Network(NetworkEvent),
    /// A file is opened, read, written, deleted, renamed.
    File(FileEvent<'a>),
    /// A key or value of the registry is opened, read, written, deleted.
    Registry(RegistryEvent<'a>),
    /// The stack that belongs to an event before.
    Stack(StackEvent<'a>),
    /// The addresses of a stack that others name.
    StackKey(StackKeyEvent<'a>),
    /// Another event with fields.
    Generic(GenericEvent<'a>),
    /// An event whose payload nothing explains.
    Unknown(UnknownEvent<'a>),
}

/// An event that has fields, but none of the kinds that are known here.
#[derive(Clone, Copy, Debug)]
pub struct GenericEvent<'a> {
    /// Its header.
    pub context: Context,
    /// The provider or class.
    pub provider: Guid,
    /// The id of the event.
    pub id: u16,
    /// The opcode.
    pub opcode: u8,
    /// The version of its layout.
    pub version: u8,
    record: Record<'a>,
}

impl<'a> GenericEvent<'a> {
    /// The fields of its payload, those of the header left out.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, RawValue<'a>)> + use<'a> {
        payload(&self.record)
    }
}

/// An event whose payload nothing explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownEvent<'a> {
    /// Its header.
    pub context: Context,
    /// The provider or class.
    pub provider: Guid,
    /// The id of the event.
    pub id: u16,
    /// The opcode.
    pub opcode: u8,
    /// The version of its layout.
    pub version: u8,
    /// The bytes.
    pub payload: &'a [u8],
}

impl<'a> KernelEvent<'a> {
    /// What a record says that was decoded from a raw record with this header.
    #[must_use]
    pub fn of(header: &RawHeader, record: &Record<'a>) -> Self {
        let context = Context::of(header);
        let typed = Provider::of(&header.provider).and_then(|provider| {
            let number = provider.number(header);
            ProcessEvent::of(provider, number, context, record)
                .map(Self::Process)
                .or_else(|| ThreadEvent::of(provider, number, context, record).map(Self::Thread))
                .or_else(|| ImageEvent::of(provider, number, context, record).map(Self::Image))
                .or_else(|| NetworkEvent::of(provider, number, context, record).map(Self::Network))
                .or_else(|| FileEvent::of(provider, number, context, record).map(Self::File))
                .or_else(|| {
                    RegistryEvent::of(provider, number, context, record).map(Self::Registry)
                })
                .or_else(|| StackEvent::of(provider, number, context, record).map(Self::Stack))
                .or_else(|| {
                    StackKeyEvent::of(provider, number, context, record).map(Self::StackKey)
                })
        });
        typed.unwrap_or_else(|| Self::untyped(header, context, record))
    }

    /// An event that is none of the known kinds.
    fn untyped(header: &RawHeader, context: Context, record: &Record<'a>) -> Self {
        let RawHeader { provider, id, opcode, version, .. } = *header;
        let mut fields = payload(record);
        match (fields.next(), fields.next()) {
            (None, _) => {
                Self::Unknown(UnknownEvent { context, provider, id, opcode, version, payload: &[] })
            }
            (Some((PAYLOAD, RawValue::One(Value::Bytes(payload)))), None) => {
                Self::Unknown(UnknownEvent { context, provider, id, opcode, version, payload })
            }
            _ => {
                let record = *record;
                Self::Generic(GenericEvent { context, provider, id, opcode, version, record })
            }
        }
    }

    /// Its header.
    #[must_use]
    pub fn context(&self) -> &Context {
        match self {
            Self::Process(event) => &event.context,
            Self::Thread(event) => &event.context,
            Self::Image(event) => &event.context,
            Self::Network(event) => &event.context,
            Self::File(event) => &event.context,
            Self::Registry(event) => &event.context,
            Self::Stack(event) => &event.context,
            Self::StackKey(event) => &event.context,
            Self::Generic(event) => &event.context,
            Self::Unknown(event) => &event.context,
        }
    }
}

/// The fields of the payload; those of the header stand before them.
fn payload<'a>(record: &Record<'a>) -> impl Iterator<Item = (&'a str, RawValue<'a>)> + use<'a> {
    record.fields().skip(header::fields_of_header(record))
}

#[cfg(test)]
mod tests;

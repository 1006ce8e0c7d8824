//! Stacks: the class StackWalk. The event that a stack belongs to has the same time and thread.
//!
//! A stack comes in one of two ways. A record has its addresses (32), or it names a stack that the kernel
//! keeps, since most occur many times (37 the part in the kernel, 38 that of the user); what its addresses
//! are is said by a record that defines the key: when the kernel begins to keep it (34), when it gives it
//! up (35), or when recording ends (36). A key that was given up may be used again for another stack.

use etwatch_event::Record;

use super::provider::Provider;
use super::{Context, value};

/// The stack that belongs to an event before, or a part of it.
#[derive(Clone, Copy, Debug)]
pub struct StackEvent<'a> {
    /// Its header.
    pub context: Context,
    /// The time of the event it belongs to, in units of the trace's clock.
    pub event_time_stamp: u64,
    /// The process of that event.
    pub process_id: u32,
    /// The thread of that event.
    pub thread_id: u32,
    /// The stack that the kernel keeps; without one, the record has the addresses.
    pub key: Option<u64>,
    record: Record<'a>,
}

/// What is said of a stack that the kernel keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StackKeyOperation {
    /// It is kept from now on.
    Create,
    /// It was kept until now.
    Delete,
    /// It is kept when recording ends.
    Rundown,
}

/// The addresses of a stack that the kernel keeps.
#[derive(Clone, Copy, Debug)]
pub struct StackKeyEvent<'a> {
    /// Its header.
    pub context: Context,
    /// What is said.
    pub operation: StackKeyOperation,
    /// The key, unique among the stacks that are kept at a time.
    pub key: u64,
    record: Record<'a>,
}

impl<'a> StackEvent<'a> {
    /// What `record` says, if it is a stack.
    pub(super) fn of(
        provider: Provider,
        number: u16,
        context: Context,
        record: &Record<'a>,
    ) -> Option<Self> {
        let is_keyed = match (provider, number) {
            (Provider::StackWalk, 32) => false,
            (Provider::StackWalk, 37 | 38) => true,
            _ => return None,
        };
        let (mut time, mut process_id, mut thread_id, mut key) = (None, None, None, None);
        for (name, value) in record.fields() {
            match name {
                "EventTimeStamp" => time = value::number(value),
                "StackProcess" => process_id = value::number32(value),
                "StackThread" => thread_id = value::number32(value),
                "StackKey" => key = value::number(value),
                _ => {}
            }
        }
        let key = if is_keyed { Some(key?) } else { None };
        let (event_time_stamp, process_id, thread_id) = (time?, process_id?, thread_id?);
        Some(Self { context, event_time_stamp, process_id, thread_id, key, record: *record })
    }

    /// Addresses of code, from the innermost call outwards; none if it has a key.
    pub fn addresses(&self) -> impl Iterator<Item = u64> + use<'a> {
        addresses(&self.record, "Stack")
    }
}

impl<'a> StackKeyEvent<'a> {
    /// What `record` says, if it defines a key.
    pub(super) fn of(
        provider: Provider,
        number: u16,
        context: Context,
        record: &Record<'a>,
    ) -> Option<Self> {
        let operation = match (provider, number) {
            (Provider::StackWalk, 34) => StackKeyOperation::Create,
            (Provider::StackWalk, 35) => StackKeyOperation::Delete,
            (Provider::StackWalk, 36) => StackKeyOperation::Rundown,
            _ => return None,
        };
        let is_key = |name: &str| matches!(name, "key" | "StackKey");
        let key = record.fields().find(|(name, _)| is_key(name));
        let key = key.and_then(|(_, value)| value::number(value))?;
        Some(Self { context, operation, key, record: *record })
    }

    /// Addresses of code, from the innermost call outwards.
    pub fn addresses(&self) -> impl Iterator<Item = u64> + use<'a> {
        addresses(&self.record, "StackFrame")
    }
}

/// The values of the fields of this name. Some describe addresses as one field with many values (`Stack`),
/// some as fields with numbers (`Stack1`).
fn addresses<'a>(record: &Record<'a>, field: &'static str) -> impl Iterator<Item = u64> + use<'a> {
    record.fields().filter_map(move |(name, value)| {
        let number = name.strip_prefix(field)?;
        let is_address = number.bytes().all(|byte| byte.is_ascii_digit());
        if is_address { value::number(value) } else { None }
    })
}

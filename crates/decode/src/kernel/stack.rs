//! Stacks: the class StackWalk. The event that a stack belongs to has the same time and thread.

use etwatch_event::Record;

use super::provider::Provider;
use super::{Context, value};

/// The stack that belongs to an event before.
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
        if (provider, number) != (Provider::StackWalk, 32) {
            return None;
        }
        let (mut time, mut process_id, mut thread_id) = (None, None, None);
        for (name, value) in record.fields() {
            match name {
                "EventTimeStamp" => time = value::number(value),
                "StackProcess" => process_id = value::number32(value),
                "StackThread" => thread_id = value::number32(value),
                _ => {}
            }
        }
        let (event_time_stamp, process_id, thread_id) = (time?, process_id?, thread_id?);
        Some(Self { context, event_time_stamp, process_id, thread_id, record: *record })
    }

    /// Addresses of code, from the innermost call outwards. Some describe them as one field with many
    /// values (`Stack`), some as fields with numbers (`Stack1`).
    pub fn addresses(&self) -> impl Iterator<Item = u64> + use<'a> {
        self.record.fields().filter_map(|(name, value)| {
            let number = name.strip_prefix("Stack")?;
            let address = number.bytes().all(|byte| byte.is_ascii_digit());
            if address { value::number(value) } else { None }
        })
    }
}

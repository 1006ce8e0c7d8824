//! Threads: the class Thread, and Kernel-Process 3 and 4.

use etwatch_event::Record;

use super::provider::Provider;
use super::{Context, value};

/// What happened to a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThreadOperation {
    /// It starts.
    #[default]
    Start,
    /// It has ended.
    End,
    /// It is there when recording begins.
    RundownStart,
    /// It is there when recording ends.
    RundownEnd,
    /// It is given a name.
    SetName,
}

/// A thread starts, ends, or is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadEvent<'a> {
    /// Its header; on a start the process and thread there are the creators.
    pub context: Context,
    /// What happened.
    pub operation: ThreadOperation,
    /// The process that the thread runs in.
    pub process_id: u32,
    /// The thread.
    pub thread_id: u32,
    /// Addresses of its stack in the kernel, from above to below.
    pub stack: (Option<u64>, Option<u64>),
    /// Addresses of its stack in user mode, from above to below.
    pub user_stack: (Option<u64>, Option<u64>),
    /// Where the kernel lets it begin; older versions alone.
    pub start_address: Option<u64>,
    /// Where whoever created it lets it begin.
    pub win32_start_address: Option<u64>,
    /// Address of its environment block.
    pub teb_base: Option<u64>,
    /// The service it works for, within the process.
    pub sub_process_tag: Option<u32>,
    /// Bits of the processors it may run on.
    pub affinity: Option<u64>,
    /// Its priority.
    pub base_priority: Option<u8>,
    /// Its name.
    pub name: Option<&'a str>,
}

impl<'a> ThreadEvent<'a> {
    /// What `record` says, if it is about a thread.
    pub(super) fn of(
        provider: Provider,
        number: u16,
        context: Context,
        record: &Record<'a>,
    ) -> Option<Self> {
        let operation = operation(provider, number)?;
        let mut event = Self { context, operation, ..Self::default() };
        let (mut process_id, mut thread_id) = (None, None);
        for (name, value) in record.fields() {
            match name {
                "ProcessId" | "ProcessID" => process_id = value::number32(value),
                "TThreadId" | "ThreadId" | "ThreadID" => thread_id = value::number32(value),
                "StackBase" => event.stack.0 = value::number(value),
                "StackLimit" => event.stack.1 = value::number(value),
                "UserStackBase" => event.user_stack.0 = value::number(value),
                "UserStackLimit" => event.user_stack.1 = value::number(value),
                "StartAddr" => event.start_address = value::number(value),
                "Win32StartAddr" => event.win32_start_address = value::number(value),
                "TebBase" => event.teb_base = value::number(value),
                "SubProcessTag" => event.sub_process_tag = value::number32(value),
                "Affinity" => event.affinity = value::number(value),
                "BasePriority" => event.base_priority = value::number8(value),
                "ThreadName" => event.name = value::text(value),
                _ => {}
            }
        }
        event.process_id = process_id?;
        event.thread_id = thread_id?;
        Some(event)
    }

    /// Whether another process than its own created it, as far as the header tells; the first thread of a
    /// new process is one too.
    #[must_use]
    pub fn from_another_process(&self) -> bool {
        let creator = self.context.process_id;
        self.operation == ThreadOperation::Start && creator.is_some_and(|id| id != self.process_id)
    }
}

fn operation(provider: Provider, number: u16) -> Option<ThreadOperation> {
    match (provider, number) {
        (Provider::Thread, 1) | (Provider::KernelProcess, 3) => Some(ThreadOperation::Start),
        (Provider::Thread, 2) | (Provider::KernelProcess, 4) => Some(ThreadOperation::End),
        (Provider::Thread, 3) => Some(ThreadOperation::RundownStart),
        (Provider::Thread, 4) => Some(ThreadOperation::RundownEnd),
        (Provider::Thread, 72) => Some(ThreadOperation::SetName),
        _ => None,
    }
}

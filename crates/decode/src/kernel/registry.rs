//! The registry: the class Registry, and Kernel-Registry.
//!
//! A name is relative: in classic events to the key control block `KeyHandle`, in manifest events to
//! `BaseObject`. Classic events about values have the name of the value in the field for that of the key;
//! it is put where it belongs here, if the record has no field for values.

use etwatch_event::{Guid, RawValue, Record, Value};

use super::provider::Provider;
use super::{Context, value};

/// What happened in the registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegistryOperation {
    /// A key was created or opened.
    #[default]
    Create,
    /// A key was opened.
    Open,
    /// A key was deleted.
    Delete,
    /// A key was asked about.
    Query,
    /// A value was set.
    SetValue,
    /// A value was deleted.
    DeleteValue,
    /// A value was read.
    QueryValue,
    /// Keys were listed.
    EnumerateKey,
    /// Values were listed.
    EnumerateValue,
    /// Several values were read.
    QueryMultipleValue,
    /// Something about a key was changed.
    SetInformation,
    /// A key was written to disk.
    Flush,
    /// A key was closed.
    Close,
    /// The security descriptor of a key was asked.
    QuerySecurity,
    /// The security descriptor of a key was changed.
    SetSecurity,
    /// A key control block was made: from now on it has this name.
    KeyControlBlockCreate,
    /// A key control block was freed.
    KeyControlBlockDelete,
    /// A key control block is there when recording begins or ends.
    KeyControlBlockRundown,
    /// A write was led to the user's own part.
    Virtualize,
    /// A transaction was committed.
    TransactionCommit,
    /// A transaction was prepared.
    TransactionPrepare,
    /// A transaction was rolled back.
    TransactionRollback,
}

/// A key or value of the registry is opened, read, written, deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistryEvent<'a> {
    /// Its header.
    pub context: Context,
    /// What happened.
    pub operation: RegistryOperation,
    /// The process: of the payload if it is there, else of the header.
    pub process_id: Option<u32>,
    /// The key control block of a classic event, the key object of a manifest event.
    pub key: Option<u64>,
    /// The key object to which the name is relative (Kernel-Registry).
    pub base_key: Option<u64>,
    /// The name of the key, relative or whole.
    pub key_name: Option<&'a str>,
    /// The name that `base_key` has, if the event says so.
    pub base_name: Option<&'a str>,
    /// The name of the value.
    pub value_name: Option<&'a str>,
    /// The type of the value, `REG_SZ` being 1.
    pub value_type: Option<u32>,
    /// How many bytes the value has.
    pub data_size: Option<u32>,
    /// The value, or its beginning, if the session asked for it.
    pub captured_data: Option<&'a [u8]>,
    /// 1 created, 2 opened.
    pub disposition: Option<u32>,
    /// The place in a listing.
    pub index: Option<u32>,
    /// What was asked or changed: `KEY_INFORMATION_CLASS` and its like, by operation.
    pub info_class: Option<u32>,
    /// How it ended (`NTSTATUS`).
    pub status: Option<u32>,
    /// When the operation began, in units of the trace's clock.
    pub initial_time: Option<u64>,
    /// The transaction.
    pub transaction: Option<Guid>,
    /// The hive of a transaction.
    pub hive: Option<&'a str>,
}

impl<'a> RegistryEvent<'a> {
    /// What `record` says, if it is about the registry.
    pub(super) fn of(
        provider: Provider,
        number: u16,
        context: Context,
        record: &Record<'a>,
    ) -> Option<Self> {
        let operation = operation(provider, number)?;
        let process_id = context.process_id;
        let mut event = Self { context, operation, process_id, ..Self::default() };
        for (name, value) in record.fields() {
            event.take(name, value);
        }
        if provider == Provider::Registry && event.value_name.is_none() && operation.of_a_value() {
            event.value_name = event.key_name.take();
        }
        let about = event.key.is_some() || event.base_key.is_some() || event.transaction.is_some();
        (about || event.key_name.is_some() || event.value_name.is_some()).then_some(event)
    }

    /// Takes in a field.
    fn take(&mut self, name: &str, value: RawValue<'a>) {
        match name {
            "ProcessId" | "ProcessID" => self.process_id = value::number32(value),
            "KeyHandle" | "KeyObject" => self.key = value::number(value),
            "BaseObject" => self.base_key = value::number(value),
            "KeyName" | "RelativeName" => self.key_name = value::text(value),
            "BaseName" => self.base_name = value::text(value),
            "ValueName" => self.value_name = value::text(value),
            "Type" => self.value_type = value::number32(value),
            "DataSize" => self.data_size = value::number32(value),
            "CapturedData" => self.captured_data = value::bytes(value),
            "Disposition" => self.disposition = value::number32(value),
            "Index" => self.index = value::number32(value),
            "InfoClass" => self.info_class = value::number32(value),
            "Status" => self.status = value::status(value),
            "InitialTime" => self.initial_time = value::number(value),
            "TxrGUID" => {
                if let RawValue::One(Value::Guid(guid)) = value {
                    self.transaction = Some(guid);
                }
            }
            "Hive" => self.hive = value::text(value),
            _ => {}
        }
    }
}

impl RegistryOperation {
    /// Whether classic events of it have the name of a value where others have that of a key.
    fn of_a_value(self) -> bool {
        matches!(self, Self::SetValue | Self::DeleteValue | Self::QueryValue | Self::EnumerateValue)
    }
}

fn operation(provider: Provider, number: u16) -> Option<RegistryOperation> {
    match provider {
        Provider::Registry => classic_operation(number),
        Provider::KernelRegistry => manifest_operation(number),
        _ => None,
    }
}

fn classic_operation(opcode: u16) -> Option<RegistryOperation> {
    Some(match opcode {
        10 => RegistryOperation::Create,
        11 => RegistryOperation::Open,
        12 => RegistryOperation::Delete,
        13 => RegistryOperation::Query,
        14 => RegistryOperation::SetValue,
        15 => RegistryOperation::DeleteValue,
        16 => RegistryOperation::QueryValue,
        17 => RegistryOperation::EnumerateKey,
        18 => RegistryOperation::EnumerateValue,
        19 => RegistryOperation::QueryMultipleValue,
        20 => RegistryOperation::SetInformation,
        21 => RegistryOperation::Flush,
        22 => RegistryOperation::KeyControlBlockCreate,
        23 => RegistryOperation::KeyControlBlockDelete,
        24 | 25 => RegistryOperation::KeyControlBlockRundown,
        26 => RegistryOperation::Virtualize,
        27 => RegistryOperation::Close,
        28 => RegistryOperation::SetSecurity,
        29 => RegistryOperation::QuerySecurity,
        30 => RegistryOperation::TransactionCommit,
        31 => RegistryOperation::TransactionPrepare,
        32 => RegistryOperation::TransactionRollback,
        _ => return None,
    })
}

fn manifest_operation(id: u16) -> Option<RegistryOperation> {
    Some(match id {
        1 => RegistryOperation::Create,
        2 => RegistryOperation::Open,
        3 => RegistryOperation::Delete,
        4 => RegistryOperation::Query,
        5 => RegistryOperation::SetValue,
        6 => RegistryOperation::DeleteValue,
        7 => RegistryOperation::QueryValue,
        8 => RegistryOperation::EnumerateKey,
        9 => RegistryOperation::EnumerateValue,
        10 => RegistryOperation::QueryMultipleValue,
        11 => RegistryOperation::SetInformation,
        12 => RegistryOperation::Flush,
        13 => RegistryOperation::Close,
        14 => RegistryOperation::QuerySecurity,
        15 => RegistryOperation::SetSecurity,
        _ => return None,
    })
}

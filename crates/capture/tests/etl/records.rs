//! Records of every form that a file can hold.

use etwatch_capture::etl::hooks;
use etwatch_event::raw::push_item;
use etwatch_event::{Guid, RawForm, RawHeader, RawRecord, Timestamp};
use proptest::prelude::*;

use crate::walker::Walked;

/// A record with bytes of its own.
#[derive(Clone, Debug)]
pub struct Owned {
    pub header: RawHeader,
    pub extended: Vec<u8>,
    pub payload: Vec<u8>,
}

impl Owned {
    pub fn view(&self) -> RawRecord<'_> {
        RawRecord { header: self.header, extended: &self.extended, payload: &self.payload }
    }
    /// What a file must give back: all but the number.
    pub fn walked(&self) -> Walked {
        let items = self.view().items().map(|item| (item.kind, item.data.to_vec())).collect();
        let header = RawHeader { number: 0, ..self.header };
        Walked { header, items, payload: self.payload.clone() }
    }
}

/// A process or a thread; the last number is Windows' mark for none.
fn actor() -> impl Strategy<Value = Option<u32>> {
    prop::option::of(0..u32::MAX)
}

/// Times of the processor, often none.
fn times() -> impl Strategy<Value = (u32, u32)> {
    prop_oneof![Just((0, 0)), any::<(u32, u32)>()]
}

fn items() -> impl Strategy<Value = Vec<u8>> {
    let item = (any::<u16>(), prop::collection::vec(any::<u8>(), 0..40));
    prop::collection::vec(item, 0..=16).prop_map(|items| {
        let mut extended = Vec::new();
        for (index, (kind, data)) in items.iter().enumerate() {
            push_item(&mut extended, *kind, data, index + 1 == items.len());
        }
        extended
    })
}

/// What all forms have.
fn common() -> impl Strategy<Value = RawHeader> {
    let pointer_size = prop_oneof![Just(4_u8), Just(8)];
    let times = (any::<u64>(), any::<u64>());
    (times, 0_u16..5, pointer_size, actor(), actor()).prop_map(
        |((time, number), processor, pointer_size, process_id, thread_id)| RawHeader {
            time: Timestamp::from_filetime(time),
            number,
            processor,
            pointer_size,
            process_id,
            thread_id,
            ..RawHeader::default()
        },
    )
}

fn event() -> impl Strategy<Value = (RawHeader, Vec<u8>)> {
    let numbers = (any::<(u16, u8, u8, u8, u8, u16, u64)>(), any::<(u32, u32)>());
    (common(), any::<[u8; 16]>(), any::<[u8; 16]>(), numbers, items()).prop_map(
        |(common, provider, activity, (numbers, processor_times), extended)| {
            let (id, version, channel, level, opcode, task, keyword) = numbers;
            let header = RawHeader {
                form: RawForm::Event,
                provider: Guid(provider),
                activity: Guid(activity),
                id,
                version,
                channel,
                level,
                opcode,
                task,
                keyword,
                processor_times,
                ..common
            };
            (header, extended)
        },
    )
}

fn classic() -> impl Strategy<Value = (RawHeader, Vec<u8>)> {
    let instance = prop::option::of(any::<[u8; 24]>());
    (common(), any::<[u8; 16]>(), any::<(u8, u8, u8)>(), any::<(u32, u32)>(), instance).prop_map(
        |(common, provider, (version, level, opcode), processor_times, instance)| {
            let mut extended = Vec::new();
            if let Some(instance) = instance {
                push_item(&mut extended, 4, &instance, true);
            }
            let header = RawHeader {
                form: RawForm::Classic,
                provider: Guid(provider),
                version,
                level,
                opcode,
                processor_times,
                ..common
            };
            (header, extended)
        },
    )
}

fn kernel() -> impl Strategy<Value = (RawHeader, Vec<u8>)> {
    let hook =
        (0_u8..31, any::<u8>()).prop_filter("has a header of its own", |hook| *hook != (0, 0));
    (common(), hook, any::<u8>(), times()).prop_map(
        |(common, (group, opcode), version, processor_times)| {
            let header = RawHeader {
                form: RawForm::Kernel,
                provider: hooks::class_of(group, opcode).unwrap(),
                opcode,
                version,
                processor_times,
                ..common
            };
            (header, Vec::new())
        },
    )
}

fn message() -> impl Strategy<Value = (RawHeader, Vec<u8>)> {
    (common(), any::<[u8; 16]>(), any::<u16>()).prop_map(|(common, provider, id)| {
        let form = RawForm::Message;
        (RawHeader { form, provider: Guid(provider), id, ..common }, Vec::new())
    })
}

/// A record of any form, some of them long.
pub fn any_record() -> impl Strategy<Value = Owned> {
    let header = prop_oneof![event(), classic(), kernel(), message()];
    let length = prop_oneof![20 => 0..200_usize, 1 => 0..64_000_usize];
    (header, length, any::<u8>()).prop_map(|((header, extended), length, seed)| {
        let payload = (0..length).map(|index| (index as u8).wrapping_mul(31) ^ seed).collect();
        Owned { header, extended, payload }
    })
}

/// Headers and items that may contradict each other: what the writer takes must still come back.
pub fn odd_record() -> impl Strategy<Value = Owned> {
    let form = prop_oneof![
        Just(RawForm::Event),
        Just(RawForm::Classic),
        Just(RawForm::Kernel),
        Just(RawForm::Message)
    ];
    let seldom = prop_oneof![12 => Just(0_u8), 1 => any::<u8>()];
    let fields = prop::collection::vec(seldom, 9);
    let class = (0_u8..40, any::<u8>());
    let extended = prop_oneof![
        2 => Just(Vec::new()),
        2 => items(),
        1 => (items(), 0..200_usize).prop_map(|(items, cut)| items[..cut.min(items.len())].to_vec()),
        1 => prop::collection::vec(0_u8..20, 0..40),
    ];
    (common(), form, fields, class, extended).prop_map(
        |(common, form, fields, (group, kind), extended)| {
            let header = RawHeader {
                form,
                provider: hooks::class_of(group, kind).unwrap_or_default(),
                opcode: if form == RawForm::Kernel { kind } else { fields[0] },
                id: fields[1].into(),
                version: fields[2],
                channel: fields[3],
                level: fields[4],
                task: fields[5].into(),
                keyword: fields[6].into(),
                activity: Guid([fields[7]; 16]),
                pointer_size: if fields[8] == 0 { common.pointer_size } else { fields[8] },
                ..common
            };
            Owned { header, extended, payload: vec![kind; usize::from(group)] }
        },
    )
}

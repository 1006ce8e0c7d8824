//! What the fake machine has: sessions, slots, providers, and what it is told to refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use etwatch_event::{Guid, RawHeader, RawRecord, Timestamp};

use crate::etw::api::{
    Enabled, Filters, MILLISECONDS_MODE, Masks, ProviderState, REAL_TIME_MODE, SYSTEM_LOGGER_MODE,
    SessionState, StartSession,
};
use crate::etw::callback::Callback;
use crate::etw::code;
use crate::etw::error::{Call, Refusal};
use crate::etw::notice::{EVENT_TRACING, Happened, payload};
use crate::live::loss::LossReading;
use crate::live::{Buffers, ProviderSettings};

/// What a machine is like, as a test has it.
#[derive(Clone, Debug)]
pub struct FakeMachine {
    /// Whether we are elevated.
    pub is_elevated: bool,
    /// Whether we have SeSystemProfilePrivilege.
    pub has_privilege: bool,
    /// Whether it takes flush times in milliseconds.
    pub takes_milliseconds: bool,
    /// How many sessions there may be.
    pub slots: usize,
    /// How many of them may be system loggers.
    pub system_slots: usize,
    /// Processors; a session has at least two buffers for each.
    pub processors: u32,
    /// Providers that are registered, with their names.
    pub registered: BTreeMap<Guid, String>,
    /// Providers that take no filter of ids.
    pub without_id_filter: BTreeSet<Guid>,
    /// Providers that take no filter of their own.
    pub without_own_filter: BTreeSet<Guid>,
    /// Providers that can't tell what there is already.
    pub without_state: BTreeSet<Guid>,
    /// Calls that are refused, for all providers or one, with which code.
    pub refuse: Vec<(Call, Option<Guid>, u32)>,
    /// Layouts by provider, id and version.
    pub layouts: BTreeMap<(Guid, u16, u8), Vec<u8>>,
}

impl Default for FakeMachine {
    fn default() -> Self {
        Self {
            is_elevated: true,
            has_privilege: true,
            takes_milliseconds: true,
            slots: 64,
            system_slots: 8,
            processors: 4,
            registered: BTreeMap::from([(EVENT_TRACING, NAME_OF_EVENT_TRACING.to_owned())]),
            without_id_filter: BTreeSet::new(),
            without_own_filter: BTreeSet::new(),
            without_state: BTreeSet::new(),
            refuse: Vec::new(),
            layouts: BTreeMap::new(),
        }
    }
}

const NAME_OF_EVENT_TRACING: &str = "Microsoft-Windows-Kernel-EventTracing";
/// Keywords of Kernel-EventTracing for sessions, and for what is enabled.
const SESSIONS: u64 = 0x10;
const ENABLEMENT: u64 = 0x400;
/// How many sessions may have a provider enabled.
const MOST_OF_A_PROVIDER: usize = 8;

/// How a session has enabled a provider.
#[derive(Clone, Debug, Default)]
pub(super) struct FakeEnabled {
    pub(super) masks: Masks,
    pub(super) ids: Vec<u16>,
}

pub(super) struct FakeSession {
    pub(super) state: SessionState,
    pub(super) enabled: BTreeMap<Guid, FakeEnabled>,
    pub(super) consumers: Vec<(u64, Arc<Callback>)>,
}

#[derive(Default)]
pub(super) struct World {
    pub(super) machine: FakeMachine,
    pub(super) sessions: BTreeMap<String, FakeSession>,
    pub(super) acts: Vec<String>,
    number: u64,
    /// The time of the last record that was delivered; its own acts happen then.
    pub(super) time: Timestamp,
}

/// An event of Kernel-EventTracing, and who is to get it.
pub(super) struct Told {
    header: RawHeader,
    payload: Vec<u8>,
    callbacks: Vec<Arc<Callback>>,
}

impl Told {
    pub(super) fn deliver(&self) {
        let record =
            RawRecord { header: self.header, payload: &self.payload, ..RawRecord::default() };
        deliver(&self.callbacks, &record);
    }
}

pub(super) fn deliver(callbacks: &[Arc<Callback>], record: &RawRecord<'_>) {
    for callback in callbacks {
        let items = |extended: &mut Vec<u8>| {
            extended.extend_from_slice(record.extended);
            true
        };
        callback.offer(&record.header, items, record.payload);
    }
}

impl World {
    pub(super) fn new(machine: FakeMachine) -> Self {
        Self { machine, ..Self::default() }
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn next_logger(&mut self) -> u16 {
        u16::try_from(self.next_number()).unwrap_or(u16::MAX)
    }

    pub(super) fn session(&mut self, call: Call, name: &str) -> Result<&mut FakeSession, Refusal> {
        let gone = Refusal::new(call, code::INSTANCE_NOT_FOUND);
        self.sessions.get_mut(name).ok_or(gone)
    }

    pub(super) fn occupy(&mut self, name: &str, mode: u32) {
        let state = SessionState {
            name: name.to_owned(),
            logger_id: self.next_logger(),
            mode: mode | REAL_TIME_MODE,
            flags: 0,
            buffers: Buffers {
                kilobytes: 64,
                minimum: 4,
                maximum: 26,
                flush: std::time::Duration::from_secs(1),
            },
            buffers_now: 4,
            losses: LossReading::default(),
        };
        let session = FakeSession { state, enabled: BTreeMap::new(), consumers: Vec::new() };
        self.sessions.insert(name.to_owned(), session);
    }

    pub(super) fn start(&mut self, session: &StartSession<'_>) -> Result<(), Refusal> {
        let refuse = |code| Err(Refusal::new(Call::Start, code));
        let machine = &self.machine;
        let is_system = session.flags().is_some();
        let (mode, buffers) = (session.mode(), session.buffers);
        let loggers = self.sessions.values();
        let loggers = loggers.filter(|it| it.state.mode & SYSTEM_LOGGER_MODE != 0).count();
        if !machine.is_elevated {
            return refuse(code::ACCESS_DENIED);
        }
        if is_system && !machine.has_privilege {
            return refuse(code::PRIVILEGE_NOT_HELD);
        }
        let takes_mode = machine.takes_milliseconds || mode & MILLISECONDS_MODE == 0;
        if !takes_mode || !(1..=16_384).contains(&buffers.kilobytes) {
            return refuse(code::INVALID_PARAMETER);
        }
        if self.sessions.contains_key(session.name) {
            return refuse(code::ALREADY_EXISTS);
        }
        if self.sessions.len() >= machine.slots || is_system && loggers >= machine.system_slots {
            return refuse(code::NO_SYSTEM_RESOURCES);
        }
        let minimum = buffers.minimum.max(2 * machine.processors);
        let timer = u64::from(session.flush_timer());
        let flush = match session.in_milliseconds {
            true => std::time::Duration::from_millis(timer),
            false => std::time::Duration::from_secs(timer),
        };
        self.occupy(session.name, mode);
        self.acts.push(format!("start {}", session.name));
        let state = &mut self.session(Call::Start, session.name)?.state;
        state.buffers =
            Buffers { minimum, maximum: buffers.maximum.max(minimum), flush, ..buffers };
        state.flags = session.flags().unwrap_or_default();
        Ok(())
    }

    pub(super) fn enable(
        &mut self,
        name: &str,
        provider: &ProviderSettings,
        filters: Filters,
    ) -> Result<(), Refusal> {
        let refuse = |code| Err(Refusal::new(Call::Enable, code));
        let guid = provider.provider;
        let others = self
            .sessions
            .iter()
            .filter(|(other, session)| *other != name && session.enabled.contains_key(&guid));
        let is_full = others.count() >= MOST_OF_A_PROVIDER;
        let no_ids = filters.ids && self.machine.without_id_filter.contains(&guid);
        let no_own = filters.own && self.machine.without_own_filter.contains(&guid);
        let session = self.session(Call::Enable, name)?;
        if is_full {
            return refuse(code::NO_SYSTEM_RESOURCES);
        }
        if no_ids || no_own {
            return refuse(code::INVALID_PARAMETER);
        }
        let ids = if filters.ids { provider.ids.clone() } else { Vec::new() };
        session.enabled.insert(guid, FakeEnabled { masks: Masks::of(provider), ids });
        self.acts.push(format!("enable {} in {name}", provider.name));
        Ok(())
    }

    pub(super) fn provider(&self, provider: Guid) -> Result<ProviderState, Refusal> {
        let is_registered = self.machine.registered.contains_key(&provider);
        let enabled = self.sessions.values().filter_map(|session| {
            let masks = session.enabled.get(&provider)?.masks;
            Some(Enabled { logger_id: session.state.logger_id, masks })
        });
        let enabled: Vec<_> = enabled.collect();
        if !is_registered && enabled.is_empty() {
            return Err(Refusal::new(Call::Provider, code::GUID_NOT_FOUND));
        }
        Ok(ProviderState { is_registered, enabled })
    }

    /// Who gets a record of a session: all its consumers, if its masks and ids let it through.
    pub(super) fn consumers(&self, session: &str, header: &RawHeader) -> Vec<Arc<Callback>> {
        let Some(session) = self.sessions.get(session) else { return Vec::new() };
        let is_system = session.state.mode & SYSTEM_LOGGER_MODE != 0;
        let passes = session.enabled.get(&header.provider).is_some_and(|enabled| {
            let Masks { any, all, level, .. } = enabled.masks;
            // An event without keywords is let through by every mask.
            let keyword = any == 0 || header.keyword == 0 || header.keyword & any != 0;
            let all = if header.keyword == 0 { 0 } else { all };
            let level = level == 0 || header.level <= level;
            let id = enabled.ids.is_empty() || enabled.ids.contains(&header.id);
            keyword && header.keyword & all == all && level && id
        });
        if !passes && !is_system {
            return Vec::new();
        }
        session.consumers.iter().map(|(_, callback)| Arc::clone(callback)).collect()
    }

    pub(super) fn told(&self, happened: Happened, session: &str, by: u32) -> Told {
        let (id, payload) = payload(happened, session);
        let keyword = if id < 14 { SESSIONS } else { ENABLEMENT };
        let header = RawHeader {
            provider: EVENT_TRACING,
            id,
            level: 5,
            keyword,
            process_id: Some(by),
            pointer_size: 8,
            time: self.time.max(Timestamp::UNIX_EPOCH),
            ..RawHeader::default()
        };
        let callbacks = self.sessions.keys().flat_map(|name| self.consumers(name, &header));
        Told { header, payload, callbacks: callbacks.collect() }
    }
}

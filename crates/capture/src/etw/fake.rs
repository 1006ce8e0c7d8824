//! A machine with ETW sessions that is told what to do.
//!
//! It answers with the codes that Microsoft documents, keeps sessions, slots and what is enabled where, and lets a
//! test play the others: who takes the slots, stops a session, narrows a provider. Each such act is told by
//! Kernel-EventTracing, as Windows tells it, to the sessions that have it enabled; so are our own, by our process.
//! Records are delivered when the test says so, on its thread.
//!
//! | asked | answers |
//! |---|---|
//! | to start | 5 not elevated, 1314 no privilege for a system logger, 183 there is one of the name, 87 settings that Windows does not take, 1450 no slot |
//! | to enable | 4201 no such session, 87 more ids than a filter holds, 1450 eight sessions have it, and what was scripted; 0 for a provider that nobody registered |
//! | a session by name | 4201 |
//! | a provider | 4200 nobody knows it |
//! | a layout | 1168 |

mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etwatch_event::{Guid, RawRecord};

pub use self::world::FakeMachine;
use self::world::{World, deliver};
use super::api::{
    Consumption, EtwApi, Filters, MOST_FILTERED_IDS, Masks, NamedProvider, ProviderState,
    SessionState, StartRefusal, StartSession,
};
use super::callback::Callback;
use super::code;
use super::error::{Call, Refusal};
use super::notice::Happened;
use crate::live::ProviderSettings;
use crate::live::loss::LossReading;

/// The process that every act through [`EtwApi`] is done by.
pub const OURSELVES: u32 = 4242;

/// A fake Windows. Clones are the same machine.
#[derive(Clone, Default)]
pub struct FakeEtw {
    world: Arc<Mutex<World>>,
}

impl FakeEtw {
    /// A machine that is like this.
    #[must_use]
    pub fn new(machine: FakeMachine) -> Self {
        Self { world: Arc::new(Mutex::new(World::new(machine))) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what the machine is like.
    pub fn change(&self, change: impl FnOnce(&mut FakeMachine)) {
        change(&mut self.world().machine);
    }

    /// What was asked so far that changes something, in order: `start etwatch-a`, `enable P in etwatch-a`, …
    #[must_use]
    pub fn acts(&self) -> Vec<String> {
        self.world().acts.clone()
    }

    /// A session that someone else has started.
    pub fn occupy(&self, name: &str, mode: u32) {
        self.world().occupy(name, mode);
    }

    /// The ids that a provider is filtered by in a session; `None` if it is not enabled there.
    #[must_use]
    pub fn filtered_ids(&self, session: &str, provider: Guid) -> Option<Vec<u16>> {
        Some(self.world().sessions.get(session)?.enabled.get(&provider)?.ids.clone())
    }

    /// Adds to what a session has lost.
    pub fn lose(&self, session: &str, losses: LossReading) {
        if let Some(session) = self.world().sessions.get_mut(session) {
            let all = &mut session.state.losses;
            let add = |sum: &mut u32, more| *sum = sum.wrapping_add(more);
            add(&mut all.events_lost, losses.events_lost);
            add(&mut all.log_buffers_lost, losses.log_buffers_lost);
            add(&mut all.real_time_buffers_lost, losses.real_time_buffers_lost);
        }
    }

    /// Delivers a record to the consumers of a session, if its provider is enabled there and its id let through.
    pub fn deliver(&self, session: &str, record: &RawRecord<'_>) {
        let mut world = self.world();
        world.time = world.time.max(record.header.time);
        let callbacks = world.consumers(session, &record.header);
        drop(world);
        deliver(&callbacks, record);
    }

    /// Someone stops a session.
    pub fn tamper_stop(&self, session: &str, by: u32) {
        self.world().sessions.remove(session);
        self.tell(Happened::Stopped, session, by);
    }

    /// Someone takes a provider out of a session.
    pub fn tamper_disable(&self, session: &str, provider: Guid, by: u32) {
        if let Some(found) = self.world().sessions.get_mut(session) {
            found.enabled.remove(&provider);
        }
        self.tell(Happened::Disabled(provider), session, by);
    }

    /// Someone enables a provider of a session differently.
    pub fn tamper_enable(&self, session: &str, provider: Guid, masks: Masks, by: u32) {
        if let Some(found) = self.world().sessions.get_mut(session) {
            found.enabled.entry(provider).or_default().masks = masks;
        }
        self.tell(Happened::Enabled(provider), session, by);
    }

    /// Someone changes a session.
    pub fn tamper_update(&self, session: &str, change: impl FnOnce(&mut SessionState), by: u32) {
        if let Some(found) = self.world().sessions.get_mut(session) {
            change(&mut found.state);
        }
        self.tell(Happened::Configured, session, by);
    }

    /// Has Kernel-EventTracing tell it; not while the world is locked, since consumers may ask it something.
    fn tell(&self, happened: Happened, session: &str, by: u32) {
        let told = self.world().told(happened, session, by);
        told.deliver();
    }

    fn scripted(&self, call: Call, provider: Option<Guid>) -> Result<(), Refusal> {
        let world = self.world();
        let found = world.machine.refuse.iter().find(|(it, of, _)| *it == call && *of == provider);
        found.map_or(Ok(()), |(call, _, code)| Err(Refusal::new(*call, *code)))
    }
}

/// The delivery of a session; it goes on until the session is stopped.
struct FakeConsumption {
    etw: FakeEtw,
    session: String,
    logger_id: u16,
    consumer: u64,
    is_owner: bool,
}

impl Consumption for FakeConsumption {
    fn is_running(&self) -> bool {
        let world = self.etw.world();
        world.sessions.get(&self.session).is_some_and(|it| it.state.logger_id == self.logger_id)
    }
    fn undispatched(&self) -> u64 {
        0
    }
}

impl Drop for FakeConsumption {
    fn drop(&mut self) {
        if !self.is_running() {
            return;
        }
        if self.is_owner {
            let _ = self.etw.stop(&self.session);
        } else if let Some(session) = self.etw.world().sessions.get_mut(&self.session) {
            session.consumers.retain(|(number, _)| *number != self.consumer);
        }
    }
}

impl FakeEtw {
    fn consume(
        &self,
        name: &str,
        callback: &Arc<Callback>,
        is_owner: bool,
    ) -> Result<Box<dyn Consumption>, Refusal> {
        let mut world = self.world();
        let consumer = world.next_number();
        let gone = Refusal::new(Call::Open, code::INSTANCE_NOT_FOUND);
        let session = world.sessions.get_mut(name).ok_or(gone)?;
        session.consumers.push((consumer, Arc::clone(callback)));
        let (session, logger_id) = (name.to_owned(), session.state.logger_id);
        Ok(Box::new(FakeConsumption { etw: self.clone(), session, logger_id, consumer, is_owner }))
    }
}

impl EtwApi for FakeEtw {
    fn start(
        &self,
        session: &StartSession<'_>,
        callback: &Arc<Callback>,
    ) -> Result<Box<dyn Consumption>, StartRefusal> {
        self.scripted(Call::Start, None)?;
        self.world().start(session)?;
        let enabled = session.providers.iter().filter_map(|provider| {
            let none = Filters { ids: false, own: false };
            let refusal = self.enable(session.name, provider, none).err()?;
            Some((provider.provider, refusal.code))
        });
        let providers: Vec<_> = enabled.collect();
        if let Some((_, code)) = providers.first() {
            let refusal = Refusal::new(Call::Enable, *code);
            self.world().sessions.remove(session.name);
            return Err(StartRefusal { refusal, providers });
        }
        let opened = self.scripted(Call::Open, None);
        if let Err(refusal) = opened {
            self.world().sessions.remove(session.name);
            return Err(refusal.into());
        }
        let consumption = self.consume(session.name, callback, true)?;
        self.tell(Happened::Started, session.name, OURSELVES);
        Ok(consumption)
    }

    fn attach(
        &self,
        name: &str,
        callback: &Arc<Callback>,
    ) -> Result<Box<dyn Consumption>, Refusal> {
        self.scripted(Call::Open, None)?;
        self.consume(name, callback, false)
    }

    fn enable(
        &self,
        name: &str,
        provider: &ProviderSettings,
        filters: Filters,
    ) -> Result<(), Refusal> {
        self.scripted(Call::Enable, Some(provider.provider))?;
        if filters.ids && provider.ids.len() > MOST_FILTERED_IDS {
            return Err(Refusal::new(Call::Enable, code::INVALID_PARAMETER));
        }
        self.world().enable(name, provider, filters)?;
        self.tell(Happened::Enabled(provider.provider), name, OURSELVES);
        Ok(())
    }

    fn disable(&self, name: &str, provider: Guid) -> Result<(), Refusal> {
        self.world().session(Call::Enable, name)?.enabled.remove(&provider);
        self.tell(Happened::Disabled(provider), name, OURSELVES);
        Ok(())
    }

    fn capture_state(&self, name: &str, provider: Guid) -> Result<(), Refusal> {
        let mut world = self.world();
        world.session(Call::Enable, name)?;
        if world.machine.without_state.contains(&provider) {
            return Err(Refusal::new(Call::Enable, code::NOT_SUPPORTED));
        }
        world.acts.push(format!("capture state {provider} in {name}"));
        Ok(())
    }

    fn update(&self, wanted: &SessionState) -> Result<(), Refusal> {
        self.scripted(Call::Update, None)?;
        {
            let mut world = self.world();
            let state = &mut world.session(Call::Update, &wanted.name)?.state;
            state.flags = wanted.flags;
            state.buffers.maximum = wanted.buffers.maximum;
            state.buffers.flush = wanted.buffers.flush;
            world.acts.push(format!("update {}", wanted.name));
        }
        self.tell(Happened::Configured, &wanted.name, OURSELVES);
        Ok(())
    }

    fn query(&self, name: &str) -> Result<SessionState, Refusal> {
        self.scripted(Call::Query, None)?;
        self.world().session(Call::Query, name).map(|session| session.state.clone())
    }

    fn stop(&self, name: &str) -> Result<(), Refusal> {
        self.scripted(Call::Stop, None)?;
        {
            let mut world = self.world();
            world.session(Call::Stop, name)?;
            world.sessions.remove(name);
            world.acts.push(format!("stop {name}"));
        }
        self.tell(Happened::Stopped, name, OURSELVES);
        Ok(())
    }

    fn sessions(&self) -> Result<Vec<SessionState>, Refusal> {
        self.scripted(Call::List, None)?;
        Ok(self.world().sessions.values().map(|session| session.state.clone()).collect())
    }

    fn providers(&self) -> Result<Vec<NamedProvider>, Refusal> {
        self.scripted(Call::Providers, None)?;
        let world = self.world();
        let named = world
            .machine
            .registered
            .iter()
            .map(|(provider, name)| NamedProvider { provider: *provider, name: name.clone() });
        Ok(named.collect())
    }

    fn provider(&self, provider: Guid) -> Result<ProviderState, Refusal> {
        self.scripted(Call::Provider, Some(provider))?;
        self.world().provider(provider)
    }

    fn describe(&self, record: &RawRecord<'_>) -> Result<Vec<u8>, Refusal> {
        self.scripted(Call::Describe, None)?;
        let key = (record.header.provider, record.header.id, record.header.version);
        let found = self.world().machine.layouts.get(&key).cloned();
        found.ok_or(Refusal::new(Call::Describe, code::NOT_FOUND))
    }
}

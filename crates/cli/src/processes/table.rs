//! All processes, found by GUID or by pid, and what an event adds to them.

use std::collections::HashMap;
use std::sync::Arc;

use etwatch_event::{Event, Guid, Timestamp, Vocabulary};

use crate::processes::fields::{Field, Named, ProcessFields, first, time};
use crate::processes::hosts::Hosts;
use crate::processes::kinds::Kinds;
use crate::processes::texts::Texts;
use crate::processes::{Kind, Process, ProcessIndex, Touched};

/// Processes that are told apart.
pub(crate) const MOST: usize = 500_000;
/// Two starts with the same pid and image this near to each other are one that two logs tell of; events of a
/// process may come this long after its end. In units of 100 ns.
pub(crate) const JOINED: u64 = 2 * etwatch_event::time::TICKS_PER_SECOND;
/// Parents that a chain of them has at most.
const CHAIN: usize = 64;

/// All processes of a run.
#[derive(Debug)]
pub(crate) struct Processes {
    fields: ProcessFields,
    kinds: Kinds,
    /// Their hosts.
    pub(crate) hosts: Hosts,
    list: Vec<Process>,
    by_guid: HashMap<(u32, Guid), ProcessIndex>,
    /// Who had a pid last.
    by_pid: HashMap<(u32, u32), ProcessIndex>,
    /// Their texts.
    pub(crate) texts: Texts,
    /// How often a process was spoken of for which there was no room.
    pub(crate) beyond: u64,
}

/// Where and when a process is spoken of.
#[derive(Clone, Copy)]
struct Context<'e> {
    host: u32,
    time: Timestamp,
    /// The image, if the event tells of a start.
    started: Option<&'e str>,
}

impl Processes {
    /// None yet; their events are of `vocabulary`.
    pub(crate) fn new(vocabulary: &Vocabulary) -> Self {
        Self {
            fields: ProcessFields::of(&vocabulary.fields),
            kinds: Kinds::of(vocabulary),
            hosts: Hosts::default(),
            list: Vec::new(),
            by_guid: HashMap::new(),
            by_pid: HashMap::new(),
            texts: Texts::default(),
            beyond: 0,
        }
    }

    /// All of them, in the order in which they were first spoken of.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProcessIndex, &Process)> {
        (0..).map(ProcessIndex).zip(&self.list)
    }
    /// One of them.
    pub(crate) fn get(&self, index: ProcessIndex) -> Option<&Process> {
        self.list.get(index.index())
    }
    /// The parent of a process, its parent, and so on; ends where the chain closes to a circle, as only
    /// events that lie can make it.
    pub(crate) fn ancestors(&self, index: ProcessIndex) -> Vec<&Process> {
        let mut seen = vec![index];
        let mut found = Vec::new();
        let mut next = self.get(index).and_then(|process| process.parent);
        while let Some(index) = next.filter(|index| !seen.contains(index))
            && let Some(process) = self.get(index)
            && found.len() < CHAIN
        {
            seen.push(index);
            found.push(process);
            next = process.parent;
        }
        found
    }

    /// Takes the next event.
    pub(crate) fn take(&mut self, event: &Event<'_>) -> Touched {
        let kind = self.kinds.kind(event);
        let Some(host) = self.hosts.of(event) else {
            self.beyond += 1;
            return Touched { kind, ..Touched::default() };
        };
        let image = || first(event, &self.fields.image).unwrap_or_default();
        let started = (kind == Kind::Start).then(image);
        let context = Context { host, time: event.time(), started: started.as_deref() };
        let guid = self.fields.guid(event);
        let actor = match guid.and_then(|guid| self.by_guid.get(&(host, guid))) {
            Some(known) => Some(*known),
            None => self.find(context, Named { guid, pid: self.fields.pid(event, kind) }),
        };
        let context = Context { started: None, ..context };
        let parent = actor.and_then(|actor| self.parent(actor, event, kind, context));
        if let Some(actor) = actor {
            self.learn(actor, event, kind);
        }
        Touched { kind, actor, target: self.target(event, kind, context), parent }
    }

    /// Who started a process, if the event tells of the start, and for the first time.
    fn parent(
        &mut self,
        actor: ProcessIndex,
        event: &Event<'_>,
        kind: Kind,
        context: Context<'_>,
    ) -> Option<ProcessIndex> {
        let process = self.get(actor)?;
        let (is_start, start) = (kind == Kind::Start, process.start);
        if !is_start && process.parent.is_some() {
            return None;
        }
        let named = self.fields.parent(event);
        let parent = self.find(context, named).filter(|parent| *parent != actor)?;
        let ProcessFields { parent_image, parent_command_line, parent_user, .. } = self.fields;
        self.fill(parent, event, &[parent_image], &[parent_command_line], &[parent_user]);
        self.list.get_mut(actor.index())?.parent.get_or_insert(parent);
        (is_start && start.is_none()).then_some(parent)
    }

    /// The process that something was done to.
    fn target(
        &mut self,
        event: &Event<'_>,
        kind: Kind,
        context: Context<'_>,
    ) -> Option<ProcessIndex> {
        // Most kinds have none, and need not be asked.
        if !matches!(kind, Kind::RemoteThread | Kind::Access | Kind::Other) {
            return None;
        }
        let named = self.fields.target(event);
        let target = self.find(context, named)?;
        let ProcessFields { target_image, target_user, .. } = self.fields;
        self.fill(target, event, &[target_image], &[], &[target_user]);
        Some(target)
    }

    /// The process that is spoken of; a new one if none is known that it may be.
    fn find(&mut self, context: Context<'_>, named: Named) -> Option<ProcessIndex> {
        let Context { host, time, .. } = context;
        let Named { guid, pid } = named;
        if let Some(guid) = guid
            && let Some(index) = self.by_guid.get(&(host, guid))
        {
            return Some(*index);
        }
        let before = pid.and_then(|pid| self.by_pid.get(&(host, pid)).copied());
        let same = before.filter(|index| {
            self.get(*index).is_some_and(|process| may_be(process, context, guid.is_some()))
        });
        if let Some(index) = same {
            if let Some(guid) = guid
                && let Some(process) = self.list.get_mut(index.index())
            {
                process.guid = Some(guid);
                self.by_guid.insert((host, guid), index);
            }
            return same;
        }
        if guid.is_none() && pid.is_none() {
            return None;
        }
        if self.list.len() >= MOST {
            self.beyond += 1;
            return None;
        }
        let index = ProcessIndex(u32::try_from(self.list.len()).ok()?);
        if let Some(guid) = guid {
            self.by_guid.insert((host, guid), index);
        }
        let previous = pid.and_then(|pid| self.by_pid.insert((host, pid), index));
        let new =
            Process { host, pid, guid, first: time, last: time, previous, ..Process::default() };
        self.list.push(new);
        Some(index)
    }

    /// What an event of a process tells of it. Fields that events of other kinds share with those of processes
    /// may mean something else there.
    fn learn(&mut self, index: ProcessIndex, event: &Event<'_>, kind: Kind) {
        let ProcessFields { command_line, integrity, create_time, image, user, .. } = self.fields;
        let known = kind != Kind::Other;
        let command_line = [command_line.filter(|_| known)];
        self.fill(index, event, &image, &command_line, &user);
        let Self { list, texts, .. } = self;
        let Some(process) = list.get_mut(index.index()) else { return };
        match kind {
            Kind::Start if process.start.is_none() => process.start = Some(event.time()),
            Kind::Rundown if process.start.is_none() => process.start = time(event, create_time),
            Kind::End => {
                process.end.get_or_insert(event.time());
            }
            _ => {}
        }
        add(&mut process.integrity, texts, event, &[integrity.filter(|_| known)]);
    }

    /// It was there at this time. Fills in what is not known yet, each from the first of the fields that says something.
    fn fill(
        &mut self,
        index: ProcessIndex,
        event: &Event<'_>,
        image: &[Field],
        command_line: &[Field],
        user: &[Field],
    ) {
        let Self { list, texts, .. } = self;
        let Some(process) = list.get_mut(index.index()) else { return };
        process.last = process.last.max(event.time());
        add(&mut process.image, texts, event, image);
        add(&mut process.command_line, texts, event, command_line);
        add(&mut process.user, texts, event, user);
    }

    /// The process that an alert names, as of a time.
    pub(crate) fn named(&self, host: u32, named: Named, time: Timestamp) -> Option<ProcessIndex> {
        if let Some(guid) = named.guid {
            return self.by_guid.get(&(host, guid)).copied();
        }
        let mut next = self.by_pid.get(&(host, named.pid?)).copied();
        while let Some(index) = next {
            let process = self.get(index)?;
            if process.since() <= time {
                break;
            }
            // Each came before the other, so this ends.
            next = process.previous;
        }
        next
    }
}

fn add(place: &mut Option<Arc<str>>, texts: &mut Texts, event: &Event<'_>, fields: &[Field]) {
    if place.is_none()
        && let Some(text) = first(event, fields)
    {
        *place = texts.share(&text);
    }
}

/// Whether the process that had the pid last may be the one that is spoken of now.
fn may_be(process: &Process, context: Context<'_>, has_guid: bool) -> bool {
    let near = |time: Timestamp| context.time.filetime().abs_diff(time.filetime()) <= JOINED;
    if has_guid && process.guid.is_some() {
        return false;
    }
    match context.started {
        Some(image) => {
            let same = process.image.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(image));
            same && near(process.since())
        }
        None => process.end.is_none_or(|end| context.time <= end || near(end)),
    }
}

#[cfg(test)]
mod tests;

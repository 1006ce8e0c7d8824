//! What an event is told that leaves: of its processes, of the names behind its handles, of its file.
//!
//! A field that was recorded stays as it is. What is filled in is told from it by its form: numbers become text.

use etwatch_event::batch::EventBuilder;
use etwatch_event::{Activity, Event, EventBatch, Guid, LogSourceSetId, Shape, Value};

use super::{Learned, Release};
use crate::facts::Holder;
use crate::fields::{id, number};
use crate::fill::{Attribute, Party, Plan};
use crate::host::Host;
use crate::processes::{Process, ProcessId};

impl Release<'_> {
    /// Writes the event with what it lacks, or the one of the whole `script` that is derived from it.
    pub(super) fn write(
        &self,
        host: &mut Host,
        event: &Event<'_>,
        plan: &Plan,
        learned: &Learned,
        script: Option<&str>,
        out: &mut EventBatch,
    ) {
        let mut filled = out.begin_copy(event);
        if let Some(script) = script {
            let fields = &self.outline.scripts;
            filled.set(fields.text, Value::Text(script));
            filled.remove(fields.number);
        }
        let mut sources = event.source_set();
        if learned.is_alternative
            && let Some(alternative) = plan.role.alternative
        {
            sources = alternative;
            filled.set_sources(sources);
        }
        self.fill_names(event, &mut filled);
        self.fill_processes(host, event, plan, learned, &mut filled);
        if event.origin().shape == Shape::Etw {
            for party in [&plan.actor, &plan.target] {
                host.accounts.name_recorded(event, party, &mut filled);
            }
        }
        if let Some(file) = &plan.file {
            let unavailable = self.outline.own.unavailable;
            file.fill(event, &mut host.file_facts, &self.wanted.needed, unavailable, &mut filled);
        }
        if !self.wanted.facts.is_empty() {
            self.fill_facts(host, event, plan, learned, sources, &mut filled);
        }
        filled.finish();
    }

    fn fill_names(&self, event: &Event<'_>, filled: &mut EventBuilder<'_>) {
        if self.found.is_empty() {
            return;
        }
        let own = &self.outline.own;
        for (field, name) in [
            (own.target_filename, self.found.target_filename()),
            (own.source_filename, self.found.source_filename()),
            (own.target_object, self.found.target_object()),
            (own.destination_hostname, self.found.destination_hostname()),
        ] {
            if let Some(name) = name
                && !event.get(field).is_present()
            {
                filled.set(field, Value::Text(name));
            }
        }
    }

    fn fill_processes(
        &self,
        host: &Host,
        event: &Event<'_>,
        plan: &Plan,
        learned: &Learned,
        filled: &mut EventBuilder<'_>,
    ) {
        let outline = self.outline;
        let process = |party: &Party, seen: Option<ProcessId>| match seen {
            Some(seen) => host.processes.get(seen),
            None => host.process(event, party, outline),
        };
        let lacks =
            |party: &Party| party.fills.iter().any(|fill| !event.in_slot(fill.slot).is_present());
        let ancestors = self.wanted.ancestors.as_ref();
        let ancestors = ancestors.and_then(|asked| asked.told_to(event.source_set()));
        let actor = if lacks(&plan.actor) || ancestors.is_some() {
            process(&plan.actor, learned.actor)
        } else {
            None
        };
        if let Some(actor) = actor {
            fill(event, &plan.actor, actor, host, filled);
            self.correct_pid(event, plan, actor, filled);
            if let Some(field) = ancestors
                && !event.get(field).is_present()
            {
                for guid in
                    actor.ancestors().filter_map(|ancestor| name_of(ancestor, host.has_guids))
                {
                    filled.push(field, Value::Guid(guid));
                }
            }
        }
        let target = if lacks(&plan.target) || plan.role.activity == Activity::ThreadStart {
            process(&plan.target, learned.target)
        } else {
            None
        };
        if let Some(target) = target {
            fill(event, &plan.target, target, host, filled);
        }
        match plan.role.activity {
            Activity::ThreadStart => self.fill_start(event, target, filled),
            Activity::ProcessStart => self.fill_creation(event, actor, filled),
            _ => {}
        }
    }

    /// What its processes did so far, as far as rules ask.
    fn fill_facts(
        &self,
        host: &Host,
        event: &Event<'_>,
        plan: &Plan,
        learned: &Learned,
        sources: LogSourceSetId,
        filled: &mut EventBuilder<'_>,
    ) {
        let (facts, table) = (&self.wanted.facts, &host.processes.facts);
        let process = |party: &Party, seen: Option<ProcessId>, holders: &[Holder]| {
            if !facts.are_told(holders, sources) {
                return None;
            }
            match seen {
                Some(seen) => host.processes.get(seen),
                None => host.process(event, party, self.outline),
            }
        };
        if let Some(actor) = process(&plan.actor, learned.actor, &[Holder::Actor, Holder::Parent]) {
            facts.tell(Holder::Actor, actor, table, event, filled);
            if let Some(parent) = actor.parent() {
                facts.tell(Holder::Parent, parent, table, event, filled);
            }
        }
        if let Some(target) = process(&plan.target, learned.target, &[Holder::Target]) {
            facts.tell(Holder::Target, target, table, event, filled);
        }
    }

    /// The kernel's id gives way to that of the process for which it acted.
    fn correct_pid(
        &self,
        event: &Event<'_>,
        plan: &Plan,
        actor: Process<'_>,
        filled: &mut EventBuilder<'_>,
    ) {
        if let Some(field) = plan.actor.id
            && event.get(self.outline.own.issuing_thread_id).is_present()
            && id(event, field) != Some(actor.pid())
        {
            let pid = Some(Value::Unsigned(actor.pid().into()));
            set(pid, |value| filled.set(field, value));
        }
    }

    /// In which file a thread starts: in none, if the modules of its process are known and it is in none of
    /// them, which is how injected code shows.
    fn fill_start(
        &self,
        event: &Event<'_>,
        target: Option<Process<'_>>,
        filled: &mut EventBuilder<'_>,
    ) {
        let own = &self.outline.own;
        let (Some(target), Some(address)) = (target, number(event, own.start_address)) else {
            return;
        };
        if event.get(own.start_module).is_present() {
            return;
        }
        let module = target.module_at(address);
        match &module {
            Some(module) => filled.set(own.start_module, Value::Text(module.path)),
            None if target.module_count() == 0 || target.modules_are_incomplete() => return,
            None => {}
        }
        let unbacked = if module.is_none() { "true" } else { "false" };
        filled.set(own.start_unbacked, Value::Text(unbacked));
    }

    /// Who really created a process that was given another parent, and what could not be told of it.
    fn fill_creation(
        &self,
        event: &Event<'_>,
        process: Option<Process<'_>>,
        filled: &mut EventBuilder<'_>,
    ) {
        let own = &self.outline.own;
        if let Some(process) = process
            && process.is_spoofed()
        {
            if let Some(creator) = process.creator_pid() {
                let pid = Some(Value::Unsigned(creator.into()));
                set(pid, |value| filled.set(own.creator_process_id, value));
            }
            if let Some(image) = process.creator().and_then(|creator| creator.image()) {
                filled.set(own.creator_image, Value::Text(image));
            }
        }
        if event.origin().shape == Shape::Etw {
            for (field, name) in [(own.image, "Image"), (own.command_line, "CommandLine")] {
                if !filled.values(field).is_present() {
                    filled.push(own.unavailable, Value::Text(name));
                }
            }
        }
    }
}

/// Fills what the event lacks of one of its processes.
fn fill(
    event: &Event<'_>,
    party: &Party,
    process: Process<'_>,
    host: &Host,
    filled: &mut EventBuilder<'_>,
) {
    for fill in &party.fills {
        if event.in_slot(fill.slot).is_present() {
            continue;
        }
        let value = value_of(process, fill.attribute, host);
        set(value, |value| filled.set_slot(fill.slot, value));
    }
}

/// Sets what was not recorded. Numbers become text, so that they can be told from those that were.
#[inline]
fn set(value: Option<Value<'_>>, set: impl FnOnce(Value<'_>)) {
    match value {
        Some(Value::Unsigned(number)) => set(Value::Text(itoa::Buffer::new().format(number))),
        // Logon ids alone, of starts that lack them.
        Some(Value::Hex(number)) => set(Value::Text(&format!("{number:#x}"))),
        Some(value) => set(value),
        None => {}
    }
}

/// The name of a process, unless it was made here on a host where processes have others.
fn name_of(process: Process<'_>, has_guids: bool) -> Option<Guid> {
    (process.guid_is_recorded() || !has_guids).then(|| process.guid())
}

fn value_of<'h>(process: Process<'h>, attribute: Attribute, host: &'h Host) -> Option<Value<'h>> {
    use Attribute as A;
    let Host { has_guids, accounts, .. } = host;
    let (has_guids, named) = (*has_guids, |user: &'h str| Value::Text(accounts.name(user)));
    match attribute {
        A::Guid => name_of(process, has_guids).map(Value::Guid),
        A::Image => process.image().map(Value::Text),
        A::CommandLine => process.command_line().map(Value::Text),
        A::CurrentDirectory => process.current_directory().map(Value::Text),
        A::User => process.user().map(named),
        A::Integrity => process.integrity().map(Value::Text),
        A::LogonId => process.logon_id().map(Value::Hex),
        A::LogonGuid => process.logon_guid().map(Value::Guid),
        A::Session => process.session().map(|session| Value::Unsigned(session.into())),
        A::OriginalFileName => process.original_file_name().map(Value::Text),
        A::ParentGuid => {
            process.parent().and_then(|parent| name_of(parent, has_guids)).map(Value::Guid)
        }
        A::ParentId => process.parent_pid().map(|pid| Value::Unsigned(pid.into())),
        A::ParentImage => process.parent_image().map(Value::Text),
        A::ParentCommandLine => process.parent_command_line().map(Value::Text),
        A::ParentUser => process.parent_user().map(named),
        A::GrandParentImage => {
            process.parent().and_then(|parent| parent.parent_image()).map(Value::Text)
        }
        A::GrandParentCommandLine => {
            process.parent().and_then(|parent| parent.parent_command_line()).map(Value::Text)
        }
    }
}

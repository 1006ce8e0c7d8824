//! What is known of a contact when its event's turn comes.

use etwatch_event::{Attribution, Event, EventBatch, FieldId, Ledger};

use super::{Context, Derivation, Derived};
use crate::fields::Outline;
use crate::fill::Plan;
use crate::flows::contact::Contact;
use crate::flows::who::WhoKey;
use crate::host::Host;
use crate::processes::ProcessId;

/// What was learned of the event before.
pub(crate) struct Known<'k> {
    /// Its process, where its id alone tells which it is.
    pub(crate) actor: Option<ProcessId>,
    /// Whether a datagram is the first between its ends.
    pub(crate) is_first: bool,
    /// The name that DNS last answered with the other end's address.
    pub(crate) name: Option<&'k str>,
}

impl Host {
    /// Nothing more comes of this host: makes the events of what is open.
    pub(crate) fn derive_rest(
        &mut self,
        derivation: &Derivation,
        outline: &Outline,
        out: &mut EventBatch,
        ledger: &mut Ledger,
    ) {
        self.derive(true, derivation, outline, out, ledger);
    }

    /// Makes the events of what is over, or of all that is open.
    pub(crate) fn derive(
        &mut self,
        all: bool,
        derivation: &Derivation,
        outline: &Outline,
        out: &mut EventBatch,
        ledger: &mut Ledger,
    ) {
        let first = out.len();
        if let Some(derived) = &mut self.derived {
            derived.close(self.released, all, derivation, &outline.derived, out, ledger);
        }
        for index in first..out.len() {
            let attribution = Attribution { host: self.number, ..Attribution::default() };
            out.attribute(index, attribution);
        }
    }

    /// Learns from an event that tells a contact with another host; others pass by.
    pub(crate) fn learn_contact(
        &mut self,
        event: &Event<'_>,
        plan: &Plan,
        outline: &Outline,
        known: &Known<'_>,
        derivation: &Derivation,
    ) {
        let fields = &outline.derived;
        let Some(contact) = Contact::of(event, plan.role.activity, fields) else { return };
        let by_name = || self.process(event, &plan.actor, outline).map(|process| process.id());
        let process = known.actor.or_else(by_name);
        let pid = self.pid(event, &plan.actor, outline);
        let recorded =
            |field: FieldId| event.text(field).filter(|_| contact.initiated != Some(false));
        let context = Context {
            who: WhoKey { process, pid },
            process: process.and_then(|process| self.processes.get(process)),
            has_guids: self.has_guids,
            name: recorded(fields.destination_hostname).or(known.name),
            is_first: known.is_first,
        };
        let limits = self.derived_limits;
        let derived = self.derived.get_or_insert_with(|| Box::new(Derived::new(limits)));
        derived.take(event, &contact, &context, derivation);
    }
}

//! A host whose events are told by field names.

use std::sync::Arc;

use etwatch_event::{
    Activity, EventBatch, FieldId, LayoutId, LogSourceSetId, Timestamp, Value, Vocabulary,
};
use etwatch_state::ObjectNames;
use etwatch_state::names::{Found, Limits, NameFields};

/// A field of an event.
pub(crate) type Field<'t> = (&'static str, Value<'t>);

/// Its names, and buffers for one event.
pub(crate) struct Host {
    pub(crate) names: ObjectNames,
    fields: NameFields,
    batch: EventBatch,
    found: Found,
}

impl Host {
    pub(crate) fn new(limits: Limits) -> Self {
        let mut vocabulary = Vocabulary::default();
        let fields = NameFields::intern(&mut vocabulary.fields);
        Self {
            names: ObjectNames::new(limits),
            fields,
            batch: EventBatch::new(Arc::new(vocabulary)),
            found: Found::default(),
        }
    }
    /// An event `millis` after the beginning of time, done by `pid`.
    pub(crate) fn tell(
        &mut self,
        millis: u64,
        activity: Activity,
        pid: u32,
        said: &[Field<'_>],
    ) -> &Found {
        self.batch.clear();
        let vocabulary = Arc::clone(self.batch.vocabulary());
        let mut event = self.batch.begin(LayoutId::HEADER, LogSourceSetId::NONE);
        event.set_time(Timestamp::from_filetime(millis * 10_000));
        for (name, value) in said {
            let id: Option<FieldId> = vocabulary.fields.id(name);
            event.push(id.unwrap(), *value);
        }
        event.finish();
        let event = self.batch.get(0).unwrap();
        let pid = Some(pid).filter(|pid| *pid != 0);
        self.names.take(&event, activity, pid, &self.fields, &mut self.found);
        &self.found
    }
}

/// What was found, by field.
pub(crate) fn fields(found: &Found) -> Vec<(&'static str, &str)> {
    let names = [
        ("TargetFilename", found.target_filename()),
        ("SourceFilename", found.source_filename()),
        ("TargetObject", found.target_object()),
        ("DestinationHostname", found.destination_hostname()),
        ("duplicate", found.is_duplicate_query.then_some("yes")),
    ];
    names.into_iter().filter_map(|(field, text)| Some((field, text?))).collect()
}

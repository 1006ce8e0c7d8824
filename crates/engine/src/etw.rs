//! From slices of ETW logs to records.
//!
//! A log brings some of its schemas along, so each log has a store of schemas, which all workers share. A
//! worker keeps a decoder for each log whose slices it was given of late, since logs that overlap are read
//! in turns. A record that no schema explains is an event all the same, with its header and its payload as
//! bytes; the ledger tells how many there are of them.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use etwatch_capture::Decoded;
use etwatch_capture::etl::{EtlScratch, EtlSlice, Trace, TraceSchema, TraceSchemaKind};
use etwatch_decode::manifest::ManifestChunks;
use etwatch_decode::table::Tables;
use etwatch_decode::{Decoder, Outcome, SchemaStore};
use etwatch_event::{Ledger, RawRecord, Reason, RecordBatch};
use etwatch_normalise::{Context, Volumes};

/// Logs of which a worker keeps the decoder.
const KEPT: usize = 4;

/// The ledger's word for records whose text lies in the symbols of a program.
const MESSAGE: &str = "WPP message";

/// The schemas of the logs that are being read.
#[derive(Debug, Default)]
pub struct SchemaStores(Mutex<Vec<(Weak<Trace>, Arc<SchemaStore>)>>);

impl SchemaStores {
    /// The schemas of this log: those it brings along, then those of our tables.
    #[must_use]
    pub fn of(&self, trace: &Arc<Trace>) -> Arc<SchemaStore> {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = stores.iter().find(|(of, _)| of.as_ptr() == Arc::as_ptr(trace));
        if let Some((_, store)) = known {
            return Arc::clone(store);
        }
        stores.retain(|(of, _)| of.strong_count() > 0);
        let store = Arc::new(schemas_of(trace));
        stores.push((Arc::downgrade(trace), Arc::clone(&store)));
        store
    }
}

/// The schemas that a log brings along, before those of our tables. What can't be read of them is left out:
/// its events are told as such when they come.
#[must_use]
pub fn schemas_of(trace: &Trace) -> SchemaStore {
    let store = SchemaStore::new(Arc::new(Tables::embedded()), trace.os_build);
    let mut chunks = ManifestChunks::default();
    for TraceSchema { kind, provider, process_id, bytes } in &trace.schemas {
        let result = match kind {
            TraceSchemaKind::EventInfo => store.insert_event_info(bytes).map(|_| ()),
            TraceSchemaKind::MapInfo => store.insert_map_info(bytes),
            TraceSchemaKind::Manifest => {
                if let Ok(Some(text)) = chunks.add(*provider, *process_id, bytes)
                    && let Err(error) = store.insert_manifest(&text)
                {
                    tracing::debug!(%error, "a manifest of the log can't be used");
                }
                Ok(())
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "a schema of the log can't be used");
        }
    }
    store
}

/// What the values of a log are read by: its volumes, and where Windows lies. Of a log that does not tell its
/// volumes, the one from which Windows seems to run is the drive of the Windows folder.
#[must_use]
pub fn context_of(trace: &Trace) -> Context {
    let (_, windows) = &trace.system_paths;
    let drive = windows.get(..2).filter(|drive| drive.ends_with(':')).unwrap_or("C:");
    let volumes = trace.volumes.iter().map(|volume| (&*volume.device, &*volume.drive));
    let system = trace.system_volume.as_deref().map(|device| (device, drive));
    Context::new(Volumes::new(volumes.chain(system)), windows)
}

/// Decodes slices; each worker has its own.
#[derive(Debug, Default)]
pub struct SliceDecoder {
    scratch: EtlScratch,
    decoders: Vec<(Arc<SchemaStore>, Decoder)>,
}

impl SliceDecoder {
    /// Decodes `slice` into `records`, which is cleared first.
    pub fn decode(
        &mut self,
        slice: EtlSlice,
        stores: &SchemaStores,
        records: &mut RecordBatch,
    ) -> Decoded {
        self.decode_each(slice, stores, records, &mut |_, _| {})
    }

    /// The same, and shows each raw record with what became of it, in the order of the records.
    pub fn decode_each(
        &mut self,
        slice: EtlSlice,
        stores: &SchemaStores,
        records: &mut RecordBatch,
        show: &mut dyn FnMut(&RawRecord<'_>, &Outcome),
    ) -> Decoded {
        records.clear();
        let store = stores.of(slice.trace());
        let Self { scratch, decoders } = self;
        let place = decoders.iter().position(|(of, _)| Arc::ptr_eq(of, &store));
        let (store, mut decoder) = match place {
            Some(place) => decoders.remove(place),
            None => (store, Decoder::default()),
        };
        let mut unexplained = Ledger::default();
        let mut decoded = slice.read(scratch, &mut |record, _| {
            let outcome = decoder.decode(record, &store, records);
            if let Some(reason) = why_unexplained(&outcome) {
                *unexplained.unexplained.entry(reason).or_default() += 1;
            }
            show(record, &outcome);
        });
        decoded.ledger.add(&unexplained);
        // The one that was used last stands first.
        decoders.insert(0, (store, decoder));
        decoders.truncate(KEPT);
        decoded
    }
}

fn why_unexplained(outcome: &Outcome) -> Option<Reason> {
    match outcome {
        Outcome::Event { .. } => None,
        Outcome::Generic(why) => Some(why.reason()),
        Outcome::Message => Some(MESSAGE),
    }
}

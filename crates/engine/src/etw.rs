//! From slices of ETW logs and batches of live sessions to records.
//!
//! A log brings some of its schemas along, so each log has a store of schemas, which all workers share; a live
//! host has one as well, to which its batches add. A worker keeps a decoder for each log whose slices it was given
//! of late, since logs that overlap are read in turns. A record that no schema explains is an event all the same, with its header and its payload as
//! bytes; the ledger tells how many there are of them.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use etwatch_capture::Decoded;
use etwatch_capture::etl::{EachRecord, EtlScratch, EtlSlice, Trace, TraceSchema, TraceSchemaKind};
use etwatch_capture::live::LiveBatch;
use etwatch_decode::manifest::ManifestChunks;
use etwatch_decode::table::Tables;
use etwatch_decode::{Decoder, Key, Outcome, SchemaStore};
use etwatch_event::{Ledger, RawHeader, RawRecord, Reason, RecordBatch};
use etwatch_normalise::{Context, Volumes};

/// Logs of which a worker keeps the decoder.
const KEPT: usize = 4;

/// The ledger's word for records whose text lies in the symbols of a program.
const MESSAGE: &str = "WPP message";

/// The schemas of the logs and live hosts that are being read.
#[derive(Debug, Default)]
pub struct SchemaStores(Mutex<Vec<Kept>>);

/// The schemas of a log or a live host.
#[derive(Debug)]
struct Kept {
    of: Weak<Trace>,
    store: Arc<SchemaStore>,
    /// Parts of manifests whose other parts did not come yet.
    chunks: ManifestChunks,
}

impl SchemaStores {
    /// The schemas of this log: those it brings along, then those of our tables.
    #[must_use]
    pub fn of(&self, trace: &Arc<Trace>) -> Arc<SchemaStore> {
        self.kept(trace, |kept| Arc::clone(&kept.store))
    }

    /// Adds the schemas that a live batch brings along, and takes them out of it. They hold for all later batches of
    /// the host as well, so this is done in the order of the batches, before they are decoded on any thread.
    pub fn learn(&self, batch: &mut LiveBatch) {
        let schemas = batch.take_schemas();
        if !schemas.is_empty() {
            self.kept(batch.trace(), |kept| {
                schemas.iter().for_each(|schema| insert(&kept.store, &mut kept.chunks, schema));
            });
        }
    }

    /// Whether no layout is known for the very version of a record with this header: then Windows is to be asked.
    #[must_use]
    pub fn lacks(&self, trace: &Arc<Trace>, header: &RawHeader) -> bool {
        !self.of(trace).knows(&Key::of(header, trace.os_build))
    }

    fn kept<T>(&self, trace: &Arc<Trace>, act: impl FnOnce(&mut Kept) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = all.iter_mut().find(|kept| kept.of.as_ptr() == Arc::as_ptr(trace)) {
            return act(kept);
        }
        all.retain(|kept| kept.of.strong_count() > 0);
        let (store, chunks) = schemas_and_rest_of(trace);
        let mut kept = Kept { of: Arc::downgrade(trace), store: Arc::new(store), chunks };
        let result = act(&mut kept);
        all.push(kept);
        result
    }
}

/// The schemas that a log brings along, before those of our tables. What can't be read of them is left out:
/// its events are told as such when they come.
#[must_use]
pub fn schemas_of(trace: &Trace) -> SchemaStore {
    schemas_and_rest_of(trace).0
}

fn schemas_and_rest_of(trace: &Trace) -> (SchemaStore, ManifestChunks) {
    let store = SchemaStore::new(Arc::new(Tables::embedded()), trace.os_build);
    let mut chunks = ManifestChunks::default();
    trace.schemas.iter().for_each(|schema| insert(&store, &mut chunks, schema));
    (store, chunks)
}

fn insert(store: &SchemaStore, chunks: &mut ManifestChunks, schema: &TraceSchema) {
    let TraceSchema { kind, provider, process_id, bytes } = schema;
    let result = match kind {
        TraceSchemaKind::EventInfo => store.insert_event_info(bytes).map(|_| ()),
        TraceSchemaKind::MapInfo => store.insert_map_info(bytes),
        TraceSchemaKind::Manifest => {
            if let Ok(Some(text)) = chunks.add(*provider, *process_id, bytes)
                && let Err(error) = store.insert_manifest(&text)
            {
                tracing::debug!(%error, "a manifest can't be used");
            }
            Ok(())
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a schema can't be used");
    }
}

/// What the values of a log are read by: its volumes, where Windows lies, and what the host is called. Of a log that does not tell its
/// volumes, the one from which Windows seems to run is the drive of the Windows folder.
#[must_use]
pub fn context_of(trace: &Trace) -> Context {
    let (_, windows) = &trace.system_paths;
    let drive = windows.get(..2).filter(|drive| drive.ends_with(':')).unwrap_or("C:");
    let volumes = trace.volumes.iter().map(|volume| (&*volume.device, &*volume.drive));
    let system = trace.system_volume.as_deref().map(|device| (device, drive));
    Context::new(Volumes::new(volumes.chain(system)), windows).with_computer(&trace.computer)
}

/// Who is shown raw records, each with what became of it.
type Show<'s> = &'s mut dyn FnMut(&RawRecord<'_>, &Outcome);

/// Decodes slices of logs and batches of live sessions; each worker has its own.
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
        show: Show<'_>,
    ) -> Decoded {
        let store = stores.of(slice.trace());
        self.decode_by(store, records, show, |scratch, each| slice.read(scratch, each))
    }

    /// Decodes a batch of a live session into `records`, which is cleared first. Its schemas are those that `stores`
    /// has learned.
    pub fn decode_live(
        &mut self,
        batch: &LiveBatch,
        stores: &SchemaStores,
        records: &mut RecordBatch,
        show: Show<'_>,
    ) -> Decoded {
        let store = stores.of(batch.trace());
        self.decode_by(store, records, show, |_, each| batch.read(each))
    }

    fn decode_by(
        &mut self,
        store: Arc<SchemaStore>,
        records: &mut RecordBatch,
        show: Show<'_>,
        read: impl FnOnce(&mut EtlScratch, EachRecord<'_>) -> Decoded,
    ) -> Decoded {
        records.clear();
        let Self { scratch, decoders } = self;
        let place = decoders.iter().position(|(of, _)| Arc::ptr_eq(of, &store));
        let (store, mut decoder) = match place {
            Some(place) => decoders.remove(place),
            None => (store, Decoder::default()),
        };
        let mut unexplained = Ledger::default();
        let mut decoded = read(scratch, &mut |record, _| {
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

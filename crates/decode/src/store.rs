//! All schemas there are for the records of one recording or one live session.
//!
//! Asked for the layouts of an event, the store answers with a list, best first: what the recording itself
//! says, then what the tables know for that build of Windows, then what they know for others. The decoder
//! takes the first that consumes the payload exactly, else the first that leaves bytes behind. An event
//! whose version is newer than any known one gets the newest known layout: Windows appends fields, so what
//! is known stays where it was, and the outcome says that the schema is newer.
//!
//! Answers are kept. A schema that arrives later (live, Windows is asked while events are already coming)
//! makes all of them void: the store has a generation, an answer is good for the one it was made in. Every
//! table in here is bounded; the keys are chosen by whoever wrote the recording.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use etwatch_event::Guid;

use crate::check::SchemaError;
use crate::described::{Described, Description};
use crate::key::Key;
use crate::prepared::Prepared;
use crate::schema::{FieldKind, Schema, ValueMap};
use crate::trace_event_info;

/// How many bytes of memory the schemas and maps of a recording may take; further ones are refused.
const MOST_RECORDED: usize = 128 << 20;
/// How many bytes of memory schemas of TraceLogging take before they are forgotten.
const MOST_DESCRIBED: usize = 32 << 20;
/// How many answers are kept; beyond, all are forgotten.
const MOST_ANSWERS: usize = 65_536;
/// Schemas known beforehand.
pub trait SchemaTables: Send + Sync {
    /// All layouts of the event: those of this version, or of the newest lower one that is known; first the
    /// one of the build, if the build is known.
    fn candidates(&self, key: &Key) -> Candidates;
    /// The best layout of the event.
    fn find(&self, key: &Key) -> Option<Arc<Schema>> {
        self.candidates(key).schemas.into_iter().next()
    }
}

impl<T: SchemaTables + ?Sized> SchemaTables for &T {
    fn candidates(&self, key: &Key) -> Candidates {
        (*self).candidates(key)
    }
}

/// What tables know of an event.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// Its layouts, best first.
    pub schemas: Vec<Arc<Schema>>,
    /// They are those of a lower version.
    pub newer: bool,
}

/// Tables that know nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTables;

impl SchemaTables for NoTables {
    fn candidates(&self, _: &Key) -> Candidates {
        Candidates::default()
    }
}

/// A layout that an event may have.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) newer: bool,
}

/// The layouts an event may have, best first.
pub(crate) type Layouts = Arc<[Layout]>;

/// Schemas of a recording or a session, and of tables.
pub struct SchemaStore {
    build: u32,
    tables: Arc<dyn SchemaTables>,
    recorded: DashMap<Key, Arc<Prepared>>,
    maps: DashMap<(Guid, Box<str>), Arc<ValueMap>>,
    answers: DashMap<Key, (u64, Layouts)>,
    described: Mutex<Described>,
    /// Bytes of memory that recorded schemas and maps take.
    weight: AtomicUsize,
    generation: AtomicU64,
}

impl SchemaStore {
    /// A store for records that this build of Windows wrote (0 if it is not known).
    #[must_use]
    pub fn new(tables: Arc<dyn SchemaTables>, build: u32) -> Self {
        Self {
            build,
            tables,
            recorded: DashMap::new(),
            maps: DashMap::new(),
            answers: DashMap::new(),
            described: Mutex::new(Described::new(MOST_DESCRIBED)),
            weight: AtomicUsize::new(0),
            generation: AtomicU64::new(0),
        }
    }
    /// The build of Windows that wrote the records.
    #[must_use]
    pub fn build(&self) -> u32 {
        self.build
    }
    /// How many schemas the recording has brought along.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.recorded.len()
    }

    /// Adds a schema that the recording brings along; the last one for a key holds. Values get the names of
    /// the maps that are there by then, and of those that follow.
    ///
    /// # Errors
    /// [`SchemaError`] if no payload can be walked by it, or if there are too many.
    pub fn insert(&self, key: Key, mut schema: Schema) -> Result<(), SchemaError> {
        let key = key.of_any_build();
        self.name_values(&mut schema);
        if self.recorded.get(&key).is_some_and(|known| **known.schema() == schema) {
            return Ok(());
        }
        self.make_room(schema.weight())?;
        self.recorded.insert(key, Arc::new(Prepared::new(Arc::new(schema))?));
        self.generation.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
    /// Adds the schema of a `TRACE_EVENT_INFO`.
    ///
    /// # Errors
    /// As [`trace_event_info::parse`] and [`SchemaStore::insert`].
    pub fn insert_event_info(&self, bytes: &[u8]) -> Result<Key, SchemaError> {
        let (key, schema) = trace_event_info::parse(bytes)?;
        self.insert(key, schema)?;
        Ok(key)
    }
    /// Adds the names of values that a merged trace carries: GUID of the provider, then `EVENT_MAP_INFO`.
    /// Schemas that are already there get them.
    ///
    /// # Errors
    /// As [`ValueMap::parse`], or if there are too many.
    pub fn insert_map_info(&self, bytes: &[u8]) -> Result<(), SchemaError> {
        let (guid, map) = ValueMap::parse_of_provider(bytes)?;
        self.insert_map(guid, map)
    }
    /// Adds the names of values of a provider, see [`SchemaStore::insert_map_info`].
    ///
    /// # Errors
    /// [`SchemaError`] if there are too many.
    pub fn insert_map(&self, guid: Guid, map: ValueMap) -> Result<(), SchemaError> {
        let key = (guid, map.name.clone());
        if self.maps.get(&key).is_some_and(|known| **known == map) {
            return Ok(());
        }
        self.make_room(map.weight())?;
        self.maps.insert(key, Arc::new(map));
        self.generation.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
    fn make_room(&self, weight: usize) -> Result<(), SchemaError> {
        let before = self.weight.fetch_add(weight, Ordering::Relaxed);
        if before.saturating_add(weight) > MOST_RECORDED {
            self.weight.fetch_sub(weight, Ordering::Relaxed);
            return Err(SchemaError::TooManySchemas);
        }
        Ok(())
    }
    /// Gives each field that names a map of its provider the entries of that map. False if nothing changed.
    fn name_values(&self, schema: &mut Schema) -> bool {
        let mut changed = false;
        for field in &mut schema.fields {
            let FieldKind::Value(_, _, Some(map)) = &mut field.kind else { continue };
            let wanted = (schema.guid, map.name.clone());
            let Some(found) = self.maps.get(&wanted) else { continue };
            if !Arc::ptr_eq(map, &found) {
                *map = Arc::clone(&found);
                changed = true;
            }
        }
        changed
    }

    /// Which state the store is in; another one after each schema or map that arrives.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
    /// Whether there is a layout for this very version, be it of the recording or of the tables.
    #[must_use]
    pub fn knows(&self, key: &Key) -> bool {
        self.layouts(key).iter().any(|layout| !layout.newer)
    }
    /// The layouts that an event may have, best first.
    pub(crate) fn layouts(&self, key: &Key) -> Layouts {
        let now = self.generation();
        if let Some(answer) = self.answers.get(key)
            && answer.0 == now
        {
            return Arc::clone(&answer.1);
        }
        let layouts = self.work_out(key);
        if self.answers.len() >= MOST_ANSWERS {
            self.answers.clear();
        }
        self.answers.insert(*key, (now, Arc::clone(&layouts)));
        layouts
    }
    fn work_out(&self, key: &Key) -> Layouts {
        let mut layouts = Vec::new();
        if let Some(prepared) = self.recorded_now(key) {
            layouts.push(Layout { prepared, newer: false });
        }
        let Candidates { schemas, newer } = self.tables.candidates(key);
        // Tables are our own and tested to hold schemas that can be walked.
        let prepared = schemas.into_iter().filter_map(|schema| Prepared::new(schema).ok());
        layouts.extend(prepared.map(|schema| Layout { prepared: Arc::new(schema), newer }));
        layouts.into()
    }
    /// The schema of the recording, with the names of values that are there by now.
    fn recorded_now(&self, key: &Key) -> Option<Arc<Prepared>> {
        let any = key.of_any_build();
        let prepared = Arc::clone(&*self.recorded.get(&any)?);
        let mut schema = Schema::clone(prepared.schema());
        if !self.name_values(&mut schema) {
            return Some(prepared);
        }
        let named = Arc::new(Prepared::new(Arc::new(schema)).ok()?);
        self.recorded.insert(any, Arc::clone(&named));
        Some(named)
    }
    /// The schema that an event carries itself; `key` stands for the three of them together.
    pub(crate) fn described(
        &self,
        key: &[u8],
        guid: Guid,
        metadata: &[u8],
        traits: &[u8],
    ) -> Description {
        let mut described = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = described.get(key) {
            return known.clone();
        }
        let schema = Prepared::of_metadata(guid, metadata, traits);
        described.insert(key, schema.clone());
        schema
    }
}

impl std::fmt::Debug for SchemaStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("SchemaStore");
        shown.field("build", &self.build).field("recorded", &self.recorded.len());
        shown.field("maps", &self.maps.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

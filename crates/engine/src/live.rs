//! An engine whose rules can be loaded again while it runs.
//!
//! The engine in force, three `Arc`s, lies behind a lock that is held for as long as it takes to copy
//! them. A run takes it once a batch, at the batch's first event; decoding, matching and making alerts of that batch
//! use what was taken. So every batch is matched by one whole rule set, the one before or the one after
//! a change, and a match is never looked up in another set than its own.
//!
//! Field names are only ever added: numbers that events and rules have stay true. Events that were
//! decoded before a name had its number get it when they are copied to their batch.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, RwLock};

use etwatch_event::Vocabulary;
use etwatch_rules::load::LoadOptions;
use etwatch_rules::{Level, Library, Reload};

use crate::engine::{Engine, EngineError};

/// The engine in force, and the library that its rules come from.
#[derive(Debug)]
pub struct LiveEngine {
    current: RwLock<Engine>,
    library: Mutex<Library>,
    min_level: Option<Level>,
}

impl LiveEngine {
    /// Loads the rules under `paths`; what is wrong with them is in the second part of the result, whose
    /// rules have moved to the engine.
    ///
    /// # Errors
    /// [`EngineError::Table`] if a built-in table is malformed.
    pub fn load(
        paths: Vec<PathBuf>,
        options: LoadOptions,
        min_level: Option<Level>,
    ) -> Result<(Self, Reload), EngineError> {
        let mut library = Library::new(paths, options);
        let mut vocabulary = Vocabulary::default();
        let mut reload = library.reload(&mut vocabulary.fields);
        let rules = std::mem::take(&mut reload.loaded.rules);
        let correlations = reload.loaded.correlations.clone();
        let engine = Engine::new(rules, correlations, vocabulary, min_level)?;
        let (current, library) = (RwLock::new(engine), Mutex::new(library));
        Ok((Self { current, library, min_level }, reload))
    }

    /// Puts a changed engine with the same rules in force: `change` is one of the `with_…` of [`Engine`].
    pub fn change(&self, change: impl FnOnce(Engine) -> Engine) {
        let library = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        let engine = change(self.current());
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = engine;
        drop(library);
    }

    /// The engine in force.
    #[must_use]
    pub fn current(&self) -> Engine {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Loads what has changed and puts it in force; the rules have moved to the engine. A run goes on
    /// meanwhile, and changes over with the next batch that it begins.
    pub fn reload(&self) -> Reload {
        // Only here the engine is replaced, so it stays the one in force until this is done.
        let mut library = self.library.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current();
        let mut fields = before.vocabulary.fields.clone();
        let mut reload = library.reload(&mut fields);
        let rules = std::mem::take(&mut reload.loaded.rules);
        if reload.changes.files_read + reload.changes.files_removed > 0 {
            let correlations = reload.loaded.correlations.clone();
            let engine = before.with_rules(rules, correlations, fields, self.min_level);
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = engine;
        }
        reload
    }
}

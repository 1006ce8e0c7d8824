//! The rules that a command evaluates: flags, then configuration, then the folder `rules`.

use std::path::PathBuf;

use etwatch_engine::{Engine, LiveEngine};
use etwatch_rules::Level;
use etwatch_rules::load::{LoadOptions, Loaded};

use crate::commands::{FAILED, USAGE};
use crate::config::Config;
use crate::terminal;

/// Which rules are wanted; flags of a command.
#[derive(Debug, clap::Args)]
pub(super) struct RuleFlags {
    /// Files or folders of rules; may be repeated [default: rules]
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Leave rules below this level out
    #[arg(long, value_name = "LEVEL", value_parser = parse_level)]
    min_level: Option<Level>,
    /// Load rules whose status is `deprecated` or `unsupported` too
    #[arg(long)]
    include_deprecated: bool,
}

fn parse_level(text: &str) -> Result<Level, String> {
    Level::parse(text).ok_or_else(|| {
        let levels = Level::ALL.map(Level::name).join(", ");
        format!("not a level; one of {levels}")
    })
}

/// Rules, loaded.
pub(super) struct Rules {
    /// With the rules.
    pub(super) engine: Engine,
    /// What else was found with them.
    pub(super) loaded: Loaded,
    /// Where they were looked for.
    pub(super) paths: Vec<PathBuf>,
}

/// Where rules are looked for, how they are loaded, and from which level on.
type Read = (Vec<PathBuf>, LoadOptions, Option<Level>);

impl RuleFlags {
    /// Loads them, and tells which files could not be read.
    ///
    /// # Errors
    /// The exit status and a message, if a path does not exist or a built-in table is malformed.
    pub(super) fn load(&self, config: &Config) -> Result<Rules, (u8, String)> {
        let (paths, options, min_level) = self.read(config)?;
        let (engine, loaded) = Engine::load(&paths, &options, min_level)
            .map_err(|error| (FAILED, error.to_string()))?;
        terminal::unreadable(&loaded.unreadable);
        Ok(Rules { engine, loaded, paths })
    }

    /// Loads them for a run during which they may change.
    ///
    /// # Errors
    /// As [`RuleFlags::load`].
    pub(super) fn load_live(
        &self,
        config: &Config,
    ) -> Result<(LiveEngine, Loaded, Vec<PathBuf>), (u8, String)> {
        let (paths, options, min_level) = self.read(config)?;
        let (engine, reload) = LiveEngine::load(paths.clone(), options, min_level)
            .map_err(|error| (FAILED, error.to_string()))?;
        terminal::unreadable(&reload.loaded.unreadable);
        Ok((engine, reload.loaded, paths))
    }

    fn read(&self, config: &Config) -> Result<Read, (u8, String)> {
        let paths = config.rule_paths(&self.rules);
        if let Some(missing) = paths.iter().find(|path| !path.exists()) {
            let missing = missing.display();
            let message = format!("no rules at `{missing}`; name a file or folder with --rules");
            return Err((USAGE, message));
        }
        let options = LoadOptions {
            placeholders: config.placeholders(),
            include_deprecated: self.include_deprecated,
            ..LoadOptions::default()
        };
        Ok((paths, options, self.min_level.or(config.min_level())))
    }
}

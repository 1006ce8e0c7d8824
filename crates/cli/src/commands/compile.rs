//! `etwatch rules compile`: the stages of the compiler, one rule after the other.

use std::path::PathBuf;

use etwatch_alert::pretty::escape;
use etwatch_engine::Engine;
use etwatch_event::LogSourceSetId;
use etwatch_rules::RuleIndex;
use etwatch_rules::compile::show;
use etwatch_rules::load::LoadOptions;

use crate::commands::{DONE, FAILED, NOTHING_TESTED, USAGE};
use crate::config::Config;
use crate::terminal;

/// Show what becomes of rules
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch rules compile new.yml                what the rule looks for, as it was read
  etwatch rules compile new.yml --show ir      the same as one Boolean expression
  etwatch rules compile new.yml --show plan    which literals find it, and what is asked then

Exit status: 0 done, 2 a path can't be read, 4 no rule was loaded.")]
pub(crate) struct Compile {
    /// Files or folders of rules [default: rules]
    #[arg(value_name = "RULES")]
    paths: Vec<PathBuf>,
    /// The stage to show
    #[arg(long, value_enum, default_value_t = Stage::Tree)]
    show: Stage,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Stage {
    /// Detections and conditions as they were read
    Tree,
    /// One expression over tests, its negations at the tests
    Ir,
    /// The literals that are looked for and the steps that decide
    Plan,
}

impl Compile {
    /// Prints the stage of each rule.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        let paths = config.rule_paths(&self.paths);
        let placeholders = config.placeholders();
        let options =
            LoadOptions { placeholders, include_deprecated: true, ..LoadOptions::default() };
        let (engine, loaded) = match Engine::load(&paths, &options, None) {
            Ok(loaded) => loaded,
            Err(error) => {
                terminal::error(&error.to_string());
                return FAILED;
            }
        };
        terminal::unreadable(&loaded.unreadable);
        let count = engine.rules.rules().len();
        let stages: Vec<_> = (0..count)
            .filter_map(RuleIndex::from_index)
            .map(|index| self.stage(&engine, index))
            .collect();
        // Line by line: what the rules say must not act on a terminal.
        let safe: String = stages.join("\n").lines().map(|line| escape(line) + "\n").collect();
        if !terminal::print(&safe) {
            return FAILED;
        }
        if loaded.refused > 0 {
            let refused = loaded.refused;
            terminal::note(&format!("{refused} documents were refused; `etwatch check` tells why"));
        }
        match (loaded.unreadable.is_empty(), count) {
            (false, _) => USAGE,
            (true, 0) => NOTHING_TESTED,
            _ => DONE,
        }
    }

    fn stage(&self, engine: &Engine, index: RuleIndex) -> String {
        let (rules, fields) = (&engine.rules, &engine.vocabulary.fields);
        let Some(rule) = rules.get(index) else { return String::new() };
        let title = format!("rule `{}`, {}\n", rule.attributes.title, rule.log_source);
        match self.show {
            Stage::Tree => show::tree(rule, fields),
            Stage::Ir => {
                let whole = rules.expression(index);
                let text = whole.map(|whole| show::expression(whole, rules.atoms(), fields));
                title + &text.unwrap_or_default()
            }
            Stage::Plan => {
                let sets =
                    (0..engine.vocabulary.sets().len()).filter_map(LogSourceSetId::from_index);
                let mut fitting = sets.filter(|set| rules.applying(*set).contains(&index));
                let Some(set) = fitting.next() else {
                    return title + "no event of Windows has this log source\n";
                };
                // An id that no rule names stands for all others.
                let id = rules.event_ids(index).first().copied().unwrap_or(u64::MAX);
                let plan = rules.plan(set, Some(id));
                let text = plan.map(|plan| show::plan(plan, rules, index, id, fields));
                let events = match id {
                    u64::MAX => "events".to_owned(),
                    id => format!("events with id {id}"),
                };
                format!("{title}for {events}: {}", text.unwrap_or_default())
            }
        }
    }
}

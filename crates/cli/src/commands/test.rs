//! `etwatch test`: do rules match what they should, and nothing else.

use std::path::PathBuf;

use etwatch_event::clock::{Clock, SystemClock};
use etwatch_rules::load::LoadOptions;

use crate::commands::{DONE, FAILED, NOTHING_TESTED, USAGE, check};
use crate::config::{Config, WORKERS};
use crate::rule_tests::find::find;
use crate::rule_tests::report::{Form, Run, list};
use crate::rule_tests::rules::{Places, Rules, files};
use crate::rule_tests::{Test, read_tests, run};
use crate::terminal;

/// Run the tests of rules
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch test                                  the tests beside the rules in rules/
  etwatch test rules/new.yml                    those of one rule
  etwatch test --filter lsass                   those with `lsass` in their names
  etwatch test regression_data --rules rules    SigmaHQ's cases: info.yml beside recordings
  etwatch test --require-tests --format junit > tests.xml

A test of the rule NAME.yml is a case in NAME.test.yaml beside it:
  cases:
    - match: reg.exe saves SAM
      events:
        - {EventID: 1, Provider_Name: Microsoft-Windows-Sysmon,
           Image: 'C:\\Windows\\System32\\reg.exe', CommandLine: 'reg save HKLM\\SAM s.hiv'}
    - no-match: an office day
      fixture: ../../fixtures/benign/office-day.jsonl

Exit status: 0 all passed; 1 a test failed, or with --require-tests a rule has none; 2 wrong
usage, or a path or a file of tests can't be read (the rest was run); 4 nothing was tested.")]
pub(crate) struct RunTests {
    /// Files or folders of tests, and of the rules beside them [default: rules]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Further files or folders of rules; may be repeated
    #[arg(long, value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Run only tests with this text in their names
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Print the names of the tests and run none
    #[arg(long)]
    list: bool,
    /// Form of the outcomes
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    /// Fail if a rule has no test
    #[arg(long)]
    require_tests: bool,
    /// Worker threads; the outcomes are the same for any number [default: one a processor]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=i64::from(WORKERS)))]
    workers: Option<u16>,
    /// Load rules whose status is `deprecated` or `unsupported` too
    #[arg(long)]
    include_deprecated: bool,
}

/// The tests, and whether something that was named could not be read.
struct Tests {
    all: Vec<Test>,
    rules: Rules,
    unreadable: bool,
}

impl RunTests {
    /// Runs the tests; the result is the exit status.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        let outcome = self.find(config).and_then(|tests| self.run_found(tests, config));
        outcome.unwrap_or_else(|(status, message)| {
            terminal::error(&message);
            status
        })
    }

    /// Finds and reads the tests and their rules; tells what can't be read.
    fn find(&self, config: &Config) -> Result<Tests, (u8, String)> {
        let paths = config.rule_paths(&self.paths);
        let mut found = find(&paths);
        let (all, problems) = read_tests(&found);
        let mut unreadable = std::mem::take(&mut found.unreadable);
        let places = Places { tests: &paths, named: &self.rules, usual: config.rule_paths(&[]) };
        let files = files(&found, &all, &places, &mut unreadable);
        let files = files.map_err(|message| (USAGE, message))?;
        let options = LoadOptions {
            placeholders: config.placeholders(),
            include_deprecated: self.include_deprecated,
            examine: None,
        };
        let rules = Rules::load(&files, &options).map_err(|error| (FAILED, error.to_string()))?;
        unreadable.extend(rules.loaded.unreadable.iter().map(|(path, error)| {
            let same = std::io::Error::new(error.kind(), error.to_string());
            (path.clone(), same)
        }));
        terminal::unreadable(&unreadable);
        let blocks: Vec<_> = problems.iter().map(check::text_block).collect();
        if !blocks.is_empty() {
            terminal::note(&blocks.join("\n\n"));
        }
        Ok(Tests { all, rules, unreadable: !unreadable.is_empty() || !problems.is_empty() })
    }

    fn run_found(&self, tests: Tests, config: &Config) -> Result<u8, (u8, String)> {
        let Tests { all, rules, unreadable } = tests;
        let clock = SystemClock::start();
        let untested = run::untested(&all, &rules);
        let count = all.len();
        let chosen: Vec<_> = all.into_iter().filter(|test| self.is_chosen(test)).collect();
        let filtered_out = count - chosen.len();
        if self.list {
            let printed = terminal::print(&list(&chosen));
            return Ok(status(!printed, unreadable, chosen.len()));
        }
        let workers = self.workers.map(usize::from).or(config.workers).unwrap_or(0);
        let outcomes = run::run(&chosen, &rules, workers);
        let mut outcomes = outcomes.map_err(|error| (FAILED, error.to_string()))?;
        if self.require_tests {
            outcomes.extend(run::untested_as_failures(&untested));
        }
        let run = Run {
            outcomes: &outcomes,
            filtered_out,
            rules: rules.all().filter(|one| rules.is_visible(*one)).count(),
            untested: &untested,
            duration: clock.elapsed(),
        };
        let printed = terminal::print(&run.show(self.format));
        terminal::note(&run.coverage());
        let refused = rules.loaded.refused;
        if refused > 0 {
            terminal::note(&format!("{refused} documents were refused; `etwatch check` tells why"));
        }
        Ok(status(!printed || run.failed() > 0, unreadable, outcomes.len()))
    }

    fn is_chosen(&self, test: &Test) -> bool {
        self.filter.as_ref().is_none_or(|text| test.name().contains(text))
    }
}

/// The exit status of a run of so many tests.
fn status(failed: bool, unreadable: bool, count: usize) -> u8 {
    if unreadable {
        USAGE
    } else if failed {
        FAILED
    } else if count == 0 {
        terminal::error("nothing was tested: there is no test, or none with that name");
        NOTHING_TESTED
    } else {
        DONE
    }
}

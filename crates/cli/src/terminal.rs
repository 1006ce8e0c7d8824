//! What a person sees: messages, progress, the summary. All of it goes to standard error, so that
//! standard output holds alerts alone. A service has no terminal: there it goes to the log ([`own_log`]).

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::size;
use anstyle::{AnsiColor, Style};
use etwatch_alert::pretty::{escape, harmless, level_style};
use etwatch_capture::source::Location;
use etwatch_engine::run::FileCounts;
use etwatch_engine::{Observer, Progress, Report};
use etwatch_event::{Ledger, ProviderCounts};
use etwatch_rules::Level;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::own_log;

/// Whether messages go to the log, since there is nobody at standard error.
static IS_UNWATCHED: AtomicBool = AtomicBool::new(false);

/// Log sources shown in the summary; `--summary` has all.
const SOURCES_SHOWN: usize = 8;
/// Tables shown in the summary.
const TABLES_SHOWN: usize = 3;
/// Rules shown in the summary.
const RULES_SHOWN: usize = 10;

/// What is said of a ledger that is not balanced.
pub(crate) const UNBALANCED: &str = "the counts of the summary do not add up, so records may be missing \
    from the results; this is a fault of etwatch: please report it";

/// Prints to standard output; false if that is no longer possible.
pub(crate) fn print(text: &str) -> bool {
    let mut out = anstream::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.is_ok() || written.is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// From now on messages go to the log, if there is one.
pub(crate) fn nobody_watches() {
    IS_UNWATCHED.store(true, Ordering::Relaxed);
}

fn tell(text: &str) {
    if IS_UNWATCHED.load(Ordering::Relaxed)
        && own_log::tell(&anstream::adapter::strip_str(text).to_string())
    {
        return;
    }
    // If standard error is gone there is nobody left to tell.
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// An error message; what could act on the terminal is shown by its code, its lines stay.
pub(crate) fn error(message: &str) {
    let style = AnsiColor::Red.on_default().bold();
    let lines: Vec<_> = message.split('\n').map(escape).collect();
    tell(&format!("{style}error{style:#}: {}\n", lines.join("\n")));
}

/// Files and folders of rules that could not be read.
pub(crate) fn unreadable(found: &[(PathBuf, std::io::Error)]) {
    for (path, what) in found {
        error(&format!("{}: {what}", escape(&path.to_string_lossy())));
    }
}

/// A message that is no error.
pub(crate) fn note(message: &str) {
    tell(&format!("{message}\n"));
}

/// The progress bar; nothing where standard error is no terminal.
pub(crate) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    /// A bar over the bytes of the inputs.
    pub(crate) fn new(inputs: &[Location], quiet: bool) -> Self {
        let size = |input: &Location| match input {
            Location::File(path) => std::fs::metadata(path).map_or(0, |data| data.len()),
            Location::Stdin => 0,
            Location::Text { text, .. } => text.len() as u64,
        };
        let total = inputs.iter().map(size).sum();
        let visible = !quiet && std::io::stderr().is_terminal();
        let target =
            if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let form = "{bar:30} {bytes}/{total_bytes}  {msg}  {eta}";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        Self { bar }
    }
    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// What is being done, where a person looks on; nothing where standard error is no terminal.
pub(crate) struct Doing(ProgressBar);

impl Doing {
    pub(crate) fn new(quiet: bool) -> Self {
        let visible = !quiet && std::io::stderr().is_terminal();
        let target =
            if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        Self(bar)
    }
    /// Shows what is done now.
    pub(crate) fn tell(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }
    /// Takes it away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Observer for Bar {
    fn progress(&mut self, progress: Progress) {
        self.bar.set_position(progress.bytes);
        self.bar.set_message(format!("{} events, {} alerts", progress.events, progress.alerts));
    }
}

/// Input that could not be read, damage, undelivered alerts.
pub(crate) fn troubles(report: &Report) {
    for message in &report.unreadable {
        error(&harmless(message));
    }
    for (file, damage) in &report.damage {
        let (file, detail) = (harmless(file), harmless(&damage.detail));
        let style = AnsiColor::Yellow.on_default().bold();
        let (reason, offset) = (damage.reason, damage.offset);
        tell(&format!("{style}damaged{style:#}: {file}, byte {offset}: {reason}: {detail}\n"));
    }
    if let Some(state) = &report.state {
        if let Some(problem) = &state.problem {
            error(&harmless(problem));
        }
        for correlation in &state.left_out {
            let name = harmless(correlation);
            note(&format!("the windows of `{name}` begin anew: it is gone or says something else"));
        }
    }
    for (sink, (alerts, what)) in &report.undelivered {
        error(&format!("{sink} did not take {alerts} alerts: {}", harmless(what)));
    }
}

fn push_line(text: &mut String, name: &str, content: &str) {
    let bold = Style::new().bold();
    text.push_str(&format!("{bold}{name:9}{bold:#} {content}\n"));
}

/// The summary of a run that only read; `evaluated` are the events that were shown.
pub(crate) fn reading_summary(report: &Report, passed_over: u64) {
    let mut text = String::new();
    push_line(&mut text, "Events", &events(report, "shown"));
    push_line(&mut text, "Inputs", &inputs(report, passed_over));
    tell(&text);
}

/// The summary of a conversion; `evaluated` are the events that were written.
pub(crate) fn writing_summary(report: &Report) {
    let mut text = String::new();
    push_line(&mut text, "Events", &events(report, "written"));
    push_line(&mut text, "Inputs", &inputs(report, 0));
    tell(&text);
}

/// What is said of a run that was stopped after so many events.
pub(crate) fn stopped(shown: u64) {
    let mut text = String::new();
    push_line(&mut text, "Events", &format!("{shown} shown, then stopped (--limit)"));
    tell(&text);
}

fn inputs(report: &Report, passed_over: u64) -> String {
    let (read, all) = report.inputs;
    let mut inputs = format!("{read} of {all} read");
    for (shape, count) in &report.shapes {
        inputs.push_str(&format!("; {}: {count}", shape.name()));
    }
    if passed_over > 0 {
        inputs.push_str(&format!("; {passed_over} other files passed over"));
    }
    inputs
}

/// The summary of a run.
pub(crate) fn summary(report: &Report, passed_over: u64) {
    let mut text = String::new();
    let mut line = |name: &str, content: &str| push_line(&mut text, name, content);
    line("Events", &events(report, "evaluated"));
    line("Inputs", &inputs(report, passed_over));
    let mut sources: Vec<_> = report.events.iter().collect();
    sources.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    let shown = sources.iter().take(SOURCES_SHOWN).map(|(name, count)| format!("{name} {count}"));
    let mut shown: Vec<_> = shown.collect();
    if sources.len() > SOURCES_SHOWN {
        shown.push(format!("{} more", sources.len() - SOURCES_SHOWN));
    }
    line("Sources", &shown.join(", "));
    let refused = match report.rules.refused {
        0 => String::new(),
        refused => format!(", {refused} documents refused (`etwatch check` tells why)"),
    };
    let correlations = match report.rules.correlations {
        0 => String::new(),
        count => format!(", {count} correlations"),
    };
    line("Rules", &format!("{} loaded{correlations}{refused}", report.rules.loaded));
    line("Memory", &memory(report));
    if let Some(counts) = report.files.filter(|counts| counts.asked + counts.not_asked > 0) {
        line("Files", &files(&counts));
    }
    line("Alerts", &alerts(report));
    tell(&text);
    top_rules(report);
}

/// What the host was asked about files.
fn files(counts: &FileCounts) -> String {
    let FileCounts { asked, answered, from_cache, late, refused, failed, not_asked } = counts;
    format!(
        "{asked} asked about = {answered} answered + {late} late + {refused} refused + {failed} failed; \
         {from_cache} known from before; {not_asked} not asked about"
    )
}

/// How much was remembered at the end, and by which tables most.
fn memory(report: &Report) -> String {
    let memory = &report.memory;
    let mut tables: Vec<_> = memory.tables.iter().filter(|(_, table)| table.bytes > 0).collect();
    tables.sort_by_key(|(_, table)| std::cmp::Reverse(table.bytes));
    let shown = tables.iter().take(TABLES_SHOWN);
    let mut shown: Vec<_> =
        shown.map(|(name, table)| format!("{name} {}", size::shown(table.bytes))).collect();
    if tables.len() > TABLES_SHOWN {
        shown.push(format!("{} more", tables.len() - TABLES_SHOWN));
    }
    let (bytes, limit) = (size::shown(memory.bytes()), size::shown(memory.limit));
    format!("{bytes} of {limit}: {}", shown.join(", "))
}

fn events(report: &Report, evaluated: &str) -> String {
    let ledger = &report.ledger;
    let mut parts = vec![format!("{} read = {} {evaluated}", ledger.read, ledger.evaluated)];
    for (what, counts) in [
        ("skipped", &ledger.skipped),
        ("undecodable", &ledger.undecodable),
        ("filtered", &ledger.filtered),
        ("dropped", &ledger.dropped),
    ] {
        let reasons: Vec<_> = counts.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
        if !reasons.is_empty() {
            let sum: u64 = counts.values().sum();
            parts.push(format!("+ {sum} {what} ({})", reasons.join(", ")));
        }
    }
    parts.extend(beside(ledger, "bookkeeping", ledger.bookkeeping, |of| of.bookkeeping));
    parts.extend(beside(ledger, "joined", ledger.joined, |of| of.joined));
    if ledger.derived > 0 {
        parts.push(format!("({} derived)", ledger.derived));
    }
    if ledger.known_good > 0 {
        parts.push(format!("({} known-good contacts left out)", ledger.known_good));
    }
    if ledger.late > 0 {
        parts.push(format!("({} late)", ledger.late));
    }
    for (reason, count) in &ledger.unexplained {
        parts.push(format!("({count} with their payload as bytes: {reason})"));
    }
    for (what, count) in [("events", ledger.events_lost), ("buffers", ledger.buffers_lost)] {
        if count > 0 {
            parts.push(format!("({count} {what} lost before they were recorded)"));
        }
    }
    for (what, count) in &ledger.unseen {
        parts.push(format!("({count} {what})"));
    }
    for (what, count) in &ledger.forgotten {
        parts.push(format!("({count} {what} forgotten for want of room)"));
    }
    for (what, count) in &ledger.incomplete {
        parts.push(format!("({count} {what} incomplete)"));
    }
    if !ledger.is_balanced() {
        parts.push("— which does not add up: a fault of etwatch".to_owned());
    }
    parts.join(" ")
}

/// How many records became no event of their own for this reason, and whose they were.
fn beside(
    ledger: &Ledger,
    what: &str,
    count: u64,
    of: fn(&ProviderCounts) -> u64,
) -> Option<String> {
    let mut providers: Vec<_> =
        ledger.by_provider.iter().map(|(name, all)| (name, of(all))).collect();
    providers.retain(|(_, count)| *count > 0);
    providers.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let known: u64 = providers.iter().map(|(_, count)| count).sum();
    let mut names: Vec<_> =
        providers.iter().map(|(name, count)| format!("{} {count}", harmless(name))).collect();
    if !names.is_empty() && count > known {
        names.push(format!("schemas and headers {}", count - known));
    }
    let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    (count > 0).then(|| format!("+ {count} {what}{names}"))
}

fn alerts(report: &Report) -> String {
    let levels = Level::ALL.iter().rev().map(|level| level.name()).chain(["none"]);
    let counts: Vec<_> = levels
        .filter_map(|level| report.alerts.get(level).map(|count| (level, count)))
        .map(|(level, count)| {
            let style = level_style(Some(level));
            format!("{style}{level}{style:#} {count}")
        })
        .collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}

/// The rules with the gravest and most alerts.
fn top_rules(report: &Report) {
    let mut rules: Vec<_> = report.rule_alerts.values().collect();
    rules.sort_by_key(|rule| {
        (std::cmp::Reverse((Level::parse(&rule.level), rule.count)), rule.title.clone())
    });
    let mut text = String::new();
    for rule in rules.iter().take(RULES_SHOWN) {
        let style = level_style(Some(&rule.level));
        let title = harmless(&rule.title);
        text.push_str(&format!("  {:6} {style}{:13}{style:#} {title}\n", rule.count, rule.level));
    }
    if rules.len() > RULES_SHOWN {
        text.push_str(&format!("         and {} more rules\n", rules.len() - RULES_SHOWN));
    }
    tell(&text);
}

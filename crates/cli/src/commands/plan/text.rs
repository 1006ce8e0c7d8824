//! A plan for people: what is asked for, what it costs, who needs it, and which rules can't fire.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use etwatch_alert::pretty::escape;
use etwatch_capture::live::{ProcessSelector, ProviderSettings, SessionKind, SessionSettings};
use etwatch_engine::live_plan::{Cost, Fate, Place, PlannedRule, PlannedSource, SessionRole};

use super::Shown;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The plan as text.
pub(super) fn write(shown: &Shown<'_>) -> String {
    let Shown { plan, conditions, .. } = shown;
    let sysmon = if conditions.sysmon { " with Sysmon" } else { "" };
    let mut text = format!("{BOLD}Windows build {}{sysmon}{BOLD:#}\n", conditions.os_build);
    for role in SessionRole::ALL {
        let sources: Vec<_> = of(shown, Place::Session(role)).collect();
        let Some(session) = session_of(shown, role, &sources) else { continue };
        text.push_str(&format!("\n{BOLD}session {}{BOLD:#}: {}\n", session.name, setup(session)));
        for source in sources {
            let settings = session.providers.iter().find(|it| it.name == source.name);
            text.push_str(&source_text(shown, source, settings));
        }
    }
    let mut channels = of(shown, Place::Channel).peekable();
    if channels.peek().is_some() {
        text.push_str(&format!("\n{BOLD}channels of the event log{BOLD:#}\n"));
        channels.for_each(|source| text.push_str(&source_text(shown, source, None)));
    }
    text.push_str(&rules(shown));
    for note in &plan.notes {
        text.push_str(&format!("\nnote: {}\n", escape(note)));
    }
    text
}

fn of<'a>(shown: &'a Shown<'_>, place: Place) -> impl Iterator<Item = &'a PlannedSource> {
    shown.plan.sources.iter().filter(move |source| source.place == place)
}

/// The session of a role: the one that has its sources.
fn session_of<'a>(
    shown: &'a Shown<'_>,
    role: SessionRole,
    sources: &[&PlannedSource],
) -> Option<&'a SessionSettings> {
    let has = |session: &&SessionSettings| match (session.kind, role) {
        (SessionKind::System { .. }, role) => role == SessionRole::System,
        (SessionKind::User, _) => {
            let is_there = |name: &str| session.providers.iter().any(|it| it.name == name);
            sources.iter().any(|source| is_there(&source.name))
        }
    };
    shown.plan.sessions.iter().find(has)
}

fn setup(session: &SessionSettings) -> String {
    let buffers = session.buffers;
    let flags = match session.kind {
        SessionKind::System { flags } => format!("system logger, flags {flags:#x}, "),
        SessionKind::User => String::new(),
    };
    let drops = if session.may_drop { "may be dropped from" } else { "never dropped from" };
    let mut text = format!(
        "{flags}{} to {} buffers of {} KB, handed on after {} ms, {drops}",
        buffers.minimum,
        buffers.maximum,
        buffers.kilobytes,
        buffers.flush.as_millis()
    );
    for (what, selectors) in [("only", &session.only_processes), ("not", &session.not_processes)] {
        if !selectors.is_empty() {
            let names: Vec<_> = selectors.iter().map(process).collect();
            text.push_str(&format!(", {what} {}", names.join(", ")));
        }
    }
    text
}

fn process(selector: &ProcessSelector) -> String {
    match selector {
        ProcessSelector::Id(id) => format!("process {id}"),
        ProcessSelector::Image(name) => escape(name),
    }
}

/// A source: its settings, what it costs, who needs it.
fn source_text(
    shown: &Shown<'_>,
    source: &PlannedSource,
    settings: Option<&ProviderSettings>,
) -> String {
    let cost = match source.cost {
        Some(Cost::Noisy) => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    };
    let word = source.cost.map_or("cost unknown", Cost::name);
    let name = escape(&source.name);
    let mut text = format!("  {BOLD}{name}{BOLD:#}  {cost}{word}{cost:#}, {}\n", needed(source));
    let mut asked = Vec::new();
    if let Some(settings) = settings {
        let any = match settings.any {
            0 => "all keywords".to_owned(),
            any => format!("keywords {any:#x}"),
        };
        asked.push(any);
        asked.push(format!("level {}", settings.level));
    }
    let numbers =
        if matches!(source.place, Place::Session(SessionRole::System)) { "opcodes" } else { "ids" };
    asked.push(match source.ids.as_slice() {
        [] => "all ids".to_owned(),
        ids => format!("{numbers} {}", runs(ids)),
    });
    if settings.is_some_and(|settings| settings.capture_state) {
        asked.push("asked for what runs already".to_owned());
    }
    if settings.is_some_and(|settings| settings.filter.is_some()) {
        asked.push("with a filter".to_owned());
    }
    text.push_str(&format!("      {}\n", asked.join(", ")));
    if let Some(note) = &source.note {
        text.push_str(&format!("      {DIM}{}{DIM:#}\n", escape(note)));
    }
    if shown.names {
        for rule in source.rules.iter().filter_map(|index| shown.plan.rules.get(*index)) {
            text.push_str(&format!("      - {}\n", escape(&rule.title)));
        }
    }
    text
}

fn needed(source: &PlannedSource) -> String {
    let mut parts = Vec::new();
    match source.rules.len() {
        0 => {}
        1 => parts.push("1 rule".to_owned()),
        count => parts.push(format!("{count} rules")),
    }
    parts.extend(source.purposes.iter().map(|purpose| escape(purpose)));
    parts.join("; ")
}

/// Numbers with dashes for runs of three and more.
fn runs(ids: &[u16]) -> String {
    let text = |run: &[u16]| match run {
        [first, _, .., last] => format!("{first}-{last}"),
        few => few.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    };
    let runs = ids.chunk_by(|one, next| one.checked_add(1) == Some(*next)).map(text);
    runs.collect::<Vec<_>>().join(" ")
}

/// How many rules can fire, and the others by reason.
fn rules(shown: &Shown<'_>) -> String {
    let rules = &shown.plan.rules;
    let count = |is: fn(&Fate) -> bool| rules.iter().filter(|rule| is(&rule.fate)).count();
    let whole = count(|fate| matches!(fate, Fate::Whole));
    let partly = count(|fate| matches!(fate, Fate::Partly(_)));
    let never = count(|fate| matches!(fate, Fate::Never { .. }));
    let mut text = format!(
        "\n{BOLD}rules{BOLD:#}: {} can fire, {partly} of them in part; {never} can't\n",
        whole + partly
    );
    for rule in rules.iter().filter(|_| shown.names) {
        if let Fate::Partly(missing) = &rule.fate {
            let missing: Vec<_> = missing.iter().map(|name| escape(name)).collect();
            let (title, missing) = (escape(&rule.title), missing.join(", "));
            text.push_str(&format!("        - {title}: without {missing}\n"));
        }
    }
    let mut by_reason: BTreeMap<String, Vec<&PlannedRule>> = BTreeMap::new();
    for (rule, missing, why) in shown.plan.impossible() {
        by_reason.entry(reason(missing, why)).or_default().push(rule);
    }
    let mut reasons: Vec<_> = by_reason.into_iter().collect();
    reasons.sort_by_key(|(_, rules)| std::cmp::Reverse(rules.len()));
    for (reason, rules) in reasons {
        text.push_str(&format!("  {:4}  {}\n", rules.len(), escape(&reason)));
        if shown.names || rules.len() == 1 {
            for rule in rules {
                text.push_str(&format!("        - {}\n", escape(&rule.title)));
            }
        }
    }
    text
}

/// Why rules can't fire: what they lack first.
fn reason(missing: &[String], why: &str) -> String {
    if missing.is_empty() {
        return why.to_owned();
    }
    let names: Vec<_> = missing.iter().map(|name| format!("`{name}`")).collect();
    format!("{} not there: {why}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::runs;

    #[test]
    fn runs_of_three_and_more_are_written_as_ranges() {
        assert_eq!(runs(&[1, 2, 4, 5, 6, 9, u16::MAX]), "1 2 4-6 9 65535");
        assert_eq!(runs(&[]), "");
    }
}

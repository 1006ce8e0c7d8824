//! Rules and tables, loaded and numbered for each other.
//!
//! Order matters: rules name fields, the taxonomy adds layouts and log-source sets, and only then is
//! the vocabulary complete and the rules can be routed. After that nothing changes any more and all
//! workers share it.

use std::path::PathBuf;
use std::sync::Arc;

use etwatch_correlate::Plan;
use etwatch_event::field::ANCESTORS;
use etwatch_event::{FieldTable, LayoutId, LogSourceSetId, Vocabulary};
use etwatch_normalise::{Normaliser, Table, TableError, Taxonomy};
use etwatch_rules::load::{LoadOptions, Loaded, load};
use etwatch_rules::sigma::Correlation;
use etwatch_rules::sigma::detection::Target;
use etwatch_rules::{Level, Rule, RuleIndex, RuleSet};
use etwatch_state::flows::KnownGood;
use etwatch_state::{Ancestors, Derivation, DerivedKind, Facts, NeededFacts, Outline, Wanted};

use crate::endpoints::{self, EndpointsError};

/// Why a run could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A built-in table is malformed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The built-in table of live sources is malformed.
    #[error(transparent)]
    LiveTable(#[from] crate::live_plan::LiveTableError),
    /// The built-in list of known-good endpoints is malformed.
    #[error(transparent)]
    Endpoints(#[from] EndpointsError),
    /// The pool of workers could not be made.
    #[error("cannot start the workers: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// A worker ended before its work did; the reason was printed by it.
    #[error("a worker failed while {0}; this is a fault of etwatch")]
    WorkerFailed(&'static str),
    /// Who watched the run wanted no more of it.
    #[error("the run was stopped")]
    Stopped,
    /// An alert could not be delivered.
    #[error(transparent)]
    Sink(#[from] etwatch_alert::SinkError),
}

/// Everything that stays the same during a run.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Names, layouts, log-source sets.
    pub vocabulary: Arc<Vocabulary>,
    /// Which event is what.
    pub taxonomy: Arc<Taxonomy>,
    /// What the memory of hosts has to know of the vocabulary.
    pub outline: Arc<Outline>,
    /// The rules, routed.
    pub rules: Arc<RuleSet>,
    /// The correlations over their matches.
    pub correlations: Arc<Plan>,
    /// The sets of log sources, by number, of which some rule asks; the fields of other events are left out,
    /// unless the memory of their host needs them. None: all fields are kept.
    needed: Option<Arc<[bool]>>,
    /// All events that can be derived.
    derivable: Derivation,
    /// Whether somebody besides rules asks for derived events.
    tells_derived: bool,
}

impl Engine {
    /// Loads the rules under `paths`; what is wrong with them is in the second part of the result,
    /// whose rules have moved to the engine.
    ///
    /// # Errors
    /// [`EngineError::Table`] if a built-in table is malformed.
    pub fn load(
        paths: &[PathBuf],
        options: &LoadOptions,
        min_level: Option<Level>,
    ) -> Result<(Self, Loaded), EngineError> {
        let mut vocabulary = Vocabulary::default();
        let mut loaded = load(paths, options, &mut vocabulary.fields);
        let (rules, correlations) = (loaded.rules.split_off(0), loaded.correlations.clone());
        let engine = Self::new(rules, correlations, vocabulary, min_level)?;
        Ok((engine, loaded))
    }

    /// An engine of rules, and correlations over them, whose fields are numbered in `vocabulary`; what is below
    /// `min_level` is left out, a rule without a level counting as informational, unless a correlation that is
    /// not needs it.
    ///
    /// # Errors
    /// [`EngineError::Table`] if a built-in table is malformed.
    pub fn new(
        rules: Vec<Rule>,
        correlations: Vec<Correlation>,
        mut vocabulary: Vocabulary,
        min_level: Option<Level>,
    ) -> Result<Self, EngineError> {
        let taxonomy = Taxonomy::compile(&Table::built_in()?, &mut vocabulary)?;
        let outline = Arc::new(Outline::new(&mut vocabulary));
        let (rules, correlations) = rule_set(rules, correlations, &vocabulary, min_level);
        let derivable = Derivation {
            flows: derived_kind("network_flow", &taxonomy, &vocabulary),
            beacons: derived_kind("beacon", &taxonomy, &vocabulary),
            known_good: Arc::new(endpoints::built_in()?),
        };
        let (vocabulary, taxonomy) = (Arc::new(vocabulary), Arc::new(taxonomy));
        let needed = Some(needed(&rules, &vocabulary));
        let tells_derived = false;
        Ok(Self {
            vocabulary,
            taxonomy,
            outline,
            rules,
            correlations,
            needed,
            derivable,
            tells_derived,
        })
    }

    /// The same for somebody who wants to see the events themselves: the fields of events of which no rule asks
    /// are kept as well.
    #[must_use]
    pub fn with_all_fields(self) -> Self {
        Self { needed: None, ..self }
    }

    /// The same for somebody who wants to see derived events themselves: they are made though no rule asks.
    #[must_use]
    pub fn with_derived(self) -> Self {
        Self { tells_derived: true, ..self }
    }

    /// The same with another list of known-good endpoints, of which nothing is derived.
    #[must_use]
    pub fn with_known_good(mut self, known_good: KnownGood) -> Self {
        self.derivable.known_good = Arc::new(known_good);
        self
    }

    /// The events that are to be derived: those whose log source some rule names, or all if somebody else asks.
    #[must_use]
    pub fn derivation(&self) -> Derivation {
        // A rule for all of Windows applies to them as well, but is no reason to make them.
        let names_it = |rule: &Rule| rule.log_source.category.is_some();
        let is_asked = |kind: &DerivedKind| {
            let applying = self.rules.applying(kind.sources).iter();
            let mut rules = applying.filter_map(|index| self.rules.get(*index));
            self.tells_derived || rules.any(names_it)
        };
        Derivation {
            flows: self.derivable.flows.filter(is_asked),
            beacons: self.derivable.beacons.filter(is_asked),
            known_good: Arc::clone(&self.derivable.known_good),
        }
    }

    /// What a derived event with this layout is called, if somebody besides rules asks for such events.
    pub(crate) fn told_as(&self, layout: LayoutId) -> Option<&'static str> {
        let is = |kind: Option<DerivedKind>| kind.is_some_and(|kind| kind.layout == layout);
        let Derivation { flows, beacons, .. } = self.derivable;
        match () {
            () if !self.tells_derived => None,
            () if is(flows) => Some("network_flow"),
            () if is(beacons) => Some("beacon"),
            () => None,
        }
    }

    /// A normaliser that keeps what this engine needs.
    #[must_use]
    pub fn normaliser(&self) -> Normaliser {
        let (taxonomy, vocabulary) = (Arc::clone(&self.taxonomy), Arc::clone(&self.vocabulary));
        Normaliser::new(taxonomy, vocabulary).only(self.needed.clone())
    }

    /// What rules and correlations ask of the memory of hosts.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        Wanted {
            ancestors: self.ancestors(),
            lineages: !self.correlations.is_empty(),
            needed: self.needed_facts(),
            facts: self.facts(),
        }
    }

    /// Which events are to tell their ancestors: those that a rule is about which names them, or a correlation
    /// over it does.
    fn ancestors(&self) -> Option<Ancestors> {
        let Self { rules, correlations, vocabulary, .. } = self;
        let field = vocabulary.fields.id(ANCESTORS)?;
        let is_of_it = |atom| {
            let target = rules.atoms().get(atom).map(|atom| atom.target);
            matches!(target, Some(Target::Field(id)) if id == field)
        };
        let names_it = |rule: &RuleIndex| {
            let mut names = correlations.looks_at(*rule, field);
            if let Some(expression) = rules.expression(*rule) {
                expression.atoms(&mut |atom| names |= is_of_it(atom));
            }
            names
        };
        let sets = (0..vocabulary.sets().len()).filter_map(LogSourceSetId::from_index);
        let of = sets.map(|set| rules.applying(set).iter().any(names_it)).collect();
        Some(Ancestors { field, of })
    }

    /// The facts of files of which a rule asks.
    fn needed_facts(&self) -> NeededFacts {
        let Self { rules, vocabulary, .. } = self;
        let mut needed = NeededFacts::default();
        for set in (0..vocabulary.sets().len()).filter_map(LogSourceSetId::from_index) {
            let applying = rules.applying(set).iter();
            for expression in applying.filter_map(|rule| rules.expression(*rule)) {
                expression.atoms(&mut |atom| {
                    if let Some(Target::Field(field)) = rules.atoms().get(atom).map(|it| it.target)
                    {
                        needed.add(set, vocabulary.fields.name(field));
                    }
                });
            }
        }
        needed
    }

    /// The facts of processes that a rule or table names; they are told to events of which some rule asks.
    fn facts(&self) -> Facts {
        Facts::named(&self.vocabulary.fields, self.needed.clone())
    }

    /// The same with other rules, whose fields are numbered in `fields`: the table of this engine, or
    /// one that grew from it.
    #[must_use]
    pub(crate) fn with_rules(
        &self,
        rules: Vec<Rule>,
        correlations: Vec<Correlation>,
        fields: FieldTable,
        min_level: Option<Level>,
    ) -> Self {
        let vocabulary = if fields.len() == self.vocabulary.fields.len() {
            Arc::clone(&self.vocabulary)
        } else {
            let mut grown = Vocabulary::clone(&self.vocabulary);
            grown.fields = fields;
            Arc::new(grown)
        };
        let (rules, correlations) = rule_set(rules, correlations, &vocabulary, min_level);
        let needed = self.needed.as_ref().map(|_| needed(&rules, &vocabulary));
        Self { vocabulary, rules, correlations, needed, ..self.clone() }
    }
}

/// The events of a category, of which the tables have one kind.
fn derived_kind(
    category: &str,
    taxonomy: &Taxonomy,
    vocabulary: &Vocabulary,
) -> Option<DerivedKind> {
    let is_of = |sources: LogSourceSetId| {
        let members = vocabulary.log_sources(sources);
        members.iter().any(|member| member.category.as_deref() == Some(category))
    };
    let kind = taxonomy.kinds().find(|kind| is_of(kind.sources))?;
    Some(DerivedKind { layout: kind.layout, sources: kind.sources })
}

/// Of which sets of log sources some rule asks.
fn needed(rules: &RuleSet, vocabulary: &Vocabulary) -> Arc<[bool]> {
    let sets = (0..vocabulary.sets().len()).filter_map(LogSourceSetId::from_index);
    sets.map(|set| !rules.applying(set).is_empty()).collect()
}

fn rule_set(
    rules: Vec<Rule>,
    correlations: Vec<Correlation>,
    vocabulary: &Vocabulary,
    min_level: Option<Level>,
) -> (Arc<RuleSet>, Arc<Plan>) {
    let (rules, plan) = Plan::new(rules, correlations, min_level, &vocabulary.fields);
    (Arc::new(RuleSet::new(rules, vocabulary)), Arc::new(plan))
}

//! The picks of a rule.
//!
//! A rule of a category is told of the same act by several: only the best are taken, since each further one would
//! give the same alert again. A rule of a service means one log, so that each kind of its events is taken from
//! whoever tells it best. Where a rule's condition needs one of some ids, no other ids are asked for.

use std::collections::{BTreeMap, BTreeSet};

use etwatch_event::{FieldId, LogSource};
use etwatch_rules::compile::expression::Expression;
use etwatch_rules::lint::reach::{KindReach, Reach, Reaches};
use etwatch_rules::sigma::detection::Target;
use etwatch_rules::sigma::value::{Number, Test};
use etwatch_rules::{Rule, RuleIndex};

use super::joins::{Tested, best};
use super::picks::{Picks, Wisher};
use super::sources::{Candidate, Here, Teller};
use super::{Fate, PlannedRule, correlations};
use crate::engine::Engine;

/// The rules with their fates, and what was left out for its price.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) rules: Vec<PlannedRule>,
    /// By the place of the provider and the id: the rules for which it was left out.
    pub(super) spared: BTreeMap<(usize, u16), BTreeSet<usize>>,
}

/// Picks what the rules of an engine need.
pub(super) fn all(here: &Here<'_>, engine: &Engine, picks: &mut Picks) -> Chosen {
    let fields = &engine.vocabulary.fields;
    let reaches = Reaches::new(&engine.rules, fields, &here.events);
    let mut chooser = Chooser { here, engine, reaches, spared: BTreeMap::new() };
    let tested = chooser.tested();
    let mut rules = Vec::new();
    for (number, (rule, tested)) in engine.rules.rules().iter().zip(&tested).enumerate() {
        let Some(index) = RuleIndex::from_index(number) else { continue };
        let fate = chooser.choose(index, rule, tested, picks);
        if !matches!(fate, Fate::Never { .. }) {
            here.pick_facts(tested, number, picks);
        }
        rules.push(PlannedRule {
            identity: rule.identity().into_owned(),
            title: rule.attributes.title.clone(),
            log_source: rule.log_source.to_string(),
            file: rule.file.clone(),
            line: rule.line,
            fate,
        });
    }
    let spared = chooser.spared;
    correlations::add(&engine.correlations, &mut rules, picks);
    Chosen { rules, spared }
}

struct Chooser<'a> {
    here: &'a Here<'a>,
    engine: &'a Engine,
    reaches: Reaches<'a>,
    spared: BTreeMap<(usize, u16), BTreeSet<usize>>,
}

/// A kind that a rule can match, and who tells it.
struct Told<'a> {
    reach: &'a KindReach,
    candidates: Vec<Candidate>,
    /// Whether it is what no row has.
    is_rest: bool,
}

impl Chooser<'_> {
    fn choose(
        &mut self,
        index: RuleIndex,
        rule: &Rule,
        tested: &Tested,
        picks: &mut Picks,
    ) -> Fate {
        let (named, is_bound) = self.bounds(index);
        let source = &rule.log_source;
        let is_known = !matches!(self.reaches.of(index), Reach::Unknown);
        if source.category.is_none() && source.service.is_none() && is_known && !is_bound {
            return self.watch_all(index, picks);
        }
        let each = self.reaches.each(index);
        let is_open = |kind: &&KindReach| !matches!(kind.reach, Reach::Never(..) | Reach::Unknown);
        if !each.iter().any(|kind| is_open(&kind)) {
            return self.never(index, source, &each);
        }
        let mut obstacle = None;
        let mut derived = false;
        let mut told = Vec::new();
        for reach in each.iter().filter(is_open) {
            let Some(kind) = self.here.kinds.get(reach.kind) else { continue };
            if self.here.pick_derived(&kind.categories, index.index(), picks) {
                derived = true;
                continue;
            }
            match self.here.candidates(reach.kind, named.as_deref()) {
                Ok(candidates) => {
                    told.push(Told { reach, candidates, is_rest: kind.ids.is_empty() });
                }
                Err(why) => {
                    obstacle.get_or_insert(why);
                }
            }
        }
        let spared = self.narrow(&mut told, source);
        for pair in spared {
            self.spared.entry(pair).or_default().insert(index.index());
        }
        for Told { reach, candidates, .. } in &told {
            for candidate in candidates {
                candidate.pick(Wisher::Rule(index.index()), picks);
            }
            self.here.pick_joined(reach.kind, tested, index.index(), picks);
        }
        fate(&told, derived, obstacle)
    }

    /// Leaves the best sources; returns what was left out for its price.
    fn narrow(&self, told: &mut Vec<Told<'_>>, source: &LogSource) -> Vec<(usize, u16)> {
        if source.category.is_none() {
            for one in &mut *told {
                one.candidates = best(std::mem::take(&mut one.candidates));
            }
            let has_session = |told: &Told<'_>| {
                told.candidates.iter().any(|it| matches!(it.teller, Teller::Provider(..)))
            };
            // The log would tell again what the session tells; and a rule of no log means no rest of one.
            let has_row = source.service.is_none() && told.iter().any(|told| !told.is_rest);
            if has_row || told.iter().any(has_session) {
                told.retain(|told| !told.is_rest);
            }
            return Vec::new();
        }
        let all = || told.iter().flat_map(|told| &told.candidates);
        let rank = all().map(|candidate| candidate.rank).min();
        let mut kept: Vec<_> =
            all().filter(|candidate| Some(candidate.rank) == rank).cloned().collect();
        let spared = self.here.spare(&mut kept, source.category.as_deref());
        for one in &mut *told {
            one.candidates.retain(|candidate| Some(candidate.rank) == rank);
            for candidate in &mut one.candidates {
                if let Teller::Provider(row, ids) = &mut candidate.teller {
                    ids.retain(|id| !spared.contains(&(*row, *id)));
                }
            }
            let is_empty =
                |it: &Candidate| matches!(&it.teller, Teller::Provider(_, ids) if ids.is_empty());
            one.candidates.retain(|candidate| !is_empty(candidate));
        }
        told.retain(|told| !told.candidates.is_empty());
        spared
    }

    /// A rule about anything on Windows asks for nothing by itself: it sees what the others ask for.
    fn watch_all(&self, index: RuleIndex, picks: &mut Picks) -> Fate {
        let mut any = false;
        let rows = self.here.table.providers.iter().zip(&mut picks.providers);
        for (_, pick) in rows.filter(|(row, pick)| row.always.is_some() && pick.is_wanted()) {
            pick.rules.insert(index.index());
            any = true;
        }
        if any {
            return Fate::Whole;
        }
        let why = "it is about all events, and no session that is always there can be started";
        Fate::Never { missing: Vec::new(), why: why.to_owned() }
    }

    /// Why no kind of events is what a rule is about.
    fn never(&self, index: RuleIndex, source: &LogSource, each: &[KindReach]) -> Fate {
        let of = |reach: &Reach| match reach {
            Reach::Never(missing, why) => Some((missing.clone(), why.to_string())),
            _ => None,
        };
        let closest = each.iter().filter_map(|kind| of(&kind.reach));
        let closest = closest.min_by_key(|(missing, _)| match missing.len() {
            0 => usize::MAX,
            count => count,
        });
        let reach = closest.or_else(|| of(&self.reaches.of(index)));
        let (missing, why) = match (reach, &source.product) {
            (Some((missing, why)), _) => (missing, why),
            (None, Some(product)) if &**product != "windows" => {
                (Vec::new(), format!("it is about {product}, not about Windows"))
            }
            (None, _) if matches!(self.reaches.of(index), Reach::Unknown) => {
                (Vec::new(), format!("nothing on Windows tells of the log source {source}"))
            }
            (None, _) => {
                let why = "the values that it asks for are those of no event of its log source";
                (Vec::new(), why.to_owned())
            }
        };
        Fate::Never { missing, why }
    }

    /// The ids of which a rule needs one, if it does; and whether it needs one of some ids or providers.
    fn bounds(&self, index: RuleIndex) -> (Option<Vec<u16>>, bool) {
        let rules = &self.engine.rules;
        let Some(whole) = rules.expression(index) else { return (None, false) };
        let is_of = |id, wanted: FieldId| {
            let atom = rules.atoms().get(id);
            atom.filter(|atom| atom.target == Target::Field(wanted))
        };
        let other_id = whole.given(&|id| {
            let atom = is_of(id, FieldId::EVENT_ID)?;
            let is_number = matches!(&atom.test, Test::Number { number: Number::Integer(_), .. });
            is_number.then_some(false)
        });
        let named = (other_id == Expression::Decided(false)).then(|| {
            let holds = |wanted: &u64| {
                let left = whole.given(&|id| match is_of(id, FieldId::EVENT_ID)?.test {
                    Test::Number { number: Number::Integer(id), .. } => {
                        Some(id == i128::from(*wanted))
                    }
                    _ => None,
                });
                left != Expression::Decided(false)
            };
            let ids = rules.event_ids(index).into_iter().filter(holds);
            ids.filter_map(|id| u16::try_from(id).ok()).collect()
        });
        let elsewhere = whole.given(&|id| {
            let of_provider = is_of(id, FieldId::PROVIDER_NAME).is_some();
            (of_provider || is_of(id, FieldId::EVENT_ID).is_some()).then_some(false)
        });
        (named, elsewhere == Expression::Decided(false))
    }

    /// The fields that each rule looks at, and those that correlations look at in its matches.
    fn tested(&self) -> Vec<Tested> {
        let Engine { rules, vocabulary, .. } = self.engine;
        let mut all = Vec::new();
        for index in (0..rules.rules().len()).filter_map(RuleIndex::from_index) {
            let mut tested = Tested::new();
            let mut add = |field: FieldId| {
                tested.insert(vocabulary.fields.name(field).to_owned());
            };
            if let Some(whole) = rules.expression(index) {
                whole.atoms(&mut |id| {
                    let Some(atom) = rules.atoms().get(id) else { return };
                    if let Target::Field(field) = atom.target {
                        add(field);
                    }
                    if let Test::FieldReference { field, .. } = &atom.test {
                        add(*field);
                    }
                });
            }
            all.push(tested);
        }
        correlations::add_tested(&self.engine.correlations, &vocabulary.fields, &mut all);
        all
    }
}

/// What becomes of a rule with these sources.
fn fate(told: &[Told<'_>], derived: bool, obstacle: Option<String>) -> Fate {
    if derived || told.iter().any(|told| told.reach.reach == Reach::Whole) {
        return Fate::Whole;
    }
    let least = told.iter().min_by_key(|told| told.reach.absent.len());
    match (least, obstacle) {
        (Some(least), _) => Fate::Partly(least.reach.absent.clone()),
        (None, why) => {
            let why = why.unwrap_or_else(|| "nobody tells of it here".to_owned());
            Fate::Never { missing: Vec::new(), why }
        }
    }
}

//! Sigma rules: parse, check, compile, match.
//!
//! ```text
//! YAML text ──yaml──▶ nodes with places ──sigma──▶ Rule ──RuleSet──▶ which rules hold for an event
//!                                           └──▶ Diagnostic: file, line, column, what to write instead
//! ```
//!
//! A document that is refused never takes another one with it: loaded + refused = documents.
//!
//! | module | holds |
//! |---|---|
//! | [`yaml`] | documents as nodes that know their place and the text of scalars |
//! | [`diagnostic`] | what is wrong with a rule, where, and its cure |
//! | [`explain`] | what is documented of each code |
//! | [`sigma`] | the language: attributes, detections, modifiers, conditions |
//! | [`field_test`] | one comparison outside of rules, `FIELD=VALUE` |
//! | [`fold`] | comparison without case |
//! | [`mod@load`] | files and folders to rules |
//! | [`reload`] | rules that are loaded again while they are in use |
//! | [`evaluate`] | whether a rule is true of an event, and why: plainly |
//! | [`verdict`] | which detections hold for an event, and what fails in the others |
//! | [`mod@compile`] | rules to expressions, witnesses and programs |
//! | [`lint`] | what is sound and yet hardly meant |
//! | [`matcher`] | runs what was compiled, event by event, on its `texts`, folded once |
//! | [`rule_set`] | all rules, routed by kind of event |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod compile;
pub mod diagnostic;
pub mod evaluate;
pub mod explain;
pub mod field_test;
pub mod fold;
pub mod lint;
pub mod load;
pub mod matcher;
pub mod reload;
pub mod rule_set;
pub mod sigma;
mod texts;
pub mod verdict;
pub mod yaml;

pub use diagnostic::{Diagnostic, Severity, SourceFile};
pub use evaluate::{Evaluator, Reasoning, Reasons};
pub use field_test::{FieldTest, FieldTestError};
pub use load::{LoadOptions, Loaded, load};
pub use matcher::Matcher;
pub use reload::{Changes, Library, Reload};
pub use rule_set::{Match, RuleIndex, RuleSet};
pub use sigma::{Level, Rule};
pub use verdict::{Shortfall, Verdict};

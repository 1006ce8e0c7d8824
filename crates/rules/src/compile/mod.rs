//! From rules to what is run for each event.
//!
//! ```text
//! Rule ──expression──▶ Expression over atoms, negation at the atoms alone   (once a rule)
//!      ──plan────────▶ for one set of log sources and one event id:
//!          what the event id decides is decided, rules that can't hold are dropped;
//!          witness   each rule has witnesses, of which at least one must hold if the rule does
//!          index     per field one structure finds the witnesses of all rules at once
//!          program   what is left of each rule as a flat list of short-circuit steps
//! ```
//!
//! An *atom* is one test of one field (or of every value); rules that write the same share it. A plan is
//! built when the first event of its kind comes.
//!
//! | module | holds |
//! |---|---|
//! | [`atom`] | atoms and their numbers |
//! | [`expression`] | rules as Boolean expressions |
//! | [`witness`] | which atoms a rule is looked for by |
//! | [`literal`] | the literals that text tests and regular expressions require |
//! | [`index`] | all witnesses of a field, found in one pass; those at the ends of values in `ends`, those within in `windows` |
//! | [`program`] | short-circuit steps |
//! | [`plan`] | all of it for one kind of event; `build` makes it, `answers` its tests |
//! | [`show`] | the stages as text |

mod answers;
pub mod atom;
mod bits;
mod build;
mod ends;
pub mod expression;
mod gate;
pub mod index;
pub mod literal;
pub mod plan;
pub mod program;
pub mod show;
mod windows;
pub mod witness;

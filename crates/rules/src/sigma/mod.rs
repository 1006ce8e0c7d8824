//! The Sigma language, as the specification v2.1 has it and `docs/sigma.md` decides.
//!
//! | module | holds |
//! |---|---|
//! | [`aggregation`] | aggregations of older Sigma, and what replaces each |
//! | [`attributes`] | what rules, filters and correlations share |
//! | `mapping` | values of a document by name and kind |
//! | [`collection`] | templates for the rules of a file (`action`) |
//! | [`correlation`] | correlations: rules over the matches of other rules in time |
//! | [`filter`] | global filters, joined to the conditions of rules |
//! | [`rule`] | a rule: its attributes, detections and conditions |
//! | `log_source` | what events a rule or filter is about |
//! | `detections` | its detections, and the conditions over them |
//! | [`detection`] | the shapes of a detection; detection items |
//! | [`modifier`] | chains of modifiers |
//! | [`value`] | values of rules as tests of one field |
//! | [`text`] | wildcards, escapes, dashes |
//! | `wildcard` | whether a text is like a pattern |
//! | [`encoding`] | base64 and UTF-16 |
//! | [`pattern`] | regular expressions in Sigma's flavour |
//! | [`network`] | CIDR |
//! | [`room`] | how much the values of a rule may come to |
//! | [`condition`] | conditions |

pub mod aggregation;
pub mod attributes;
pub mod collection;
pub mod condition;
pub mod correlation;
pub mod detection;
mod detections;
pub mod encoding;
pub mod filter;
mod log_source;
mod mapping;
pub mod modifier;
pub mod network;
pub mod pattern;
pub mod room;
pub mod rule;
pub mod text;
pub mod value;
mod wildcard;

pub use attributes::Attributes;
pub use condition::Condition;
pub use correlation::Correlation;
pub use detection::{Detection, Item};
pub use rule::{Level, Rule, Status};
pub use value::Test;

//! Rule collections: documents with `action`, older than version 2 of the specification.
//!
//! | `action` | meaning |
//! |---|---|
//! | `global` | a template for the rules that follow in the file; it wins where both say something |
//! | `reset` | no template from here on |
//! | `repeat` | the rule before it once more, without its id and name, with what this document says |

use crate::diagnostic::Problem;
use crate::yaml::{Kind, Node};

/// What is known at one place of a file.
#[derive(Debug, Default)]
pub struct Collection {
    template: Option<Node>,
    previous: Option<Node>,
    /// Nodes that templates and repeats have added so far.
    added: usize,
}

/// Nodes that templates and repeats may add to the rules of a file.
pub const ADDED_LIMIT: usize = 1_000_000;

/// What a document is to its collection.
#[derive(Debug)]
pub enum Step {
    /// A rule, complete with what the template adds.
    Rule(Node),
    /// It changes what follows, and is no rule itself.
    Template,
}

impl Collection {
    /// Takes a document that is neither filter nor correlation.
    ///
    /// # Errors
    /// `SIG007` for an unknown action, or a `repeat` without a rule before it.
    pub fn take(&mut self, node: &Node, warnings: &mut Vec<Problem>) -> Result<Step, Problem> {
        let Some(action) = node.get("action") else {
            let mut rule = node.clone();
            if let Some(template) = &self.template {
                self.added += template.size();
                check_added(self.added, node)?;
                merge(&mut rule, template, &mut Some(warnings));
            }
            self.previous = Some(rule.clone());
            return Ok(Step::Rule(rule));
        };
        let wrong = |message: String| Problem::error("SIG007", action.span.clone(), message);
        let mut content = node.clone();
        leave_out(&mut content, &["action"]);
        match action.text() {
            Some("global") => self.template = Some(content),
            Some("reset") => self.template = None,
            Some("repeat") => {
                let Some(mut rule) = self.previous.clone() else {
                    return Err(wrong("`repeat` has no rule before it".to_owned())
                        .hint("put it behind the rule that it repeats"));
                };
                self.added += rule.size();
                check_added(self.added, node)?;
                leave_out(&mut rule, &["id", "name"]);
                merge(&mut rule, &content, &mut None);
                rule.span = node.span.clone();
                self.previous = Some(rule.clone());
                return Ok(Step::Rule(rule));
            }
            other => {
                let message = format!("`action` can't be `{}`", other.unwrap_or_default());
                return Err(wrong(message).hint("one of: global, reset, repeat"));
            }
        }
        Ok(Step::Template)
    }
}

fn check_added(added: usize, node: &Node) -> Result<(), Problem> {
    if added <= ADDED_LIMIT {
        return Ok(());
    }
    let message = format!("`action` adds more than {ADDED_LIMIT} nodes to the rules of this file");
    let span = node.span.start..node.span.start + 1;
    Err(Problem::error("SIG003", span, message).hint("divide the file"))
}

fn leave_out(node: &mut Node, keys: &[&str]) {
    if let Kind::Map(entries) = &mut node.kind {
        entries.retain(|(key, _)| !key.text().is_some_and(|key| keys.contains(&key)));
    }
}

/// Puts `from` over `into`, mapping by mapping; says so where a value is replaced, if asked to.
fn merge(into: &mut Node, from: &Node, warnings: &mut Option<&mut Vec<Problem>>) {
    let (Kind::Map(into), Kind::Map(from)) = (&mut into.kind, &from.kind) else { return };
    for (key, value) in from {
        let present = into.iter_mut().find(|(name, _)| name.text() == key.text());
        match present {
            None => into.push((key.clone(), value.clone())),
            Some((_, old)) if is_map(old) && is_map(value) => merge(old, value, warnings),
            Some((name, old)) => {
                if let Some(warnings) = warnings
                    && old.kind != value.kind
                {
                    let name = name.text().unwrap_or_default();
                    let message = format!("the template's `{name}` is used instead of this one");
                    let problem = Problem::warning("SIG007", old.span.clone(), message);
                    warnings.push(problem.hint("leave it out here, or in the `global` document"));
                }
                *old = value.clone();
            }
        }
    }
}

fn is_map(node: &Node) -> bool {
    matches!(node.kind, Kind::Map(_))
}

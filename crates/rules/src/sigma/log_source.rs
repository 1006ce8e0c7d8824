//! The log source of a rule or filter: what events it is about.
//!
//! At least one of category, product and service must be named. What else is written there changes
//! nothing and is warned of, as are capitals, which no log source has.

use etwatch_event::LogSource;

use crate::diagnostic::{Problem, Severity};
use crate::sigma::mapping::Mapping;
use crate::yaml::Kind;

impl Mapping<'_> {
    /// What events the rule, or filter, is about.
    ///
    /// # Errors
    /// `SIG010` if it says nothing of it, `SIG011` for what can't be meant.
    pub(super) fn log_source(&self, warnings: &mut Vec<Problem>) -> Result<LogSource, Problem> {
        let what = "at least one of category, product, service";
        let source = self.node.get("logsource").ok_or_else(|| self.missing("logsource", what))?;
        let Kind::Map(entries) = &source.kind else {
            return Err(self
                .wrong("logsource", "must be a mapping")
                .hint("such as `{category: process_creation, product: windows}`"));
        };
        let inner = Mapping { node: source };
        let mut parts = Vec::new();
        for name in ["category", "product", "service"] {
            let text = inner.text(name)?;
            if text.as_deref() == Some("") {
                return Err(inner.wrong(name, "must not be empty").hint("leave it out"));
            }
            if let Some(text) = &text
                && *text != text.to_lowercase()
            {
                let message = format!("`{text}` is written in lower case in Sigma");
                let problem = inner.wrong(name, &message);
                let problem = problem.hint(format!("write `{}`", text.to_lowercase()));
                warnings.push(Problem { severity: Severity::Warning, ..problem });
            }
            parts.push(text);
        }
        for (key, _) in entries {
            let name = key.text().unwrap_or_default();
            if !["category", "product", "service", "definition"].contains(&name) {
                let message = format!("`{name}` is not looked at");
                let problem = Problem::warning("SIG011", key.span.clone(), message);
                warnings.push(problem.hint("a log source has category, product, service"));
            }
        }
        match parts.as_slice() {
            [None, None, None] => {
                let problem = self.wrong("logsource", &format!("names none of its parts: {what}"));
                Err(problem.hint("such as `category: process_creation`"))
            }
            [category, product, service] => {
                Ok(LogSource::new(category.as_deref(), product.as_deref(), service.as_deref()))
            }
            _ => Err(self.wrong("logsource", "is not complete").hint(what)),
        }
    }
}

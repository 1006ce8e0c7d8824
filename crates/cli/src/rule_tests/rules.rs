//! The rules that are tested, and which of them a test means.
//!
//! Loaded are the rule files below the paths of the tests, those below `--rules`, and those that tests
//! name. If only SigmaHQ's cases were found and no `--rules` is given, the rules are looked for where that
//! project keeps them: in `sigma`, or in `rules` and `rules-…`, beside the folder of the cases.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use etwatch_correlate::Planned;
use etwatch_engine::{Engine, EngineError};
use etwatch_rules::load::{LoadOptions, Loaded};
use etwatch_rules::sigma::Attributes;
use etwatch_rules::{Diagnostic, Rule, RuleIndex, RuleSet, Severity, yaml};

use crate::rule_tests::find::{Found, find, once_each};
use crate::rule_tests::{Meant, Test, shown, whole};

/// Where rules may be.
pub(crate) struct Places<'a> {
    /// The paths of the tests.
    pub(crate) tests: &'a [PathBuf],
    /// The paths of `--rules`.
    pub(crate) named: &'a [PathBuf],
    /// Where rules are if nobody says.
    pub(crate) usual: Vec<PathBuf>,
}

/// The rule files to load; files and folders that can't be looked at go to `unreadable`.
///
/// # Errors
/// A message if the places where rules may be are too many.
pub(crate) fn files(
    found: &Found,
    tests: &[Test],
    places: &Places<'_>,
    unreadable: &mut Vec<(PathBuf, io::Error)>,
) -> Result<Vec<PathBuf>, String> {
    let mut files = found.rules.clone();
    files.extend(tests.iter().filter_map(|test| match &test.rule {
        Meant::InFile(path, _) => Some(path.clone()),
        Meant::Called(_) => None,
    }));
    let mut others = places.named.to_vec();
    if others.is_empty() && files.is_empty() {
        others = beside(places.tests)?;
        if others.is_empty() {
            others.extend(places.usual.iter().filter(|path| path.exists()).cloned());
        }
    }
    let below = find(&others);
    files.extend(below.rules);
    unreadable.extend(below.unreadable);
    once_each(&mut files);
    Ok(files)
}

/// The folders of rules beside the cases: beside the folder that SigmaHQ keeps all of them in, if the path
/// leads there, else beside what the path names.
fn beside(tests: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    let mut found = Vec::new();
    for path in tests {
        let path = whole(path);
        let is_root =
            |path: &&Path| path.ends_with("regression_data") || path.ends_with("regression");
        let cases = path.ancestors().find(is_root).unwrap_or(&path);
        let near = cases.parent().map(rule_folders).unwrap_or_default();
        // As the user would name them.
        found.extend(near.into_iter().map(|path| match path.strip_prefix(&here) {
            Ok(relative) => relative.to_owned(),
            Err(_) => path,
        }));
    }
    found.sort();
    found.dedup();
    let is_sigma = |path: &PathBuf| path.ends_with("sigma");
    if found.iter().any(is_sigma) && !found.iter().all(is_sigma) {
        let names: Vec<_> = found.iter().map(|path| shown(path)).collect();
        let names = names.join("`, `");
        return Err(format!("the rules may be in any of `{names}`; name one with --rules"));
    }
    Ok(found)
}

fn rule_folders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let is_known = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        (name == "sigma" || name == "rules" || name.starts_with("rules-")) && path.is_dir()
    };
    paths.filter(is_known).collect()
}

/// The rules, loaded once for all tests.
pub(crate) struct Rules {
    /// The engine that they are in.
    pub(crate) engine: Engine,
    /// What else loading led to.
    pub(crate) loaded: Loaded,
    /// The names that the files were loaded under, by their whole paths.
    names: BTreeMap<PathBuf, String>,
}

impl Rules {
    /// Loads the rules of these files.
    ///
    /// # Errors
    /// [`EngineError`] if a built-in table is malformed.
    pub(crate) fn load(files: &[PathBuf], options: &LoadOptions) -> Result<Self, EngineError> {
        let (engine, loaded) = Engine::load(files, options, None)?;
        let names = files.iter().map(|path| (whole(path), shown(path))).collect();
        Ok(Self { engine, loaded, names })
    }

    /// The rules themselves.
    pub(crate) fn set(&self) -> &RuleSet {
        &self.engine.rules
    }

    /// All rules, then all correlations.
    pub(crate) fn all(&self) -> impl Iterator<Item = Subject<'_>> {
        let rules = (0..).map_while(RuleIndex::from_index).zip(self.set().rules());
        let rules = rules.map(|(index, rule)| Subject::Rule(index, rule));
        rules.chain(self.engine.correlations.correlations().iter().map(Subject::Correlation))
    }
    /// Whether it gives alerts of its own: else it is tested by what refers to it.
    pub(crate) fn is_visible(&self, subject: Subject<'_>) -> bool {
        match subject {
            Subject::Rule(index, _) => self.engine.correlations.is_visible(index),
            Subject::Correlation(planned) => planned.is_visible,
        }
    }

    /// The rule or correlation that a test means.
    ///
    /// # Errors
    /// Why there is none, and what to do about it.
    pub(crate) fn find(&self, meant: &Meant) -> Result<Subject<'_>, String> {
        match meant {
            Meant::InFile(path, name) => self.find_in_file(path, name.as_deref()),
            Meant::Called(name) => {
                let called: Vec<_> = self.all().filter(|one| one.is_called(name)).collect();
                self.only(&called, &format!("the rule `{name}`"), || self.refusal_of(name))
            }
        }
    }

    fn find_in_file(&self, path: &Path, name: Option<&str>) -> Result<Subject<'_>, String> {
        let file = self.names.get(&whole(path)).cloned().unwrap_or_else(|| shown(path));
        let mut of_file: Vec<_> = self.all().filter(|one| one.file() == file).collect();
        let Some(name) = name else {
            // Rules that only a correlation is made of are not what the file is about.
            if of_file.iter().any(|one| self.is_visible(*one)) {
                of_file.retain(|one| self.is_visible(*one));
            }
            return self.only(&of_file, &format!("the rule of `{file}`"), || {
                let mut problems = self.loaded.diagnostics.iter();
                problems.find(|found| explains_refusal(found) && found.file.name == file)
            });
        };
        let called: Vec<_> = of_file.into_iter().filter(|one| one.is_called(name)).collect();
        self.only(&called, &format!("the rule `{name}` of `{file}`"), || self.refusal_of(name))
    }

    /// The rule, if it is one.
    fn only<'s, 'd>(
        &self,
        candidates: &[Subject<'s>],
        what: &str,
        refusal: impl FnOnce() -> Option<&'d Diagnostic>,
    ) -> Result<Subject<'s>, String> {
        match candidates {
            [only] => Ok(*only),
            [] => Err(match refusal() {
                Some(problem) => format!("{what} was not loaded\n{problem}"),
                None => format!(
                    "{what} is not among the {} that were loaded\n\
                     name its file or folder with --rules",
                    self.set().rules().len()
                ),
            }),
            several => {
                let all: Vec<_> = several.iter().map(Subject::name).collect();
                let all = all.join("\n  ");
                Err(format!("{what} may be one of several; say which with `rule:`\n  {all}"))
            }
        }
    }

    /// Why the document with this id, name or title is no rule.
    fn refusal_of(&self, name: &str) -> Option<&Diagnostic> {
        self.loaded.diagnostics.iter().filter(|found| explains_refusal(found)).find(|found| {
            let documents = yaml::documents(&found.file.text).documents;
            documents.iter().flatten().any(|node| {
                let keys =
                    ["id", "name", "title"].map(|key| node.get(key).and_then(yaml::Node::text));
                let mut texts = keys.into_iter().flatten();
                node.span.contains(&found.span.start)
                    && texts.any(|text| text.eq_ignore_ascii_case(name))
            })
        })
    }
}

/// A rule or a correlation, which a test can be about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'r> {
    /// A rule and its number.
    Rule(RuleIndex, &'r Rule),
    /// A correlation.
    Correlation(&'r Planned),
}

impl<'r> Subject<'r> {
    /// What it says of itself.
    pub(crate) fn attributes(&self) -> &'r Attributes {
        match self {
            Self::Rule(_, rule) => &rule.attributes,
            Self::Correlation(planned) => &planned.correlation.attributes,
        }
    }
    /// The file it is in.
    pub(crate) fn file(&self) -> &'r str {
        match self {
            Self::Rule(_, rule) => &rule.file,
            Self::Correlation(planned) => &planned.correlation.file,
        }
    }
    /// The line it begins at.
    pub(crate) fn line(&self) -> usize {
        match self {
            Self::Rule(_, rule) => rule.line,
            Self::Correlation(planned) => planned.correlation.line,
        }
    }
    /// What a person calls it, and where it is.
    pub(crate) fn name(&self) -> String {
        format!("`{}`, {}:{}", self.attributes().title, self.file(), self.line())
    }
    fn is_called(&self, name: &str) -> bool {
        self.attributes().is_called(name) || self.attributes().title == name
    }
    /// Whether both are one.
    pub(crate) fn is(&self, other: &Subject<'_>) -> bool {
        match (self, other) {
            (Self::Rule(one, _), Subject::Rule(other, _)) => one == other,
            (Self::Correlation(one), Subject::Correlation(other)) => std::ptr::eq(*one, *other),
            _ => false,
        }
    }
}

/// Whether a problem is why a document is no rule.
fn explains_refusal(found: &Diagnostic) -> bool {
    found.severity == Severity::Error || found.code == "SIG042"
}

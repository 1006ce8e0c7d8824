//! Rules that are loaded again: what changed is read, what became bad stays as it was.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure in a test is a finding"
)]

use etwatch_event::FieldTable;
use etwatch_rules::load::{LoadOptions, load};
use etwatch_rules::{Diagnostic, Library, Reload};
use proptest::prelude::*;

/// A folder, a library of it, and the fields of its rules.
struct Place {
    folder: tempfile::TempDir,
    library: Library,
    fields: FieldTable,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(vec![folder.path().join("rules")], LoadOptions::default());
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        let place = Self { folder, library, fields: FieldTable::default() };
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }
    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join("rules").join(name), text).unwrap();
    }
    fn remove(&self, name: &str) {
        std::fs::remove_file(self.folder.path().join("rules").join(name)).unwrap();
    }
    fn reload(&mut self) -> Reload {
        let reload = self.library.reload(&mut self.fields);
        assert!(reload.loaded.is_balanced(), "{:#?}", reload.loaded);
        assert_eq!(reload.loaded.kept, reload.changes.kept.len());
        let told = reload.loaded.diagnostics.iter().filter(|one| one.code == "SIG043");
        assert_eq!(told.count(), reload.loaded.kept);
        reload
    }
}

fn id(number: usize) -> String {
    format!("0e95725d-7320-415d-80f7-{number:012}")
}

/// A rule that looks for a value, by which versions are told apart.
fn rule(number: usize, value: &str) -> String {
    format!(
        "title: Rule {number}\nid: {}\nname: rule_{number}\nlogsource: {{product: windows}}\n\
         detection: {{s: {{F{number}: {value}}}, condition: s}}\n---\n",
        id(number)
    )
}

/// The same with a mistake.
fn bad(number: usize) -> String {
    rule(number, "x").replace("condition: s", "condition: t")
}

/// Each rule in use with the value it looks for.
fn versions(reload: &Reload) -> Vec<String> {
    let one = |rule: &etwatch_rules::Rule| {
        let text = format!("{:?}", rule.detections);
        let value =
            ["old", "new", "x"].into_iter().find(|value| text.contains(&format!("\"{value}\"")));
        format!("{} {}", rule.attributes.title, value.unwrap_or("?"))
    };
    reload.loaded.rules.iter().map(one).collect()
}

fn codes(reload: &Reload) -> Vec<&str> {
    reload.loaded.diagnostics.iter().map(|one| one.code).collect()
}

fn of_code<'a>(reload: &'a Reload, code: &str) -> &'a Diagnostic {
    reload.loaded.diagnostics.iter().find(|one| one.code == code).unwrap()
}

#[test]
fn only_changed_files_are_read_again() {
    let mut place = Place::new(&[
        ("1.yml", &rule(1, "old")),
        ("2.yml", &(rule(2, "old") + &rule(3, "old"))),
        ("4.yml", &rule(4, "old")),
    ]);
    let first = place.reload();
    assert_eq!((first.changes.files_read, first.changes.added.len()), (3, 4));
    assert_eq!(versions(&first), ["Rule 1 old", "Rule 2 old", "Rule 3 old", "Rule 4 old"]);

    let second = place.reload();
    assert_eq!((second.changes.files_read, second.changes.files_unchanged), (0, 3));
    assert!(second.changes.is_empty());
    assert_eq!(versions(&second), versions(&first));

    place.write("2.yml", rule(2, "new") + &rule(3, "old"));
    place.remove("4.yml");
    place.write("5.yml", rule(5, "old"));
    let third = place.reload();
    let changes = &third.changes;
    assert_eq!((changes.files_read, changes.files_unchanged, changes.files_removed), (2, 1, 1));
    assert_eq!(changes.added, [id(5)]);
    assert_eq!(changes.changed, [id(2)]);
    assert_eq!(changes.removed, [id(4)]);
    assert_eq!(versions(&third), ["Rule 1 old", "Rule 2 new", "Rule 3 old", "Rule 5 old"]);
    assert_eq!(third.loaded.files, 3);
}

/// What counts is what a file says: a comment changes no rule.
#[test]
fn a_comment_changes_nothing() {
    let mut place = Place::new(&[("1.yml", &rule(1, "old"))]);
    place.reload();
    place.write("1.yml", format!("# why\n{}", rule(1, "old")));
    let again = place.reload();
    assert_eq!(again.changes.files_read, 1);
    assert!(again.changes.is_empty());
    assert_eq!(again.loaded.rules[0].line, 2);
}

#[test]
fn a_bad_document_keeps_its_last_good_version_until_it_is_put_right() {
    let mut place = Place::new(&[("1.yml", &(rule(1, "old") + &rule(2, "old")))]);
    place.reload();
    place.write("1.yml", bad(1) + &rule(2, "new"));
    for files_read in [1, 0] {
        let kept = place.reload();
        assert_eq!(versions(&kept), ["Rule 1 old", "Rule 2 new"]);
        assert_eq!(codes(&kept), ["SIG022", "SIG043"]);
        assert_eq!(
            (kept.changes.files_read, kept.changes.kept.as_slice()),
            (files_read, &[id(1)][..])
        );
        assert_eq!((kept.loaded.documents, kept.loaded.refused, kept.loaded.kept), (2, 1, 1));
        let told = of_code(&kept, "SIG043");
        assert_eq!(told.message, "the last good version of `Rule 1` stays in use");
        assert_eq!(told.place(), of_code(&kept, "SIG022").place());
    }
    // Bad in another way: still the same one.
    place.write("1.yml", bad(1).replace("title: Rule 1", "title: [1]") + &rule(2, "new"));
    assert_eq!(versions(&place.reload()), ["Rule 1 old", "Rule 2 new"]);
    place.write("1.yml", rule(1, "new") + &rule(2, "new"));
    let right = place.reload();
    assert_eq!(versions(&right), ["Rule 1 new", "Rule 2 new"]);
    assert!(right.loaded.diagnostics.is_empty());
    assert_eq!(right.changes.changed, [id(1)]);
}

#[test]
fn a_document_that_was_never_good_is_refused() {
    let mut place = Place::new(&[("1.yml", &bad(1))]);
    assert_eq!((place.reload().loaded.rules.len(), codes(&place.reload()).len()), (0, 1));
    place.write("1.yml", rule(1, "new"));
    assert_eq!(versions(&place.reload()), ["Rule 1 new"]);
}

#[test]
fn a_deleted_document_goes_even_if_its_neighbour_is_bad() {
    let mut place = Place::new(&[("1.yml", &(rule(1, "old") + &rule(2, "old")))]);
    place.reload();
    place.write("1.yml", bad(2));
    let kept = place.reload();
    assert_eq!(versions(&kept), ["Rule 2 old"]);
    assert_eq!(kept.changes.removed, [id(1)]);
}

/// How a bad document is known: by its id, else its name, else its title, else its place.
#[test]
fn a_bad_document_is_known_by_what_is_left_of_it() {
    let plain = |number: usize| {
        rule(number, "old").replace(&format!("id: {}\nname: rule_{number}\n", id(number)), "")
    };
    let cases = [
        ("by id", rule(1, "old"), bad(1).replace("rule_1", "other").replace("Rule 1", "Other")),
        ("by name", rule(1, "old"), bad(1).replace("id: 0", "id: x").replace("Rule 1", "Other")),
        ("by title", rule(1, "old"), bad(1).replace("id: 0", "id: x").replace("rule_1", "other")),
        ("by title alone", plain(1), plain(1).replace("condition: s", "condition: t")),
        (
            "by place",
            rule(1, "old"),
            rule(1, "x").replace("title", "level: low\nlevel: low\ntitle"),
        ),
    ];
    for (name, good, bad) in cases {
        let mut place = Place::new(&[("1.yml", &(rule(8, "old") + &good + &rule(9, "old")))]);
        place.reload();
        place.write("1.yml", rule(8, "new") + &bad + &rule(9, "new"));
        let kept = place.reload();
        assert_eq!(versions(&kept), ["Rule 8 new", "Rule 1 old", "Rule 9 new"], "{name}");
    }
    // Two of one title: each is known by its number.
    let two = plain(1) + &plain(1).replace("old", "new");
    let mut place = Place::new(&[("1.yml", &two)]);
    place.reload();
    place.write(
        "1.yml",
        plain(1).replace("old", "x") + &plain(1).replace("condition: s", "condition: t"),
    );
    assert_eq!(versions(&place.reload()), ["Rule 1 x", "Rule 1 new"]);
}

/// Whatever befalls a file, what it said stays in use, but for what can be seen to be gone.
#[test]
fn a_file_that_can_t_be_read_to_its_end_loses_nothing() {
    let good = rule(1, "old") + &rule(2, "old");
    for (name, text, expected) in [
        ("cut in the middle", rule(1, "new") + "title: [\n", ["Rule 1 new", "Rule 2 old"]),
        ("no YAML at all", "}{".to_owned(), ["Rule 1 old", "Rule 2 old"]),
        ("empty", String::new(), ["Rule 1 old", "Rule 2 old"]),
        ("UTF-16", "\u{feff}".to_owned(), ["Rule 1 old", "Rule 2 old"]),
    ] {
        let mut place = Place::new(&[("1.yml", &good)]);
        place.reload();
        if name == "UTF-16" {
            place.write("1.yml", [0xff, 0xfe, 0x61, 0x00]);
        } else {
            place.write("1.yml", &text);
        }
        for _ in 0..2 {
            assert_eq!(versions(&place.reload()), expected, "{name}");
        }
        place.write("1.yml", rule(2, "new"));
        let right = place.reload();
        assert_eq!(versions(&right), ["Rule 2 new"], "{name}");
        assert_eq!(right.changes.removed, [id(1)], "{name}");
    }
}

#[test]
fn a_folder_that_is_gone_is_told_and_loses_nothing() {
    let mut place = Place::new(&[("1.yml", &rule(1, "old"))]);
    place.reload();
    let (here, away) = (place.folder.path().join("rules"), place.folder.path().join("away"));
    std::fs::rename(&here, &away).unwrap();
    let gone = place.reload();
    assert_eq!(versions(&gone), ["Rule 1 old"]);
    assert_eq!((gone.loaded.unreadable.len(), codes(&gone)), (1, vec!["SIG043"]));
    std::fs::rename(&away, &here).unwrap();
    let back = place.reload();
    assert_eq!((versions(&back), codes(&back)), (vec!["Rule 1 old".to_owned()], vec![]));
    assert!(back.changes.is_empty());
}

/// Taking a rule out of use by its status is no mistake.
#[test]
fn a_rule_that_is_left_out_on_purpose_goes() {
    let mut place = Place::new(&[("1.yml", &rule(1, "old"))]);
    place.reload();
    place.write("1.yml", format!("status: deprecated\n{}", rule(1, "old")));
    let left_out = place.reload();
    assert_eq!((left_out.loaded.rules.len(), codes(&left_out)), (0, vec!["SIG042"]));
    assert_eq!(left_out.changes.removed, [id(1)]);
    place.write("1.yml", format!("status: deprecated\n{}", bad(1)));
    assert_eq!(place.reload().loaded.rules.len(), 0);
}

/// A filter that became bad still suppresses: else one slip would be a flood of alerts.
#[test]
fn a_bad_filter_keeps_its_last_good_version() {
    let filter = "title: Deploy\nlogsource: {product: windows}\nfilter: {rules: any, d: {U: x}, condition: not d}\n";
    let mut place = Place::new(&[("1.yml", &rule(1, "old")), ("f.yml", filter)]);
    assert_eq!(place.reload().loaded.rules[0].filters, ["Deploy"]);
    place.write("f.yml", filter.replace("not d", "not e"));
    let kept = place.reload();
    assert_eq!(kept.loaded.rules[0].filters, ["Deploy"]);
    assert_eq!(
        (kept.changes.kept.as_slice(), kept.changes.is_empty()),
        (&["Deploy".to_owned()][..], true)
    );
    place.remove("f.yml");
    assert!(place.reload().loaded.rules[0].filters.is_empty());
}

/// An id stays with the file that has it in use, whatever the order of files.
#[test]
fn a_new_document_can_t_push_an_old_one_out() {
    let mut place = Place::new(&[("b.yml", &rule(1, "old"))]);
    place.reload();
    place.write("a.yml", rule(1, "new"));
    let both = place.reload();
    assert_eq!((versions(&both), codes(&both)), (vec!["Rule 1 old".to_owned()], vec!["SIG040"]));
    assert!(of_code(&both, "SIG040").file.name.ends_with("a.yml"));
    // Once the old one is gone, the new one needs no change to be used.
    place.remove("b.yml");
    let moved = place.reload();
    assert_eq!((versions(&moved), moved.changes.files_read), (vec!["Rule 1 new".to_owned()], 0));
    assert_eq!(moved.changes.changed, [id(1)]);
}

#[test]
fn a_document_that_takes_another_one_s_id_keeps_its_last_good_version() {
    let mut place = Place::new(&[("a.yml", &rule(1, "old")), ("b.yml", &rule(2, "old"))]);
    place.reload();
    place.write("a.yml", rule(1, "new").replace(&id(1), &id(2)));
    let kept = place.reload();
    assert_eq!(versions(&kept), ["Rule 1 old", "Rule 2 old"]);
    assert_eq!(codes(&kept), ["SIG040", "SIG043"]);
    // When the other one is gone, it may.
    place.remove("b.yml");
    let taken = place.reload();
    assert_eq!((versions(&taken), taken.changes.kept.len()), (vec!["Rule 1 new".to_owned()], 0));
}

#[test]
fn a_correlation_goes_back_if_that_helps() {
    let correlation = |of: &str| {
        format!(
            "title: Many\nname: many\ncorrelation: {{type: event_count, rules: [{of}], group-by: U, timespan: 5m, condition: {{gte: 2}}}}\n"
        )
    };
    let mut place = Place::new(&[
        ("1.yml", &rule(1, "old")),
        ("2.yml", &rule(2, "old")),
        ("c.yml", &correlation("rule_1")),
    ]);
    let target = |reload: &Reload| reload.loaded.correlations[0].rules[0].text.clone();
    assert_eq!(target(&place.reload()), "rule_1");
    place.write("c.yml", correlation("rule_3"));
    let kept = place.reload();
    assert_eq!((target(&kept), codes(&kept)), ("rule_1".to_owned(), vec!["SIG050", "SIG043"]));
    // Its rule is gone: neither version can be used, and the rule itself must not come back.
    place.remove("1.yml");
    let lost = place.reload();
    assert_eq!((lost.loaded.correlations.len(), codes(&lost)), (0, vec!["SIG050"]));
    assert_eq!(versions(&lost), ["Rule 2 old"]);
    // What it asks for comes.
    place.write("3.yml", rule(3, "new"));
    assert_eq!(target(&place.reload()), "rule_3");
}

/// What one edit of a file may be.
#[derive(Clone, Debug)]
enum Edit {
    Write(Vec<(usize, u8)>),
    Cut(Vec<(usize, u8)>),
    Remove,
}

fn edit() -> impl Strategy<Value = Edit> {
    let documents = || prop::collection::vec((0..4_usize, 0..3_u8), 1..4);
    prop_oneof![
        6 => documents().prop_map(Edit::Write),
        1 => documents().prop_map(Edit::Cut),
        2 => Just(Edit::Remove),
    ]
}

fn text(documents: &[(usize, u8)]) -> String {
    let one = |(number, version): &(usize, u8)| match version {
        0 => rule(*number, "old"),
        1 => rule(*number, "new"),
        _ => bad(*number),
    };
    documents.iter().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is edited: a rule that was in use and that its file still has, in whatever form, stays
    /// in use; and when all is good again, all is as if it had been loaded afresh.
    #[test]
    fn no_edit_leaves_a_gap(edits in prop::collection::vec((0..3_usize, edit()), 1..12)) {
        let mut place = Place::new(&[]);
        let mut here = [const { String::new() }; 3];
        let mut in_use: Vec<(String, String)> = Vec::new();
        for (file, edit) in edits {
            let name = format!("{file}.yml");
            match edit {
                Edit::Write(documents) => here[file] = text(&documents),
                Edit::Cut(documents) => here[file] = text(&documents) + "title: [\n",
                Edit::Remove => here[file] = String::new(),
            }
            if here[file].is_empty() {
                let _ = std::fs::remove_file(place.folder.path().join("rules").join(&name));
            } else {
                place.write(&name, &here[file]);
            }
            let reload = place.reload();
            let now: Vec<_> =
                reload.loaded.rules.iter().map(|rule| rule.attributes.id.clone().unwrap()).collect();
            for (id, of_file) in &in_use {
                let number: usize = of_file.parse().unwrap();
                if here[number].contains(id) {
                    prop_assert!(now.contains(id), "{id} of {of_file}: {:#?}", reload);
                }
            }
            let file = |rule: &etwatch_rules::Rule| rule.file.chars().rev().nth(4).unwrap().to_string();
            in_use = reload.loaded.rules.iter().map(|rule| (rule.attributes.id.clone().unwrap(), file(rule))).collect();
        }
        for file in 0..3 {
            place.write(&format!("{file}.yml"), rule(file, "new"));
        }
        // An id may have been in use in another file: it is free now, but was kept until now.
        place.reload();
        let again = place.reload();
        let paths = [place.folder.path().join("rules")];
        let afresh = load(&paths, &LoadOptions::default(), &mut FieldTable::default());
        let loaded = afresh.rules.iter().map(|rule| rule.attributes.title.clone()).collect::<Vec<_>>();
        prop_assert_eq!(again.loaded.rules.iter().map(|rule| rule.attributes.title.clone()).collect::<Vec<_>>(), loaded);
        prop_assert!(again.loaded.diagnostics.is_empty());
    }
}

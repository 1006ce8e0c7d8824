//! What loading takes beside what it leaves.

#[path = "../../../tests/support/allocations.rs"]
mod allocations;

use allocations::{held, most_held};
use etwatch_event::FieldTable;
use etwatch_rules::load::{LoadOptions, load_text};

/// The nodes of a document take some thousand bytes; those of one at a time are in memory, however many a file has.
#[test]
fn the_documents_of_a_file_are_read_one_by_one() {
    let document = |number: usize| {
        format!(
            "title: r{number}\nlogsource: {{category: test}}\ndetection: {{s: {{k: [a, b, c, d]}}, condition: s}}\n---\n"
        )
    };
    let beyond = |documents: usize| {
        let text: String = (0..documents).map(document).collect();
        let (options, mut fields) = (LoadOptions::default(), FieldTable::default());
        let before = held();
        let (loaded, most) = most_held(|| load_text("many", &text, &options, &mut fields));
        assert_eq!(loaded.rules.len(), documents);
        most - (held() - before)
    };
    beyond(10);
    let (few, many) = (beyond(100), beyond(2_000));
    // Without nodes there are, for each, its place among all and its name while it is looked for.
    assert!(many < few + 1_900 * 2_000, "{few} bytes beside 100 rules, {many} beside 2,000");
}

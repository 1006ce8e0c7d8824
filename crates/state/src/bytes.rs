//! What memory costs: bytes of tables by how many entries they have had.
//!
//! A hash table takes as much as the most entries that it has had at once need, a power of two of places. How full it
//! can become before it grows depends on where its entries happen to lie, which differs from run to run; so that what is
//! counted is the same in each, it is worked out and not asked for. What an allocator adds to each block is left out.

/// Bytes of a hash table that has had so many entries of a size at once. A table in which entries come and go for long
/// may take up to twice as much.
pub(crate) const fn of_table(entries: usize, size: usize) -> usize {
    if entries == 0 {
        return 0;
    }
    let places = match entries {
        0..4 => 4,
        4..8 => 8,
        _ => (entries.saturating_mul(8) / 7).next_power_of_two(),
    };
    places.saturating_mul(size + 1) + 16
}

/// The most that each of many entries of a hash table takes: places are a power of two, and an eighth stays free.
pub(crate) const fn of_entry(size: usize) -> usize {
    (size + 1) * 16 / 7 + 1
}

/// Bytes of so many entries that are kept in the order of their use, as `lru` does: each is a block of its own with two
/// links, and a table finds it.
pub(crate) const fn of_listed(entries: usize, size: usize) -> usize {
    entries * (size + LINKS) + of_table(entries, LINKS)
}

/// The most that each of them takes.
pub(crate) const fn of_listed_entry(size: usize) -> usize {
    size + LINKS + of_entry(LINKS)
}

/// Two links, or what a table has of an entry.
const LINKS: usize = 2 * size_of::<usize>();

/// Bytes of a text that several share: there are two counts before it.
pub(crate) const fn of_shared_text(text: &str) -> usize {
    text.len() + 2 * size_of::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_large_as_it_is_worked_out_to_be_and_no_entry_takes_more_than_was_said() {
        for entries in 1..3_000_u64 {
            let mut table = hashbrown::HashMap::new();
            (0..entries).for_each(|entry| {
                table.insert(entry, entry);
            });
            let worked_out = of_table(table.len(), 16);
            let real = table.allocation_size();
            assert!(worked_out.abs_diff(real) <= 16, "{entries}: {worked_out} {real}");
            assert!(worked_out <= table.len() * of_entry(16) + 100, "{entries}: {worked_out}");
        }
    }
}

//! Which groups go when there is no more room.
//!
//! A flood must not push out what others have begun. Groups are sorted into lineages: by the fourth of the
//! processes that created one another, within it by the third, and so on down to the process itself. Where
//! groups have to go, the largest lineages give first, until all are of one size (max-min fairness); what a
//! lineage has to give is asked of its branches in the same way. So a process that makes a million groups, or
//! whose ten thousand children make a hundred each, pushes out groups of its own lineage alone. Within one
//! process those go first that have come least far, then those that were touched longest ago.

/// A group as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The process that began it and those that created one another before it, each a number or 0.
    pub(crate) lineage: [u32; 4],
    pub(crate) progress: usize,
    pub(crate) touched: u64,
    /// Tells groups apart; what began later has a higher number.
    pub(crate) sequence: u64,
}

/// The sequence numbers of those that have to go, so that `excess` are gone.
pub(crate) fn choose(candidates: &mut [Candidate], excess: usize) -> Vec<u64> {
    let mut chosen = Vec::with_capacity(excess);
    from(candidates, 4, excess, &mut chosen);
    chosen.sort_unstable();
    chosen
}

/// Chooses among groups that have the same ancestors from `level` on.
fn from(candidates: &mut [Candidate], level: usize, excess: usize, chosen: &mut Vec<u64>) {
    if excess == 0 {
        return;
    }
    let Some(level) = level.checked_sub(1) else {
        // Only which they are matters, not their order.
        if let Some(last) = excess.checked_sub(1).filter(|last| *last < candidates.len()) {
            candidates
                .select_nth_unstable_by_key(last, |one| (one.progress, one.touched, one.sequence));
        }
        chosen.extend(candidates.iter().take(excess).map(|one| one.sequence));
        return;
    };
    let ancestor = |one: &Candidate| one.lineage.get(level).copied().unwrap_or(0);
    // A flood mostly has one ancestor.
    if candidates
        .first()
        .is_none_or(|first| candidates.iter().all(|one| ancestor(one) == ancestor(first)))
    {
        return from(candidates, level, excess.min(candidates.len()), chosen);
    }
    candidates.sort_unstable_by_key(|one| (ancestor(one), one.sequence));
    let sizes: Vec<usize> = candidates
        .chunk_by(|one, other| ancestor(one) == ancestor(other))
        .map(<[_]>::len)
        .collect();
    let mut left = excess;
    let (cap, mut over) = cap(&sizes, excess);
    for branch in candidates.chunk_by_mut(|one, other| ancestor(one) == ancestor(other)) {
        let mut gives = branch.len().saturating_sub(cap);
        // The cap is whole: some of those above it may keep one more.
        if gives > 0 && over > 0 {
            gives -= 1;
            over -= 1;
        }
        let gives = gives.min(left);
        from(branch, level, gives, chosen);
        left -= gives;
    }
}

/// The size to which branches shrink so that `excess` are gone, and how many of them may keep one more.
fn cap(sizes: &[usize], excess: usize) -> (usize, usize) {
    let mut sorted = sizes.to_vec();
    sorted.sort_unstable_by(|one, other| other.cmp(one));
    let mut together = 0;
    for (count, size) in (1..).zip(&sorted) {
        together += size;
        let next = sorted.get(count).copied().unwrap_or(0);
        // If the first `count` shrink to the size of the next, is that enough?
        if together - count * next >= excess {
            let left = together - excess;
            return (left / count, left % count);
        }
    }
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn groups(lineages: impl Iterator<Item = [u32; 4]>) -> Vec<Candidate> {
        let group =
            |(sequence, lineage)| Candidate { lineage, progress: 1, touched: sequence, sequence };
        (0..).zip(lineages).map(group).collect()
    }

    #[test]
    fn a_flood_pushes_out_its_own_lineage_alone() {
        let victim = [70, 7, 2, 1];
        // One process; the children of one; a tree of processes, all of one that the victim's parent started.
        let floods: [Vec<[u32; 4]>; 3] = [
            vec![[80, 8, 2, 1]; 100_000],
            (0..100_000).map(|child| [1_000 + child % 10_000, 80, 8, 2]).collect(),
            (0..100_000)
                .map(|leaf| [100_000 + leaf, 1_000 + leaf / 8, 500 + leaf / 64, 400 + leaf / 512])
                .collect(),
        ];
        for flood in floods {
            let mut candidates = groups([victim].into_iter().chain(flood));
            let chosen = choose(&mut candidates, 50_000);
            assert_eq!(chosen.len(), 50_000);
            assert!(chosen.binary_search(&0).is_err());
        }
    }

    #[test]
    fn within_a_process_those_go_first_that_have_come_least_far() {
        let mut candidates = groups([[5, 0, 0, 0]; 4].into_iter());
        candidates[0].progress = 2;
        candidates[3].touched = 0;
        assert_eq!(choose(&mut candidates, 2), [1, 3]);
    }

    proptest! {
        #[test]
        fn as_many_go_as_asked_and_no_branch_gives_below_another(
            lineages in prop::collection::vec([0..3_u32, 0..3_u32, 0..3_u32, 0..3_u32], 1..200),
            share in 0..=100_usize,
        ) {
            let mut candidates = groups(lineages.iter().copied());
            let excess = lineages.len() * share / 100;
            let chosen = choose(&mut candidates, excess);
            prop_assert_eq!(chosen.len(), excess);
            let mut unique = chosen.clone();
            unique.dedup();
            prop_assert_eq!(unique.len(), excess);
            let count = |eldest: u32, gone: bool| {
                let is_gone = |sequence: usize| chosen.binary_search(&(sequence as u64)).is_ok();
                let own = lineages.iter().enumerate().filter(|(_, lineage)| lineage[3] == eldest);
                own.filter(|(sequence, _)| !gone || !is_gone(*sequence)).count()
            };
            for one in 0..3 {
                for other in 0..3 {
                    let gave = count(one, false) > count(one, true);
                    prop_assert!(!gave || count(one, true) + 1 >= count(other, true).min(count(one, false)));
                }
            }
        }
    }
}

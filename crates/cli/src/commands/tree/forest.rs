//! Processes as trees, one or more for each host.
//!
//! A process without a known parent is a root. Two things that only events which lie can bring about are cut:
//! parents that form a circle (its first process becomes a root), and a tree deeper than [`DEEPEST`] (what lies
//! deeper becomes further roots, each naming its parent). So what is drawn has every process once, and neither
//! drawing nor reading nested JSON needs more than that depth.
//!
//! With alerts alone, a process is kept if it or one of its descendants has an alert.

use std::collections::VecDeque;

use crate::processes::{ProcessIndex, Processes};

/// How deep a tree is drawn.
pub(super) const DEEPEST: usize = 48;

/// Trees, within bounds.
#[derive(Debug, Default)]
pub(super) struct Forest {
    /// The number of each host and its roots, by the hosts' names.
    pub(super) hosts: Vec<(u32, Vec<ProcessIndex>)>,
    children: Vec<Vec<ProcessIndex>>,
}

impl Forest {
    /// All processes, or those that `keeps` names and their ancestors.
    pub(super) fn new(
        processes: &Processes,
        keeps: Option<&mut dyn Iterator<Item = ProcessIndex>>,
    ) -> Self {
        let kept = keeps.map(|keeps| with_ancestors(processes, keeps));
        let is_kept = |index: &ProcessIndex| {
            kept.as_ref().is_none_or(|kept| kept.get(index.index()).copied().unwrap_or(false))
        };
        let mut known = vec![Vec::new(); processes.iter().count()];
        let mut hosts = vec![Vec::new(); processes.hosts.count() as usize];
        let mut of_hosts = hosts.clone();
        let mut indices: Vec<_> = processes
            .iter()
            .filter(|(index, _)| is_kept(index))
            .map(|(index, process)| (process.since(), index, process))
            .collect();
        indices.sort_by_key(|(since, index, _)| (*since, *index));
        for (_, index, process) in indices {
            if let Some(all) = of_hosts.get_mut(process.host as usize) {
                all.push(index);
            }
            let place = match process.parent {
                Some(parent) => known.get_mut(parent.index()),
                None => hosts.get_mut(process.host as usize),
            };
            if let Some(place) = place {
                place.push(index);
            }
        }
        let mut walk =
            Walk { seen: vec![false; known.len()], children: vec![Vec::new(); known.len()], known };
        let mut numbered: Vec<_> = (0..)
            .zip(hosts)
            .zip(of_hosts)
            .map(|((host, roots), all)| (host, walk.all_from(roots, &all)))
            .collect();
        numbered.sort_by_key(|(host, _)| processes.hosts.name(*host).map(str::to_lowercase));
        Self { hosts: numbered, children: walk.children }
    }

    /// The children of a process, by their starts.
    pub(super) fn children(&self, index: ProcessIndex) -> &[ProcessIndex] {
        self.children.get(index.index()).map_or(&[], Vec::as_slice)
    }
}

/// Which processes are named, or have a named descendant.
fn with_ancestors(
    processes: &Processes,
    named: &mut dyn Iterator<Item = ProcessIndex>,
) -> Vec<bool> {
    let mut kept = vec![false; processes.iter().count()];
    for index in named {
        let mut next = Some(index);
        // Each step marks a process that was not marked, so this ends.
        while let Some(index) = next
            && let Some(place) = kept.get_mut(index.index())
            && !*place
        {
            *place = true;
            next = processes.get(index).and_then(|process| process.parent);
        }
    }
    kept
}

struct Walk {
    /// As events tell of them.
    known: Vec<Vec<ProcessIndex>>,
    /// As they are drawn.
    children: Vec<Vec<ProcessIndex>>,
    seen: Vec<bool>,
}

impl Walk {
    /// Draws all processes of a host from its roots; returns all roots there are then.
    fn all_from(&mut self, roots: Vec<ProcessIndex>, all: &[ProcessIndex]) -> Vec<ProcessIndex> {
        let mut drawn = Vec::new();
        let mut queue = VecDeque::from(roots);
        let mut unseen = all.iter().copied();
        loop {
            // What no root leads to lies on a circle.
            let Some(root) =
                queue.pop_front().or_else(|| unseen.find(|index| !self.is_seen(*index)))
            else {
                return drawn;
            };
            drawn.push(root);
            self.see(root);
            let mut stack = vec![(root, 1)];
            while let Some((index, depth)) = stack.pop() {
                let known = self.known.get_mut(index.index()).map(std::mem::take);
                for child in known.unwrap_or_default() {
                    if self.is_seen(child) {
                        continue;
                    }
                    self.see(child);
                    if depth >= DEEPEST {
                        queue.push_back(child);
                        continue;
                    }
                    if let Some(children) = self.children.get_mut(index.index()) {
                        children.push(child);
                    }
                    stack.push((child, depth + 1));
                }
            }
        }
    }

    fn is_seen(&self, index: ProcessIndex) -> bool {
        self.seen.get(index.index()).copied().unwrap_or(true)
    }
    fn see(&mut self, index: ProcessIndex) {
        if let Some(place) = self.seen.get_mut(index.index()) {
            *place = true;
        }
    }
}

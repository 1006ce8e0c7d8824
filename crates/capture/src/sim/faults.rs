//! What goes wrong in a simulated session: a plan that its seed determines.
//!
//! For each record a number is drawn; which range it falls into says what happens to the record. So the same seed
//! does the same to the same records, however fast they come.

use std::time::Duration;

use etwatch_event::random::Random;

/// How often what goes wrong, in records of a million. All of them together are at most a million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The beginning of the plan.
    pub seed: u64,
    /// Records that Windows loses, and says so.
    pub lost: u32,
    /// Records that come twice.
    pub doubled: u32,
    /// Records that come later than those behind them.
    pub moved: u32,
    /// By how many records at most.
    pub moved_by: u32,
    /// Records at which a burst begins: what follows comes as fast as can be.
    pub bursts: u32,
    /// Records of a burst.
    pub burst: u32,
}

/// When a consumer stands still, by a plan of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stalls {
    /// The beginning of the plan.
    pub seed: u64,
    /// Batches of a thousand before which it does.
    pub batches: u32,
    /// For how long at most.
    pub most: Duration,
}

impl Stalls {
    /// For how long the consumer stands still before the batch with this number.
    #[must_use]
    pub fn before(&self, batch: u64) -> Duration {
        let mut random = Random(self.seed ^ batch.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        if random.below(1_000) >= self.batches {
            return Duration::ZERO;
        }
        self.most * random.below(1_000) / 1_000
    }
}

/// What happens to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Delivered,
    Lost,
    Doubled,
    /// It comes behind so many of the next records.
    Moved(u32),
    /// A burst of so many records begins with it.
    Burst(u32),
}

/// A plan that is carried out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    faults: Faults,
    random: Random,
}

impl Plan {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, random: Random(faults.seed) }
    }
    /// What happens to the next record.
    pub(super) fn next(&mut self) -> Fate {
        let Faults { lost, doubled, moved, moved_by, bursts, burst, .. } = self.faults;
        if [lost, doubled, moved, bursts] == [0; 4] {
            return Fate::Delivered;
        }
        let mut drawn = self.random.below(1_000_000);
        let by = moved_by.max(1);
        let fates = [
            (lost, Fate::Lost),
            (doubled, Fate::Doubled),
            (moved, Fate::Moved(1)),
            (bursts, Fate::Burst(burst)),
        ];
        for (count, fate) in fates {
            match drawn.checked_sub(count) {
                Some(rest) => drawn = rest,
                None if fate == Fate::Moved(1) => return Fate::Moved(1 + self.random.below(by)),
                None => return fate,
            }
        }
        Fate::Delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_plan_and_each_fault_comes_as_often_as_is_asked() {
        let faults = Faults {
            seed: 7,
            lost: 100_000,
            doubled: 50_000,
            moved: 20_000,
            moved_by: 10,
            bursts: 10_000,
            burst: 500,
        };
        let fates = |faults| {
            let mut plan = Plan::new(faults);
            (0..100_000).map(|_| plan.next()).collect::<Vec<_>>()
        };
        let once = fates(faults);
        assert!(once == fates(faults) && once != fates(Faults { seed: 8, ..faults }));
        let share = |is: fn(&Fate) -> bool| once.iter().filter(|fate| is(fate)).count();
        for (count, expected) in [
            (share(|fate| *fate == Fate::Lost), 10_000),
            (share(|fate| *fate == Fate::Doubled), 5_000),
            (share(|fate| matches!(fate, Fate::Moved(1..=10))), 2_000),
            (share(|fate| *fate == Fate::Burst(500)), 1_000),
        ] {
            assert!(count.abs_diff(expected) < expected / 8, "{count} {expected}");
        }
        assert!(fates(Faults::default()).iter().all(|fate| *fate == Fate::Delivered));
    }

    #[test]
    fn a_consumer_stands_still_as_its_plan_says() {
        let stalls = Stalls { seed: 3, batches: 100, most: Duration::from_millis(40) };
        let times: Vec<_> = (0..10_000).map(|batch| stalls.before(batch)).collect();
        let still = times.iter().filter(|time| !time.is_zero()).count();
        assert!((800..1_200).contains(&still), "{still}");
        assert!(times.iter().all(|time| *time < stalls.most));
        assert_eq!(Stalls::default().before(5), Duration::ZERO);
    }
}

//! What learning may cost.
//!
//! Learning how records are written costs as much as reading some of them in full. It is paid for from what
//! recalling saves, so that an input of which no two records are alike is soon no longer learned from.

/// What learning once costs, in records saved; what is there to begin with, and at most.
const COST: u32 = 8;
const CREDIT: u32 = 128 * COST;

/// What is left to learn with.
#[derive(Debug)]
pub(crate) struct Credit(u32);

impl Default for Credit {
    fn default() -> Self {
        Self(CREDIT)
    }
}

impl Credit {
    /// A record was recalled.
    pub(crate) fn earn(&mut self) {
        self.0 = CREDIT.min(self.0 + 1);
    }
    /// Whether there is enough for learning once; if so, it is spent.
    pub(crate) fn spend(&mut self) -> bool {
        let enough = self.0 >= COST;
        self.0 -= if enough { COST } else { 0 };
        enough
    }
}

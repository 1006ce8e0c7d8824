//! Layouts of records for the stream, asked of Windows.

use std::sync::Arc;

use etwatch_event::RawRecord;

use super::api::EtwApi;
use super::error::Kind;
use crate::live::{Describe, DescribeError};

/// Asks Windows how records are laid out. That it knows no layout is an answer, not an error.
#[derive(Clone)]
pub struct Describer(Arc<dyn EtwApi>);

impl Describer {
    /// A describer that asks this Windows.
    #[must_use]
    pub fn new(api: Arc<dyn EtwApi>) -> Self {
        Self(api)
    }
}

impl Describe for Describer {
    fn describe(&self, record: &RawRecord<'_>) -> Result<Option<Vec<u8>>, DescribeError> {
        match self.0.describe(record) {
            Ok(layout) => Ok(Some(layout)),
            Err(refusal) if refusal.kind() == Kind::NoLayout => Ok(None),
            Err(refusal) => {
                Err(DescribeError { what: "TdhGetEventInformation", code: refusal.code })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use etwatch_event::{Guid, RawHeader};

    use super::*;
    use crate::etw::fake::{FakeEtw, FakeMachine};
    use crate::etw::{Call, code};

    #[test]
    fn a_layout_none_and_a_refusal_are_three_answers() {
        let mut machine = FakeMachine::default();
        machine.layouts.insert((Guid([1; 16]), 7, 2), vec![1, 2, 3]);
        let etw = FakeEtw::new(machine);
        let describer = Describer::new(Arc::new(etw.clone()));
        let ask = |id| {
            let provider = Guid([1; 16]);
            let header = RawHeader { provider, id, version: 2, ..RawHeader::default() };
            describer.describe(&RawRecord { header, ..RawRecord::default() })
        };
        assert_eq!(ask(7), Ok(Some(vec![1, 2, 3])));
        assert_eq!(ask(8), Ok(None));
        etw.change(|machine| {
            machine.refuse.push((Call::Describe, None, code::FUNCTION_MISSING));
        });
        assert_eq!(ask(7).unwrap_err().code, 127);
    }
}

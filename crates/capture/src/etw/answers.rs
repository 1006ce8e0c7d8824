//! Answers of Windows that come as bytes: read here, where no pointer is followed, and tested everywhere.
//!
//! ```text
//! EnumerateTraceGuidsEx   u32 instances, u32 | each: u32 to the next, u32 sessions, u32 process, u32 flags,
//!                         each session: u32 on, u8 level, u8, u16 logger, u32 properties, u32, u64 any, u64 all
//! TdhEnumerateProviders   u32 providers, u32 | each: GUID, u32 schema, u32 offset of the name | names in UTF-16
//! ```
//!
//! Every count and offset is checked against the bytes that there are; what does not fit ends the list.

use super::api::{Enabled, Masks, NamedProvider, ProviderState};
use crate::etl::bytes::{guid_at, text, u16_at, u32_at, u64_at};

/// Bytes before the instances, of an instance, of a session within it.
const INFO: usize = 8;
const INSTANCE: usize = 16;
const ENABLED: usize = 32;
/// `TRACE_PROVIDER_FLAG_PRE_ENABLE`: it was enabled, but nobody has registered it.
const PRE_ENABLED: u32 = 2;

/// Reads a `TRACE_GUID_INFO`.
pub(super) fn provider_state(bytes: &[u8]) -> ProviderState {
    let mut state = ProviderState::default();
    let instances = u32_at(bytes, 0).unwrap_or_default();
    let mut at = INFO;
    for _ in 0..instances {
        let Some(instance) = bytes.get(at..) else { break };
        let (Some(next), Some(sessions), Some(flags)) =
            (u32_at(instance, 0), u32_at(instance, 4), u32_at(instance, 12))
        else {
            break;
        };
        state.is_registered |= flags & PRE_ENABLED == 0;
        let enabled = instance.get(INSTANCE..).unwrap_or_default();
        let enabled = enabled.chunks_exact(ENABLED).zip(0..sessions);
        for session in enabled.filter_map(|(session, _)| enabled_at(session)) {
            // Each process that registered it says the same again.
            if !state.enabled.contains(&session) {
                state.enabled.push(session);
            }
        }
        match usize::try_from(next) {
            Ok(next) if next >= INSTANCE => at += next,
            _ => break,
        }
    }
    state
}

fn enabled_at(session: &[u8]) -> Option<Enabled> {
    if u32_at(session, 0)? == 0 {
        return None;
    }
    let masks = Masks {
        level: *session.get(4)?,
        properties: u32_at(session, 8)?,
        any: u64_at(session, 16)?,
        all: u64_at(session, 24)?,
    };
    Some(Enabled { logger_id: u16_at(session, 6)?, masks })
}

/// Reads a `PROVIDER_ENUMERATION_INFO`.
pub(super) fn named_providers(bytes: &[u8]) -> Vec<NamedProvider> {
    let count = u32_at(bytes, 0).unwrap_or_default();
    let rows = bytes.get(8..).unwrap_or_default().chunks_exact(24).zip(0..count);
    let named = rows.filter_map(|(row, _)| {
        let name = bytes.get(usize::try_from(u32_at(row, 20)?).ok()?..)?;
        Some(NamedProvider { provider: guid_at(row, 0)?, name: text(name).0 })
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use etwatch_event::Guid;

    use super::*;

    fn session(level: u8, logger: u16, any: u64) -> Vec<u8> {
        let mut bytes = vec![1, 0, 0, 0, level, 0];
        bytes.extend(logger.to_le_bytes());
        bytes.extend([0x81, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(any.to_le_bytes());
        bytes.extend(7_u64.to_le_bytes());
        bytes
    }

    fn instance(flags: u32, sessions: &[Vec<u8>], is_last: bool) -> Vec<u8> {
        let count = u32::try_from(sessions.len()).unwrap();
        let next = if is_last { 0 } else { 16 + 32 * count };
        let mut bytes: Vec<u8> =
            [next, count, 4711, flags].into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.extend(sessions.concat());
        bytes
    }

    #[test]
    fn who_registered_a_provider_and_which_sessions_have_it() {
        let both = [session(4, 7, 0x10), session(5, 9, u64::MAX)];
        let mut bytes = vec![2, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(instance(0, &both, false));
        bytes.extend(instance(0, &both[1..], true));
        let state = provider_state(&bytes);
        assert!(state.is_registered);
        let masks = Masks { any: 0x10, all: 7, level: 4, properties: 0x81 };
        let second = Masks { any: u64::MAX, level: 5, ..masks };
        let expected = [(7, masks), (9, second)];
        let expected = expected.map(|(logger_id, masks)| Enabled { logger_id, masks });
        assert_eq!(state.enabled, expected);
        for cut in 0..bytes.len() {
            let less = provider_state(&bytes[..cut]);
            assert_eq!(less.enabled.len(), usize::from(cut >= 56) + usize::from(cut >= 88));
        }
    }

    #[test]
    fn one_that_was_only_enabled_is_not_registered() {
        let mut bytes = vec![1, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(instance(PRE_ENABLED, &[session(4, 7, 1)], true));
        let state = provider_state(&bytes);
        assert_eq!((state.is_registered, state.enabled.len()), (false, 1));
    }

    #[test]
    fn counts_and_offsets_that_lie_end_the_list() {
        let mut bytes = vec![0xff; 8];
        bytes.extend(instance(0, &[session(4, 7, 1)], true));
        assert_eq!(provider_state(&bytes).enabled.len(), 1, "no next one");
        bytes[8..12].copy_from_slice(&1_u32.to_le_bytes());
        assert_eq!(provider_state(&bytes).enabled.len(), 1, "a next one within this one");
        // Five chunks of 32 bytes fit behind the first instance, and are the same session five times.
        assert_eq!(provider_state(&[0xff; 200]).enabled.len(), 1);
    }

    #[test]
    fn providers_have_names() {
        let mut bytes = vec![2, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend([1; 16]);
        bytes.extend([0, 0, 0, 0, 56, 0, 0, 0]);
        bytes.extend([2; 16]);
        bytes.extend([0, 0, 0, 0, 0xff, 0xff, 0, 0]); // a name that lies outside
        bytes.extend("Ä-1\0rest".encode_utf16().flat_map(u16::to_le_bytes));
        let named = NamedProvider { provider: Guid([1; 16]), name: "Ä-1".to_owned() };
        assert_eq!(named_providers(&bytes), [named]);
        for cut in 0..56 {
            assert_eq!(named_providers(&bytes[..cut]), [], "{cut}");
        }
    }
}

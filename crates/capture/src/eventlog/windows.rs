//! The event log of this Windows, by `wevtapi.dll`.
//!
//! Channels are read in the pull mode: Windows sets an event object when there may be events, and `EvtNext` fetches
//! them. All subscriptions of a log share one object. Whoever waits for it resets it before anybody is asked, and
//! then asks all until they have nothing: what is written meanwhile sets it again.
//!
//! "From now on" is made exact by a bookmark: of the newest event that is there when it is asked for, so that a
//! restart of the service does not lose what comes before the first event is read.
//!
//! All handles of the event log are closed by [`EvtHandle`]; what Windows writes goes to buffers of ours, whose
//! lengths it is told.
#![expect(unsafe_code, reason = "the calls of wevtapi.dll")]

use std::mem::size_of;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_OPERATION, ERROR_INVALID_PARAMETER,
    ERROR_NO_MORE_ITEMS, ERROR_TIMEOUT, GetLastError, WAIT_OBJECT_0,
};
use windows_sys::Win32::System::EventLog::{
    EVT_HANDLE, EVT_VARIANT, EvtChannelConfigEnabled, EvtClose, EvtCreateBookmark,
    EvtGetChannelConfigProperty, EvtNext, EvtNextChannelPath, EvtOpenChannelConfig,
    EvtOpenChannelEnum, EvtQuery, EvtQueryChannelPath, EvtQueryReverseDirection, EvtRender,
    EvtRenderBookmark, EvtRenderEventXml, EvtSubscribe, EvtSubscribeStartAfterBookmark,
    EvtSubscribeStartAtOldestRecord, EvtSubscribeStrict, EvtUpdateBookmark,
};
use windows_sys::Win32::System::Threading::{CreateEventW, ResetEvent, WaitForSingleObject};

use super::api::{ChannelEvents, EventLog, Start};
use super::error::{Call, EventLogError};

/// Events of one `EvtNext`.
const AT_ONCE: usize = 64;
/// UTF-16 units of a text that Windows renders; far above what an event can have.
const LONGEST: usize = 32 << 20;
/// Units of the path of a channel, at most 255 by Windows' own limit.
const LONGEST_PATH: usize = 512;

/// The event log of this machine.
#[derive(Debug)]
pub struct LocalEventLog {
    /// Set by Windows when some subscription may have events.
    signal: Arc<OwnedHandle>,
}

/// A handle of the event log.
#[derive(Debug)]
struct EvtHandle(EVT_HANDLE);

impl EvtHandle {
    /// Takes a handle that a call has just returned; null is its failure.
    fn new(handle: EVT_HANDLE, call: Call, channel: &str) -> Result<Self, EventLogError> {
        if handle == 0 { Err(last_error(call, channel)) } else { Ok(Self(handle)) }
    }
}

impl Drop for EvtHandle {
    fn drop(&mut self) {
        // SAFETY: `new` and `next_of` took the handle from its only owner, and it is not used after this.
        unsafe { EvtClose(self.0) };
    }
}

fn last_error(call: Call, channel: &str) -> EventLogError {
    // SAFETY: it reads a number of this thread.
    let code = unsafe { GetLastError() };
    error(call, code, channel)
}

fn error(call: Call, code: u32, channel: &str) -> EventLogError {
    EventLogError { call, code, channel: channel.to_owned() }
}

/// A text with its NUL; one that has a NUL inside would be cut short, and is refused.
fn wide(text: &str, call: Call) -> Result<Vec<u16>, EventLogError> {
    if text.contains('\0') {
        return Err(error(call, ERROR_INVALID_PARAMETER, text));
    }
    Ok(text.encode_utf16().chain([0]).collect())
}

impl LocalEventLog {
    /// The event log, of which nothing is asked yet.
    ///
    /// # Errors
    /// [`EventLogError`] if Windows has no room for an event object.
    pub fn new() -> Result<Self, EventLogError> {
        // SAFETY: no attributes and no name; reset by hand, not set.
        let handle = unsafe { CreateEventW(null(), 1, 0, null()) };
        if handle.is_null() {
            return Err(last_error(Call::Subscribe, ""));
        }
        // SAFETY: it is a new handle that nobody else has.
        let signal = unsafe { OwnedHandle::from_raw_handle(handle) };
        Ok(Self { signal: Arc::new(signal) })
    }
}

impl EventLog for LocalEventLog {
    fn subscribe(
        &mut self,
        channel: &str,
        query: &str,
        start: Start<'_>,
    ) -> Result<Box<dyn ChannelEvents>, EventLogError> {
        let (path, wide_query) = (wide(channel, Call::Subscribe)?, wide(query, Call::Subscribe)?);
        let bookmark = Bookmark::new(start, channel)?;
        let flags = match start {
            Start::After(_) => EvtSubscribeStartAfterBookmark | EvtSubscribeStrict,
            Start::Now if bookmark.is_set => EvtSubscribeStartAfterBookmark | EvtSubscribeStrict,
            // Of a channel without events, all are new.
            Start::Now | Start::Oldest => EvtSubscribeStartAtOldestRecord,
        };
        let after = if flags == EvtSubscribeStartAtOldestRecord { 0 } else { bookmark.handle.0 };
        let signal = self.signal.as_raw_handle();
        // SAFETY: both texts end in NUL and live through the call, which copies them. The event object is open, and
        // stays so as long as the subscription: `LocalChannel` holds it and drops it last. `after` is null or a
        // bookmark that is open through the call. There is no callback, so the context is not used.
        let handle = unsafe {
            EvtSubscribe(0, signal, path.as_ptr(), wide_query.as_ptr(), after, null(), None, flags)
        };
        let subscription = EvtHandle::new(handle, Call::Subscribe, channel)?;
        let signal = Arc::clone(&self.signal);
        Ok(Box::new(LocalChannel {
            subscription,
            bookmark,
            path: channel.to_owned(),
            text: String::new(),
            room: Vec::new(),
            _signal: signal,
        }))
    }

    fn wait(&mut self, timeout: Duration) -> bool {
        // The largest number would be "for ever".
        let millis = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).min(u32::MAX - 1);
        let signal = self.signal.as_raw_handle();
        // SAFETY: the handle is open as long as `self`.
        let is_set = unsafe { WaitForSingleObject(signal, millis) } == WAIT_OBJECT_0;
        if is_set {
            // SAFETY: as before.
            unsafe { ResetEvent(signal) };
        }
        is_set
    }

    fn channels(&mut self) -> Result<Vec<String>, EventLogError> {
        // SAFETY: no session and no flags.
        let all = EvtHandle::new(unsafe { EvtOpenChannelEnum(0, 0) }, Call::List, "")?;
        let mut paths = Vec::new();
        let mut room = [0_u16; LONGEST_PATH];
        loop {
            let mut used = 0;
            let length = u32::try_from(room.len()).unwrap_or_default();
            // SAFETY: the handle is open; `room` has `length` units and `used` is a number, both ours.
            let found =
                unsafe { EvtNextChannelPath(all.0, length, room.as_mut_ptr(), &raw mut used) };
            if found == 0 {
                let error = last_error(Call::List, "");
                return if error.code == ERROR_NO_MORE_ITEMS { Ok(paths) } else { Err(error) };
            }
            paths.push(until_nul(&room));
        }
    }

    fn is_enabled(&mut self, channel: &str) -> Result<bool, EventLogError> {
        let path = wide(channel, Call::Configuration)?;
        // SAFETY: the text ends in NUL and lives through the call.
        let handle = unsafe { EvtOpenChannelConfig(0, path.as_ptr(), 0) };
        let setup = EvtHandle::new(handle, Call::Configuration, channel)?;
        let mut value = [0_u64; size_of::<EVT_VARIANT>().div_ceil(8)];
        let (length, mut used) = (u32::try_from(size_of_val(&value)).unwrap_or_default(), 0);
        // SAFETY: the handle is open; `value` is at least as long and as aligned as the structure that is written to
        // it, for a boolean has nothing behind it; `used` is a number of ours.
        let told = unsafe {
            EvtGetChannelConfigProperty(
                setup.0,
                EvtChannelConfigEnabled,
                0,
                length,
                value.as_mut_ptr().cast::<EVT_VARIANT>(),
                &raw mut used,
            )
        };
        if told == 0 {
            return Err(last_error(Call::Configuration, channel));
        }
        // The value is a `BOOL` at the beginning of the structure.
        Ok(value.first().is_some_and(|word| word & 0xffff_ffff != 0))
    }
}

/// A bookmark of Windows.
#[derive(Debug)]
struct Bookmark {
    handle: EvtHandle,
    /// Whether it names an event.
    is_set: bool,
}

impl Bookmark {
    /// The bookmark for a beginning; for "now" that of the newest event there is.
    fn new(start: Start<'_>, channel: &str) -> Result<Self, EventLogError> {
        let text = match start {
            Start::After(text) => Some(wide(text, Call::Bookmark)?),
            Start::Now | Start::Oldest => None,
        };
        let text_pointer = text.as_ref().map_or(null(), Vec::as_ptr);
        // SAFETY: null, or a text that ends in NUL and lives through the call.
        let handle = unsafe { EvtCreateBookmark(text_pointer) };
        let handle = EvtHandle::new(handle, Call::Bookmark, channel)?;
        let mut bookmark = Self { handle, is_set: text.is_some() };
        if start == Start::Now
            && let Some(newest) = newest(channel)?
        {
            bookmark.update(&newest, channel)?;
        }
        Ok(bookmark)
    }
    fn update(&mut self, event: &EvtHandle, channel: &str) -> Result<(), EventLogError> {
        // SAFETY: both handles are open.
        if unsafe { EvtUpdateBookmark(self.handle.0, event.0) } == 0 {
            return Err(last_error(Call::Bookmark, channel));
        }
        self.is_set = true;
        Ok(())
    }
}

/// The newest event of a channel.
fn newest(channel: &str) -> Result<Option<EvtHandle>, EventLogError> {
    let (path, all) = (wide(channel, Call::Subscribe)?, wide("*", Call::Subscribe)?);
    let flags = EvtQueryChannelPath | EvtQueryReverseDirection;
    // SAFETY: both texts end in NUL and live through the call.
    let found = unsafe { EvtQuery(0, path.as_ptr(), all.as_ptr(), flags) };
    let found = EvtHandle::new(found, Call::Subscribe, channel)?;
    Ok(next_of(&found, 1, channel)?.into_iter().next())
}

/// The next events of a query or subscription, at most `most`.
fn next_of(from: &EvtHandle, most: usize, channel: &str) -> Result<Vec<EvtHandle>, EventLogError> {
    let mut events = [0; AT_ONCE];
    let most = u32::try_from(most.min(AT_ONCE)).unwrap_or(1);
    let mut count = 0;
    // SAFETY: `events` has at least `most` places, `count` is a number of ours. It does not wait.
    let found = unsafe { EvtNext(from.0, most, events.as_mut_ptr(), 0, 0, &raw mut count) };
    if found == 0 {
        let error = last_error(Call::Read, channel);
        // The third is what a subscription says that has nothing.
        let none = [ERROR_NO_MORE_ITEMS, ERROR_TIMEOUT, ERROR_INVALID_OPERATION];
        return if none.contains(&error.code) { Ok(Vec::new()) } else { Err(error) };
    }
    let count = usize::try_from(count).unwrap_or_default();
    Ok(events.into_iter().take(count).filter(|event| *event != 0).map(EvtHandle).collect())
}

/// A subscription. What is first is dropped first: the event object outlives the subscription.
#[derive(Debug)]
struct LocalChannel {
    subscription: EvtHandle,
    bookmark: Bookmark,
    path: String,
    /// The text of an event, and room for it as Windows writes it.
    text: String,
    room: Vec<u16>,
    _signal: Arc<OwnedHandle>,
}

impl ChannelEvents for LocalChannel {
    fn next(
        &mut self,
        most: usize,
        take: &mut dyn FnMut(Result<&str, EventLogError>),
    ) -> Result<usize, EventLogError> {
        let events = next_of(&self.subscription, most, &self.path)?;
        for event in &events {
            match render(event, EvtRenderEventXml, &mut self.room, &self.path) {
                Ok(()) => {
                    self.text.clear();
                    push_text(&mut self.text, &self.room);
                    take(Ok(&self.text));
                }
                Err(error) => take(Err(error)),
            }
            self.bookmark.update(event, &self.path)?;
        }
        Ok(events.len())
    }
    fn bookmark(&mut self) -> Result<Option<String>, EventLogError> {
        if !self.bookmark.is_set {
            return Ok(None);
        }
        render(&self.bookmark.handle, EvtRenderBookmark, &mut self.room, &self.path)?;
        Ok(Some(until_nul(&self.room)))
    }
}

/// Writes the XML of an event or a bookmark to `room`.
fn render(
    what: &EvtHandle,
    flags: u32,
    room: &mut Vec<u16>,
    channel: &str,
) -> Result<(), EventLogError> {
    room.resize(room.capacity().clamp(4_096, LONGEST), 0);
    loop {
        let (mut used, mut properties) = (0, 0);
        let bytes = u32::try_from(room.len() * 2).unwrap_or_default();
        let to = if room.is_empty() { null_mut() } else { room.as_mut_ptr().cast() };
        // SAFETY: the handle is open; `to` has `bytes` bytes of ours, which any bits may fill; `used` and
        // `properties` are numbers of ours.
        let done =
            unsafe { EvtRender(0, what.0, flags, bytes, to, &raw mut used, &raw mut properties) };
        let units = usize::try_from(used).unwrap_or(usize::MAX) / 2;
        if done != 0 {
            room.truncate(units);
            return Ok(());
        }
        let error = last_error(Call::Render, channel);
        // It must grow, or it would be asked for ever.
        let is_longer = units.saturating_add(1) > room.len() && units < LONGEST;
        if error.code != ERROR_INSUFFICIENT_BUFFER || !is_longer {
            return Err(error);
        }
        room.resize(units + 1, 0);
    }
}

/// Adds UTF-16 up to its first NUL; half a surrogate pair becomes U+FFFD.
fn push_text(text: &mut String, units: &[u16]) {
    let units = units.iter().copied().take_while(|unit| *unit != 0);
    text.extend(char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{fffd}')));
}

fn until_nul(units: &[u16]) -> String {
    let mut text = String::new();
    push_text(&mut text, units);
    text
}

#[cfg(test)]
mod tests;
